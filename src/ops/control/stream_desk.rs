//! Streams of inboxes, as the HTTP API may open them.

use std::time::Duration;

use super::desk::{Desk, DeskError};
use crate::ops::inbox_streams::{InboxStreams, InboxSubscription, StreamOrder, StreamRefusal};
use crate::store::Database;

/// Opens streams. Clones share it.
#[derive(Debug, Clone)]
pub struct StreamDesk {
    /// Does the work.
    pub desk: Desk,
    /// Those of this node.
    pub streams: InboxStreams,
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum StreamDeskError {
    /// There are too many.
    #[error(transparent)]
    Refused(StreamRefusal),
    /// Something else is in the way.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<StreamRefusal> for StreamDeskError {
    fn from(refusal: StreamRefusal) -> Self {
        match refusal {
            StreamRefusal::Store(error) => Self::Desk(error.into()),
            refusal => Self::Refused(refusal),
        }
    }
}

impl StreamDesk {
    /// Opens a stream.
    ///
    /// # Errors
    /// There are too many; or the database is out of reach.
    pub async fn open(&self, order: StreamOrder) -> Result<InboxSubscription, StreamDeskError> {
        let streams = self.streams.clone();
        let work = async move |_: Database| Ok(streams.open(order).await?);
        self.desk.with("open an inbox stream", work).await
    }

    /// Within which time clients come back that have to.
    #[must_use]
    pub const fn spread(&self) -> Duration {
        self.streams.settings().spread
    }

    /// Some moment within a time, and not at once: many who are told one do not come back together.
    #[must_use]
    pub fn moment_within(&self, time: Duration) -> Duration {
        let most = u64::try_from(time.as_millis())
            .unwrap_or(u64::MAX)
            .max(1_000);
        Duration::from_millis(rand::random_range(500..=most))
    }
}
