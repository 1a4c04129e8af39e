//! Publishing a message from a file, after the checks that the engine would make on its arrival.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::{build, explain};
use crate::broker::envelope::{self, Envelope, Refusal};
use crate::broker::publisher::NO_QUEUE;
use crate::broker::{BrokerError, submission};
use crate::config::Settings;
use crate::domain::{KeyHash, Lane};
use crate::ops::admissible::{Admissible, admissible};
use crate::runtime::clock;
use crate::store::{Database, StoreError, claims};

/// Longest wait for a node to take the message on.
const TAKEN_ON_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A message that RabbitMQ has.
#[derive(Debug, Clone, Copy)]
pub struct PublishedMessage {
    /// Its lane.
    pub lane: Lane,
    /// The notification that it became, once a node has taken it on; the first one of a duplicate.
    pub notification_id: Option<Uuid>,
    /// Whether its key was known: it is counted, and not sent.
    pub is_duplicate: bool,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The engine would not accept it.
    #[error("it would be rejected: {}: {}", .0.reason, .0.detail)]
    Refused(Refusal),
    /// It could not be looked up.
    #[error("it cannot be checked: {0}")]
    Unchecked(StoreError),
    /// RabbitMQ has no queue for its lane, or refused it, or is out of reach.
    #[error("{lane}: {}{}", .error.words(), mend(.error))]
    Broker {
        /// The lane of the message.
        lane: Lane,
        /// What went wrong.
        error: BrokerError,
    },
}

fn mend(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::NotTaken(NO_QUEUE) => {
            "; a node that consumes this lane (broker.lanes) declares its queue: start one"
        }
        BrokerError::NotTaken(_) => "; its queue is full or stopped: publish the same file later",
        BrokerError::Timeout(..) => "; it may hold the message or not: publish the same file again",
        BrokerError::Unreachable(_) | BrokerError::NoNode(_) => "; see HERALD__BROKER__URL",
        _ => "",
    }
}

/// Checks a message as the engine would, and publishes it to the lane that it names. With a database, what
/// it names is looked up, too, and the notification that it becomes is waited for.
///
/// # Errors
/// The first thing that the engine would refuse, or the trouble with PostgreSQL or RabbitMQ: nothing was
/// published then, unless RabbitMQ did not answer.
pub async fn publish(
    settings: &Settings,
    database: Option<&Database>,
    body: &[u8],
) -> Result<PublishedMessage, PublishError> {
    let now = clock::now();
    let most = settings.broker.max_body_bytes;
    let envelope = envelope::decode_file(body, most, now).map_err(PublishError::Refused)?;
    let first = match database {
        Some(database) => look_up(settings, database, &envelope).await?,
        None => None,
    };
    let lane = envelope.lane;
    let address = build::broker_address(settings);
    let submitted = submission::submit(&address, lane, body, now).await;
    submitted.map_err(|error| PublishError::Broker { lane, error })?;
    let notification_id = match (first, database) {
        (None, Some(database)) => taken_on(database, envelope.key).await,
        (first, _) => first,
    };
    Ok(PublishedMessage {
        lane,
        notification_id,
        is_duplicate: first.is_some(),
    })
}

/// The notification that a duplicate repeats.
async fn look_up(
    settings: &Settings,
    database: &Database,
    envelope: &Envelope,
) -> Result<Option<Uuid>, PublishError> {
    let templates = explain::templates(settings);
    match admissible(database, &templates, envelope).await {
        Ok(Admissible::Rejected(refusal)) => Err(PublishError::Refused(refusal)),
        Ok(Admissible::Duplicate { of, .. }) => Ok(Some(of)),
        Ok(Admissible::New(_)) => Ok(None),
        Err(error) => Err(PublishError::Unchecked(error)),
    }
}

/// The notification that a key stands for, once a node has claimed it. That none has, or that nobody can
/// say so, is no failure: RabbitMQ has the message.
async fn taken_on(database: &Database, key: KeyHash) -> Option<Uuid> {
    let until = clock::instant() + TAKEN_ON_WITHIN;
    while clock::instant() < until {
        let found = claims::find(database, &[key]).await.ok()?;
        if let Some(claim_owner) = found.get(&key) {
            return Some(claim_owner.notification_id);
        }
        sleep(LOOK_EVERY).await;
    }
    None
}
