//! What an FCM account needs: a service account's JSON, and the project.

use std::time::Duration;

use hyper::Uri;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

use crate::domain::Account;
use crate::providers::SettingsError;
use crate::providers::fields::{ConfigFields, Secret, http_url, uri_of};

const BASE_URL: &str = "https://fcm.googleapis.com";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// An FCM account's settings. Holds the private key: no `Debug`.
pub(crate) struct FcmSettings {
    pub(crate) send_uri: Uri,
    pub(crate) service: ServiceAccount,
    pub(crate) timeout: Duration,
}

/// The service account in whose name tokens are asked for.
pub(crate) struct ServiceAccount {
    /// Who asks.
    pub(crate) client_email: String,
    /// Which of its keys signs.
    pub(crate) key_id: Option<String>,
    /// The key.
    pub(crate) key: EncodingKey,
    /// Where tokens are had.
    pub(crate) token_uri: Uri,
}

impl FcmSettings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = ConfigFields::of(account, &["base_url", "project_id"]);
        let json = service_json(&mut fields);
        let project = project_id(&mut fields, &json);
        let path = format!("v1/projects/{project}/messages:send");
        let send_uri = fields.endpoint(BASE_URL, &path);
        let service = service(&mut fields, &json);
        let timeout = fields.timeout();
        let (Some(send_uri), Some(service)) = fields.finish((send_uri, service))? else {
            return Err(SettingsError::incomplete(account));
        };
        Ok(Self {
            send_uri,
            service,
            timeout,
        })
    }
}

/// The key file's content. Errors of the JSON reader quote what they read: only the place is told.
fn service_json(fields: &mut ConfigFields<'_>) -> Map<String, Value> {
    let text = fields.required_secret(Secret::Secret, "the service account's JSON");
    if text.is_empty() {
        return Map::new();
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) if !map.is_empty() => map,
        Ok(_) => {
            fields.mistake("`api_secret` must be the service account's JSON object");
            Map::new()
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            fields.mistake(format!(
                "`api_secret` is not JSON (line {line}, column {column})"
            ));
            Map::new()
        }
    }
}

/// A text of the key file; noted as a mistake when it is needed and absent.
fn member<'a>(fields: &mut ConfigFields<'_>, json: &'a Map<String, Value>, name: &str) -> &'a str {
    let text = json.get(name).and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() && !json.is_empty() {
        fields.mistake(format!(
            "the service account's JSON lacks the text `{name}`"
        ));
    }
    text
}

/// The project goes into the path: from the configuration, else from the key file.
fn project_id(fields: &mut ConfigFields<'_>, json: &Map<String, Value>) -> String {
    let configured = fields.text("project_id");
    let project = match configured {
        Some(project) => project,
        None => member(fields, json, "project_id"),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if !project.bytes().all(allowed) {
        fields.mistake("`project_id` may hold letters, digits and - _ . : only");
    }
    project.to_owned()
}

fn service(fields: &mut ConfigFields<'_>, json: &Map<String, Value>) -> Option<ServiceAccount> {
    let client_email = member(fields, json, "client_email").to_owned();
    let pem = member(fields, json, "private_key");
    let key = signing_key(pem);
    if key.is_none() && !pem.is_empty() {
        fields.mistake("`private_key` of the service account's JSON is no RSA key in PEM");
    }
    let key_id = json.get("private_key_id").and_then(Value::as_str);
    let uri = json.get("token_uri").and_then(Value::as_str);
    let token_uri = http_url(uri.unwrap_or(TOKEN_URI)).as_ref().and_then(uri_of);
    if token_uri.is_none() {
        fields.mistake("`token_uri` of the service account's JSON must be an http(s):// URL");
    }
    Some(ServiceAccount {
        client_email,
        key_id: key_id.map(str::to_owned),
        key: key?,
        token_uri: token_uri?,
    })
}

/// The key, if it can sign: a PEM envelope alone says nothing about what is in it.
fn signing_key(pem: &str) -> Option<EncodingKey> {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &Map::new(), &key);
    signed.is_ok().then_some(key)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    /// Made for these tests; it opens nothing.
    pub(crate) const PEM: &str = include_str!("test_key.pem");

    /// A service account whose tokens are had at this address.
    pub(crate) fn service_json(token_uri: &str) -> String {
        json!({
            "type": "service_account", "project_id": "demo", "private_key_id": "k1",
            "private_key": PEM, "client_email": "herald@demo.iam.gserviceaccount.com",
            "token_uri": token_uri,
        })
        .to_string()
    }

    fn mistakes(secret: Option<&str>, config: Value) -> String {
        let account = account(ProviderKind::Fcm, None, secret, config);
        match FcmSettings::from_account(&account) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.mistakes.join("\n"),
        }
    }

    #[test]
    fn all_mistakes_are_told_and_no_secret() {
        insta::assert_snapshot!(mistakes(None, json!({"project": "x"})), @"
        config key `project` is unknown; allowed: base_url, project_id, sandbox
        `api_secret` is missing: the service account's JSON
        ");
        insta::assert_snapshot!(mistakes(Some("SECRET"), json!({"project_id": "a/b"})), @"
        `api_secret` is not JSON (line 1, column 1)
        `project_id` may hold letters, digits and - _ . : only
        ");
        insta::assert_snapshot!(mistakes(Some("{\"private_key\": \"SECRET\", \"token_uri\": \"x\"}"), json!({})), @"
        the service account's JSON lacks the text `project_id`
        the service account's JSON lacks the text `client_email`
        `private_key` of the service account's JSON is no RSA key in PEM
        `token_uri` of the service account's JSON must be an http(s):// URL
        ");
        insta::assert_snapshot!(mistakes(Some("[]"), json!({"project_id": "x"})), @"`api_secret` must be the service account's JSON object");
    }

    #[test]
    fn the_project_is_in_the_path() {
        for (config, expected) in [
            (
                json!({}),
                "https://fcm.googleapis.com/v1/projects/demo/messages:send",
            ),
            (
                json!({"project_id": "other", "base_url": "http://127.0.0.1:4050"}),
                "http://127.0.0.1:4050/v1/projects/other/messages:send",
            ),
        ] {
            let secret = service_json("http://127.0.0.1:1/token");
            let account = account(ProviderKind::Fcm, None, Some(&secret), config);
            let settings = FcmSettings::from_account(&account).ok().unwrap();
            assert_eq!(settings.send_uri.to_string(), expected);
        }
    }
}
