//! What was put aside in `herald.rejected`, for the command line.

use std::collections::HashSet;

use super::build;
use crate::broker::BrokerError;
use crate::broker::set_aside::{AsideLook, AsideMessage, AsideReader, MOST_SEARCHED};
use crate::config::Settings;
use crate::domain::Lane;
use crate::ops::control::{DeskError, publish_rejected_again};
use crate::store::Database;
use crate::store::audit::DoneBy;

/// Which rejected messages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeantRejected {
    /// These.
    Ids(Vec<String>),
    /// All that were rejected for a reason; without one, all.
    All(Option<String>),
}

/// What became of a rejected message.
#[derive(Debug)]
pub struct RejectedFate {
    /// The message.
    pub id: String,
    /// The lane that has it now, or why it stayed.
    pub published: Result<Lane, DeskError>,
}

/// At most so many messages, the eldest first. All of them stay.
///
/// # Errors
/// RabbitMQ is out of reach, or has no such queue.
pub async fn look(settings: &Settings, most: usize) -> Result<AsideLook, BrokerError> {
    AsideReader::new(build::broker_address(settings))
        .look(most)
        .await
}

/// Publishes messages to their lanes again, each once: what is rejected anew stays. Tells of each what became of it.
///
/// # Errors
/// RabbitMQ or the database is out of reach; what was told of is done.
pub async fn publish_again(
    settings: &Settings,
    database: &Database,
    meant: MeantRejected,
    mut told: impl FnMut(RejectedFate),
) -> Result<(), DeskError> {
    let reader = AsideReader::new(build::broker_address(settings));
    let mut one = async |id: String| {
        let by = DoneBy::command_line();
        match publish_rejected_again(database, &reader, id.clone(), by).await {
            Err(
                error @ (DeskError::Unavailable(_) | DeskError::Busy(_) | DeskError::Failed(_)),
            ) => Err(error),
            published => {
                told(RejectedFate { id, published });
                Ok(())
            }
        }
    };
    let reason = match meant {
        MeantRejected::Ids(ids) => {
            for id in ids {
                one(id).await?;
            }
            return Ok(());
        }
        MeantRejected::All(reason) => reason,
    };
    let is_meant = |it: &AsideMessage| reason.as_ref().is_none_or(|reason| *reason == it.reason);
    let mut seen = HashSet::new();
    loop {
        let look = reader.look(MOST_SEARCHED).await;
        let look = look.map_err(|error| DeskError::Unavailable(error.words()))?;
        let found = look.messages.into_iter().filter(is_meant);
        let new: Vec<String> = found
            .map(|it| it.id)
            .filter(|id| seen.insert(id.clone()))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        for id in new {
            one(id).await?;
        }
    }
}
