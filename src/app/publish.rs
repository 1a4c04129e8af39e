//! Publishing a message from a file, after the checks that the engine would make on its arrival.

use super::build;
use crate::broker::envelope::{self, Refusal};
use crate::broker::publisher::NO_QUEUE;
use crate::broker::{BrokerError, submission};
use crate::config::Settings;
use crate::domain::Lane;
use crate::runtime::clock;

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The engine would not accept it.
    #[error("it would be rejected: {}: {}", .0.reason, .0.detail)]
    Refused(Refusal),
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

/// Checks a message as the engine would, and publishes it to the lane that it names.
///
/// # Errors
/// The first thing that the engine would refuse, or the trouble with RabbitMQ: nothing was published
/// then, unless RabbitMQ did not answer.
pub async fn publish(settings: &Settings, body: &[u8]) -> Result<Lane, PublishError> {
    let now = clock::now();
    let most = settings.broker.max_body_bytes;
    let lane = envelope::decode_file(body, most, now)
        .map_err(PublishError::Refused)?
        .lane;
    let address = build::broker_address(settings);
    let submitted = submission::submit(&address, lane, body, now).await;
    submitted.map_err(|error| PublishError::Broker { lane, error })?;
    Ok(lane)
}
