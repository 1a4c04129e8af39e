//! RabbitMQ's management interface: virtual hosts, what waits in their queues, and what an operator does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::http::{self, Answer};

/// A management interface that does not answer within this time is out of order.
const LIMIT: Duration = Duration::from_secs(20);

const NOT_FOUND: u16 = 404;

/// The management interface of one broker, with the login to it.
#[derive(Clone, Debug)]
pub struct Management {
    base: String,
    authorization: String,
}

/// What waits in one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Messages that no consumer has been given yet.
    #[serde(default)]
    pub messages_ready: u64,
    /// Messages that a consumer has in hand.
    #[serde(default)]
    pub messages_unacknowledged: u64,
}

impl Management {
    /// The interface at `http://user:password@host:port`.
    ///
    /// # Errors
    /// When the address has another form.
    pub fn new(url: &str) -> Result<Self> {
        let parts = url.strip_prefix("http://");
        let parts = parts.and_then(|rest| rest.rsplit_once('@'));
        let (login, host) = parts.context(
            "the broker's management interface is not of the form http://user:password@host:port; \
             script/servers env prints it as HERALD_TEST_BROKER_ADMIN",
        )?;
        Ok(Self {
            base: format!("http://{}/api", host.trim_end_matches('/')),
            authorization: format!("authorization: Basic {}", STANDARD.encode(login)),
        })
    }

    /// Makes a virtual host.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn make_vhost(&self, name: &str) -> Result<()> {
        self.ask("PUT", &format!("vhosts/{name}")).await.map(drop)
    }

    /// Deletes a virtual host with all its queues, if it is there.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn delete_vhost(&self, name: &str) -> Result<()> {
        self.delete_if_there(&format!("vhosts/{name}")).await
    }

    /// The queues of a virtual host with what waits in them. RabbitMQ counts a quorum queue anew
    /// every few seconds, so the numbers are that old at most.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn queues(&self, vhost: &str) -> Result<Vec<Queue>> {
        // Statistics are off on test servers and dear on others; the totals alone are neither.
        let path = format!("queues/{vhost}?disable_stats=true&enable_queue_totals=true");
        self.json(&path).await
    }

    /// The version of RabbitMQ.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn version(&self) -> Result<String> {
        #[derive(Deserialize)]
        struct Overview {
            rabbitmq_version: String,
        }
        let overview: Overview = self.json("overview").await?;
        Ok(overview.rabbitmq_version)
    }

    /// What stands at a path.
    pub(super) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.ask("GET", path).await?;
        serde_json::from_slice(&answer.body).with_context(|| named("GET", path))
    }

    /// An answer with a good status.
    pub(super) async fn ask(&self, method: &str, path: &str) -> Result<Answer> {
        good(self.answer(method, path).await?, method, path)
    }

    /// Deletes what need not be there.
    pub(super) async fn delete_if_there(&self, path: &str) -> Result<()> {
        match self.answer("DELETE", path).await? {
            answer if answer.status == NOT_FOUND => Ok(()),
            answer => good(answer, "DELETE", path).map(drop),
        }
    }

    async fn answer(&self, method: &str, path: &str) -> Result<Answer> {
        let url = format!("{}/{path}", self.base);
        let headers = [
            self.authorization.as_str(),
            "content-type: application/json",
        ];
        timeout(LIMIT, http::request(method, &url, &headers, b"{}"))
            .await
            .with_context(|| format!("{}: no answer in time", named(method, path)))?
            .with_context(|| format!("{}: is it running?", named(method, path)))
    }
}

fn good(answer: Answer, method: &str, path: &str) -> Result<Answer> {
    ensure!(
        (200..300).contains(&answer.status),
        "{}: it answers {}: {}",
        named(method, path),
        answer.status,
        answer.text()
    );
    Ok(answer)
}

fn named(method: &str, path: &str) -> String {
    format!("the broker's management interface, {method} {path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_taken_out_of_the_address() {
        let admin = Management::new("http://ana:s3@127.0.0.1:15672/").unwrap();
        assert_eq!(admin.base, "http://127.0.0.1:15672/api");
        assert!(admin.authorization.ends_with("YW5hOnMz"));
        for wrong in ["https://a:b@c:1", "http://c:1"] {
            let error = Management::new(wrong).unwrap_err();
            assert!(error.to_string().contains("script/servers"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_named() {
        let admin = Management::new("http://a:b@127.0.0.1:1").unwrap();
        let error = admin.make_vhost("x").await.unwrap_err();
        assert!(error.to_string().contains("PUT vhosts/x"), "{error}");
    }
}
