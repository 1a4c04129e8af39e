//! The streams of a node, and how one is opened.

use std::sync::Arc;

use super::book::StreamBook;
use super::event::{StreamEvent, StreamOrder, StreamRefusal};
use super::settings::StreamSettings;
use super::subscription::InboxSubscription;
use super::views;
use crate::store::Database;
use crate::store::inbox::{reader, streams as many};
use crate::telemetry::Metrics;

/// The streams of this node. Clones share them.
#[derive(Debug, Clone)]
pub struct InboxStreams {
    pub(super) database: Database,
    pub(super) book: Arc<StreamBook>,
    pub(super) settings: StreamSettings,
    pub(super) metrics: Arc<Metrics>,
}

impl InboxStreams {
    /// A node without streams.
    #[must_use]
    pub fn new(database: Database, settings: StreamSettings, metrics: Arc<Metrics>) -> Self {
        Self {
            database,
            book: Arc::default(),
            settings,
            metrics,
        }
    }

    /// How streams are kept.
    #[must_use]
    pub const fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Opens a stream. It tells at once how many there are, then all that has changed since.
    ///
    /// # Errors
    /// There are too many; or the database is out of reach.
    pub async fn open(&self, order: StreamOrder) -> Result<InboxSubscription, StreamRefusal> {
        // The place is taken before anything is asked, so that many at once are not more than may be.
        let place = self.enter(&order)?;
        let whose = (order.tenant_id, order.user_id);
        let standing = reader::stand(&self.database, whose.0, whose.1).await?;
        let last = standing.last_sequence;
        let replay = i64::from(self.settings.replay);
        // A number that was not given yet is of an inbox that is no more.
        let after = order.after.unwrap_or(last);
        let is_lost = after > last || last.saturating_sub(after) > replay;
        let cursor = if is_lost { last } else { after };
        let views = views::of(&self.database, &[whose]).await?;
        let view = views.get(&order.user_id).cloned().unwrap_or_default();
        let counts = many::counts(&self.database, &[(order.user_id, view)]).await?;
        let counts = counts.into_iter().next().map(|(_, counts)| counts);
        let mut first = vec![];
        if is_lost {
            self.metrics.inbox_stream_reset();
            first.push(StreamEvent::Reset(cursor));
        }
        first.extend(counts.map(|counts| StreamEvent::Counts(cursor, counts)));
        place.begin(cursor, first);
        Ok(place)
    }

    fn enter(&self, order: &StreamOrder) -> Result<InboxSubscription, StreamRefusal> {
        let most = (self.settings.most, self.settings.most_of_person);
        let entered = self.book.enter(order, most)?;
        self.metrics.inbox_streams(self.book.len());
        let (book, metrics) = (Arc::clone(&self.book), Arc::clone(&self.metrics));
        let heartbeat = self.settings.heartbeat;
        let subscription = InboxSubscription::new(book, metrics, (order, heartbeat), entered);
        Ok(subscription)
    }
}
