//! A stream, as whoever reads it sees it: what is told, signs of life, and the end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::book::StreamBook;
use super::event::{StreamEnd, StreamEvent, StreamOrder, StreamStep};
use super::open_stream::StreamReader;
use crate::runtime::clock;
use crate::telemetry::Metrics;

/// A stream of somebody's inbox. It is no more when this is dropped.
pub struct InboxSubscription {
    book: Arc<StreamBook>,
    metrics: Arc<Metrics>,
    heartbeat: Duration,
    user_id: Uuid,
    reader: StreamReader,
    /// When the next sign of life is due.
    beat_at: Instant,
    ends_at: Instant,
}

impl fmt::Debug for InboxSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxSubscription").finish_non_exhaustive()
    }
}

impl InboxSubscription {
    pub(super) fn new(
        book: Arc<StreamBook>,
        metrics: Arc<Metrics>,
        (order, heartbeat): (&StreamOrder, Duration),
        reader: StreamReader,
    ) -> Self {
        let now = clock::instant();
        Self {
            book,
            metrics,
            heartbeat,
            beat_at: now + heartbeat,
            ends_at: now + left(order.expires_at),
            user_id: order.user_id,
            reader,
        }
    }

    pub(super) fn begin(&self, cursor: i64, first: Vec<StreamEvent>) {
        let (user_id, number) = (self.user_id, self.reader.number);
        self.book.begin(user_id, number, cursor, first);
    }

    /// Waits for what comes next. What was told before its end is read before that, until the token ends.
    pub async fn next(&mut self) -> StreamStep {
        if clock::instant() >= self.ends_at {
            return StreamStep::End(StreamEnd::Expired);
        }
        tokio::select! {
            biased;
            part = self.reader.parts.recv() => {
                self.beat_at = clock::instant() + self.heartbeat;
                self.read(part)
            }
            () = sleep_until(self.beat_at.min(self.ends_at)) => {
                let now = clock::instant();
                self.beat_at = now + self.heartbeat;
                match now >= self.ends_at {
                    true => StreamStep::End(StreamEnd::Expired),
                    false => StreamStep::Beat,
                }
            }
        }
    }

    fn read(&self, part: Option<Vec<StreamEvent>>) -> StreamStep {
        let Some(events) = part else {
            let why = self.reader.shared.end.get().copied();
            return StreamStep::End(why.unwrap_or(StreamEnd::Stopping));
        };
        // The hub waits for room.
        if self.reader.shared.is_waiting.swap(false, Ordering::SeqCst) {
            self.book.wake(self.user_id);
        }
        StreamStep::Events(events)
    }
}

impl Drop for InboxSubscription {
    fn drop(&mut self) {
        self.book.leave(self.user_id, self.reader.number);
        self.metrics.inbox_streams(self.book.len());
    }
}

/// How long it is until a moment.
fn left(until: Timestamp) -> Duration {
    let left = until.duration_since(clock::now());
    Duration::try_from(left).unwrap_or_default()
}
