//! A token in its last minutes.

use super::*;
use crate::domain::ProviderKind;
use crate::providers::fcm::settings::{self, FcmSettings};
use crate::providers::testing::{Peer, account, http};

/// A token in its last minutes.
fn ending() -> AccessToken {
    let now = clock::instant();
    AccessToken {
        authorization: HeaderValue::from_static("Bearer old"),
        renew_at: now,
        expires_at: now + EARLY,
    }
}

async fn get(answer: String) -> (HeaderValue, usize) {
    let peer = Peer::answering(answer);
    let secret = settings::tests::service_json(&peer.url);
    let config = serde_json::json!({});
    let account = account(ProviderKind::Fcm, None, Some(&secret), config);
    let settings = FcmSettings::from_account(&account).ok().unwrap();
    let tokens = AccessTokens::new(HttpClient::plain(), settings.service);
    tokens.current.store(Some(Arc::new(ending())));
    let deadline = clock::instant() + settings.timeout;
    tokens.get(deadline).await.ok().unwrap();
    let token = tokens.get(deadline).await.ok().unwrap();
    (token.authorization.clone(), peer.more())
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed() {
    let (token, asked) = get(http(200, "", r#"{"access_token":"new"}"#)).await;
    assert_eq!((token, asked), (HeaderValue::from_static("Bearer new"), 1));
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_serves_to_its_end() {
    let (token, asked) = get(http(500, "", "")).await;
    assert_eq!((token, asked), (HeaderValue::from_static("Bearer old"), 1));
}
