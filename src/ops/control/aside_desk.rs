//! What could not be accepted, as operators may look at it and publish it again.

use std::sync::Arc;

use super::desk::{Desk, DeskError};
use crate::broker::BrokerError;
use crate::broker::set_aside::{AsideFate, AsideLook, AsideMessage, AsideReader, MOST_SEARCHED};
use crate::domain::Lane;
use crate::store::Database;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};

/// The kind of thing, as the audit trail names it.
const RESOURCE: &str = "rejected_message";

/// Looks at what was put aside. Clones share it.
#[derive(Debug, Clone)]
pub struct AsideDesk {
    /// Does the work.
    pub desk: Desk,
    /// Takes and returns messages.
    pub reader: Arc<AsideReader>,
}

impl AsideDesk {
    /// At most so many messages, the eldest first.
    ///
    /// # Errors
    /// RabbitMQ is out of reach.
    pub async fn look(&self, most: usize) -> Result<AsideLook, DeskError> {
        let reader = Arc::clone(&self.reader);
        let work = async move |_: Database| reader.look(most).await.map_err(refused);
        self.desk.with("look at rejected messages", work).await
    }

    /// One message, among the eldest.
    ///
    /// # Errors
    /// There is none; or RabbitMQ is out of reach.
    pub async fn get(&self, id: String) -> Result<AsideMessage, DeskError> {
        let look = self.look(MOST_SEARCHED).await?;
        let found = look.messages.into_iter().find(|it| it.id == id);
        found.ok_or(DeskError::NotFound("rejected message"))
    }

    /// Notes that somebody is shown what a message says.
    ///
    /// # Errors
    /// The database is out of reach: then nothing may be shown.
    pub async fn note_shown(&self, id: String, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| note(&database, id, "show", by).await;
        self.desk.with("note what is shown", work).await
    }

    /// Publishes one to its lane again, once it is written down that somebody wants it.
    ///
    /// # Errors
    /// There is none, or nobody knows its lane; or RabbitMQ or the database is out of reach.
    pub async fn publish_again(&self, id: String, by: DoneBy) -> Result<Lane, DeskError> {
        let reader = Arc::clone(&self.reader);
        let work = async move |database: Database| {
            publish_rejected_again(&database, &reader, id, by).await
        };
        self.desk.with("publish a rejected message", work).await
    }
}

/// Publishes a rejected message to its lane again, once it is written down that somebody wants it.
///
/// # Errors
/// There is none, or nobody knows its lane; or RabbitMQ or the database is out of reach.
pub async fn publish_rejected_again(
    database: &Database,
    reader: &AsideReader,
    id: String,
    by: DoneBy,
) -> Result<Lane, DeskError> {
    note(database, id.clone(), "replay", by).await?;
    match reader.publish_again(&id).await.map_err(refused)? {
        AsideFate::Published(lane) => Ok(lane),
        AsideFate::NotFound => Err(DeskError::NotFound("rejected message")),
        AsideFate::NoLane => {
            let words = "it has no lane: publish it by `herald publish`, or by the API";
            Err(DeskError::Conflict("no_lane", words.to_owned()))
        }
    }
}

async fn note(
    database: &Database,
    id: String,
    action: &'static str,
    by: DoneBy,
) -> Result<(), DeskError> {
    let entry = AuditEntry {
        tenant_id: None,
        action,
        resource: RESOURCE,
        resource_id: id,
        changes: AuditChanges::none(),
    };
    Ok(audit::record(&mut *database.get().await?, &by, entry).await?)
}

fn refused(error: BrokerError) -> DeskError {
    DeskError::Unavailable(error.words())
}
