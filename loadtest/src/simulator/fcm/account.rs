//! The service account that the simulator believes in. Its key pair is a TEST KEY, published with
//! the source: it opens nothing but this simulator.

use serde_json::json;

/// TEST KEY, see above.
const PRIVATE_KEY: &str = include_str!("test_key_private.pem");
/// The public half of the test key.
pub(super) const PUBLIC_KEY: &str = include_str!("test_key_public.pem");

/// The Firebase project of the test account.
pub(crate) const PROJECT: &str = "herald-simulator";
pub(crate) const CLIENT_EMAIL: &str = "simulator@herald-simulator.iam.gserviceaccount.com";
const KEY_ID: &str = "0000000000000000000000000000000000000001";

/// A service-account file as Google hands it out, whose `token_uri` is the simulator's.
pub(crate) fn service_account_json(token_uri: &str) -> String {
    json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": KEY_ID,
        "private_key": private_key(),
        "client_email": CLIENT_EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    })
    .to_string()
}

/// The key's PEM block, without the warning in front of it.
pub(crate) fn private_key() -> &'static str {
    let start = PRIVATE_KEY.find("-----BEGIN").unwrap_or(0);
    PRIVATE_KEY.get(start..).unwrap_or(PRIVATE_KEY)
}
