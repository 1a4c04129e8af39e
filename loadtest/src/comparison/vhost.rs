//! Virtual hosts, made and deleted through RabbitMQ's management interface.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::ComparisonError;
use crate::client::request;

/// The management interface.
pub(super) struct Admin {
    address: String,
    authorization: String,
}

impl Admin {
    /// From `http://user:password@host:port`.
    pub(super) fn at(url: &str) -> Result<Self, ComparisonError> {
        let parts = url
            .trim_end_matches('/')
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('@'));
        let Some((login, host)) = parts else {
            let words = "it is not an address of the form http://user:password@host:port";
            return Err(ComparisonError::Admin(words.to_owned()));
        };
        Ok(Self {
            address: format!("http://{host}"),
            authorization: format!("authorization: Basic {}", STANDARD.encode(login)),
        })
    }

    pub(super) async fn create(&self, vhost: &str) -> Result<(), ComparisonError> {
        self.delete(vhost).await?;
        self.ask("PUT", vhost, &[201, 204]).await
    }

    pub(super) async fn delete(&self, vhost: &str) -> Result<(), ComparisonError> {
        self.ask("DELETE", vhost, &[204, 404]).await
    }

    async fn ask(&self, method: &str, vhost: &str, good: &[u16]) -> Result<(), ComparisonError> {
        let url = format!("{}/api/vhosts/{vhost}", self.address);
        let headers = [
            self.authorization.as_str(),
            "content-type: application/json",
        ];
        let answer = request(method, &url, &headers, b"")
            .await
            .map_err(|error| ComparisonError::Admin(error.to_string()))?;
        if good.contains(&answer.status) {
            return Ok(());
        }
        let (status, words) = (answer.status, answer.text());
        let words = format!("{method} {vhost}: {status} {words}");
        Err(ComparisonError::Admin(words))
    }
}
