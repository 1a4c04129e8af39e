//! The way to a server: from its URL to a client that was let in.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_postgres::{CancelToken, Client, Connection};

use super::super::{Access, StoreError};
use super::endpoint::{self, ServerAddress};
use super::secured::{self, Bound};
use super::stream::{Generation, RawSocket, ServerStream};
use super::words;
use crate::config::PostgresUrl;
use crate::tls::{self, Files};

/// Longest that one address may take to be connected to for a cancellation.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);

/// What has to be driven for a client's requests to go anywhere.
pub(super) type Driver = Connection<Box<dyn RawSocket>, Bound<Box<dyn RawSocket>>>;

/// A URL that was read, and the files that go with it.
#[derive(Clone)]
pub(super) struct DialPlan {
    pub(super) url: PostgresUrl,
    files: Files,
}

/// Somebody who was let in.
pub(super) struct Dialled {
    pub(super) client: Client,
    pub(super) driver: Driver,
    pub(super) canceller: Canceller,
}

/// What a session that is found dead is cancelled with.
pub(super) struct Canceller {
    token: CancelToken,
    endpoint: ServerAddress,
    way: DialPlan,
}

impl DialPlan {
    /// Reads where it goes.
    pub(super) fn of(access: &Access) -> Result<Self, StoreError> {
        Ok(Self {
            url: endpoint::read(access.url.expose_secret())?,
            files: access.tls.clone(),
        })
    }

    /// Opens the first server that it leads to and that answers within its share of the time.
    ///
    /// # Errors
    /// None does: in words of all of them.
    pub(super) async fn first_that_answers<T, F>(
        &self,
        limit: Duration,
        open: impl Fn(ServerAddress) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (endpoints, share) = self.endpoints(limit).await?;
        let mut failures = vec![];
        for endpoint in endpoints {
            let late = silent(&format!("{endpoint}: no answer"), share);
            let opened = tokio::time::timeout(share, open(endpoint)).await;
            match opened.unwrap_or(Err(late)) {
                Ok(opened) => return Ok(opened),
                Err(error) => failures.push(error),
            }
        }
        Err(all_of(failures))
    }

    /// Every server that it leads to, and the time that each has of all.
    async fn endpoints(
        &self,
        limit: Duration,
    ) -> Result<(Vec<ServerAddress>, Duration), StoreError> {
        let asked = self.url.config.get_connect_timeout().copied();
        let limit = asked.unwrap_or(limit);
        let found = tokio::time::timeout(limit, endpoint::all(&self.url.config)).await;
        let found =
            found.unwrap_or_else(|_| Err(silent("the name of the host is not resolved", limit)))?;
        let share = limit / u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
        Ok((found, share))
    }

    /// Connects, secures, logs in. With `watch`, no answer may be owed for longer than it says.
    pub(super) async fn dial(
        &self,
        endpoint: &ServerAddress,
        watch: Option<(Duration, Generation)>,
    ) -> Result<Dialled, StoreError> {
        let secured = secured::connect(endpoint, &self.url, &self.files).await?;
        let binding = secured.binding;
        let stream: Box<dyn RawSocket> = match watch {
            Some((patience, generation)) => {
                Box::new(ServerStream::new(secured.socket, patience, generation))
            }
            None => secured.socket,
        };
        let config = binding.configure(&self.url.config);
        let (client, driver) = config
            .connect_raw(stream, binding)
            .await
            .map_err(|error| of_connecting(&error, &self.files))?;
        let canceller = Canceller {
            token: client.cancel_token(),
            endpoint: endpoint.clone(),
            way: self.clone(),
        };
        Ok(Dialled {
            client,
            driver,
            canceller,
        })
    }
}

impl Canceller {
    /// Asks the server to cancel what a session does, as well as that goes.
    pub(super) async fn cancel(self) {
        let ask = async {
            let DialPlan { url, files } = &self.way;
            let secured = secured::connect(&self.endpoint, url, files).await.ok()?;
            let asked = self.token.cancel_query_raw(secured.socket, secured.binding);
            asked.await.ok()
        };
        if tokio::time::timeout(CANCEL_WITHIN, ask).await.is_err() {
            tracing::debug!("a statement could not be cancelled; the server does not answer");
        }
    }
}

/// Nothing came in time.
fn silent(what: &str, limit: Duration) -> StoreError {
    StoreError::Unavailable(format!("{what} within {} s", limit.as_secs_f64()))
}

/// Why none of several servers could be used: one that lets us not in says more than one that is not
/// there.
fn all_of(failures: Vec<StoreError>) -> StoreError {
    let told = failures
        .iter()
        .position(|one| !matches!(one, StoreError::Unavailable(_)));
    if let Some(refusal) = told.and_then(|index| failures.get(index)) {
        return refusal.clone();
    }
    let mut words: Vec<String> = vec![];
    for failure in failures {
        if let StoreError::Unavailable(why) = failure
            && !words.contains(&why)
        {
            words.push(why);
        }
    }
    StoreError::Unavailable(words.join("; "))
}

/// What opening a connection failed with. An answer of the server that does not pass by itself is a
/// refusal; so is one of TLS, which a server may give only after the handshake.
fn of_connecting(error: &tokio_postgres::Error, files: &Files) -> StoreError {
    match (error.as_db_error(), tls::explain(error, files)) {
        (Some(answer), _) => {
            StoreError::of_code(answer.code().code(), answer.message()).while_connecting()
        }
        (None, Some(why)) => StoreError::Refused(why),
        (None, None) => StoreError::Unavailable(words(error)),
    }
}
