//! RabbitMQ's management interface, as far as a measurement needs it: virtual hosts and what waits
//! in their queues.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::client::{self, Answer};

/// A management interface that does not answer within this time is out of order.
const PATIENCE: Duration = Duration::from_secs(20);

const NOT_FOUND: u16 = 404;

/// The management interface of one broker, with the login to it.
#[derive(Clone, Debug)]
pub struct BrokerAdmin {
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

impl BrokerAdmin {
    /// The interface at `http://user:password@host:port`.
    ///
    /// # Errors
    /// When the address has another form.
    pub fn new(url: &str) -> Result<Self, String> {
        let wrong = || {
            "the broker's management interface is not of the form http://user:password@host:port; \
             script/servers env prints it as HERALD_TEST_BROKER_ADMIN"
                .to_owned()
        };
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (login, host) = rest.rsplit_once('@').ok_or_else(wrong)?;
        Ok(Self {
            base: format!("http://{}/api", host.trim_end_matches('/')),
            authorization: format!("authorization: Basic {}", STANDARD.encode(login)),
        })
    }

    /// Makes a virtual host.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn make_vhost(&self, name: &str) -> Result<(), String> {
        self.ask("PUT", &format!("vhosts/{name}")).await.map(drop)
    }

    /// Deletes a virtual host with all its queues, if it is there.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn delete_vhost(&self, name: &str) -> Result<(), String> {
        match self.answer("DELETE", &format!("vhosts/{name}")).await? {
            answer if answer.status == NOT_FOUND => Ok(()),
            answer => good(answer, "DELETE", name).map(drop),
        }
    }

    /// The queues of a virtual host with what waits in them. RabbitMQ counts a quorum queue anew
    /// every few seconds, so the numbers are that old at most.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn queues(&self, vhost: &str) -> Result<Vec<Queue>, String> {
        // Statistics are off on test servers and dear on others; the totals alone are neither.
        let path = format!("queues/{vhost}?disable_stats=true&enable_queue_totals=true");
        self.json(&path).await
    }

    /// The version of RabbitMQ.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn version(&self) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Overview {
            rabbitmq_version: String,
        }
        let overview: Overview = self.json("overview").await?;
        Ok(overview.rabbitmq_version)
    }

    /// What stands at a path.
    pub(crate) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let answer = self.ask("GET", path).await?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the broker's management interface, {path}: {error}"))
    }

    /// An answer with a good status.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Result<Answer, String> {
        good(self.answer(method, path).await?, method, path)
    }

    async fn answer(&self, method: &str, path: &str) -> Result<Answer, String> {
        let url = format!("{}/{path}", self.base);
        let headers = [
            self.authorization.as_str(),
            "content-type: application/json",
        ];
        match timeout(PATIENCE, client::request(method, &url, &headers, b"")).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(named(method, path, &format!("{error}; is it running?"))),
            Err(_) => {
                let late = format!("no answer within {} s", PATIENCE.as_secs());
                Err(named(method, path, &late))
            }
        }
    }
}

fn good(answer: Answer, method: &str, path: &str) -> Result<Answer, String> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let what = format!("it answers {}: {}", answer.status, answer.text());
    Err(named(method, path, &what))
}

fn named(method: &str, path: &str, what: &str) -> String {
    format!("the broker's management interface, {method} {path}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_taken_out_of_the_address() {
        let admin = BrokerAdmin::new("http://ana:s3@127.0.0.1:15672/").unwrap();
        assert_eq!(admin.base, "http://127.0.0.1:15672/api");
        assert!(admin.authorization.ends_with("YW5hOnMz"));
        for wrong in ["https://a:b@c:1", "http://c:1"] {
            assert!(
                BrokerAdmin::new(wrong)
                    .unwrap_err()
                    .contains("script/servers")
            );
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_named() {
        let admin = BrokerAdmin::new("http://a:b@127.0.0.1:1").unwrap();
        let error = admin.make_vhost("x").await.unwrap_err();
        assert!(error.contains("PUT vhosts/x"), "{error}");
    }
}
