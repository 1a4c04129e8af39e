//! One stream, as the hub sees it: how far it was told, and the room that it has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::event::{StreamEnd, StreamEvent};
use crate::domain::inbox::{InboxCounts, InboxView};
use crate::store::inbox::InboxEntry;

/// Parts that wait to be read, at most. Each is what was read of one person at once.
const ROOM: usize = 4;

/// What the hub and whoever reads a stream share.
#[derive(Debug, Default)]
pub(super) struct StreamShared {
    /// Why it ends, once it does.
    pub(super) end: OnceLock<StreamEnd>,
    /// Whether something waits until there is room.
    pub(super) is_waiting: AtomicBool,
}

/// A stream that is open.
#[derive(Debug)]
pub(super) struct OpenStream {
    pub(super) number: u64,
    pub(super) key_id: Uuid,
    /// The sequence up to which it was told; `None` before it was told anything.
    pub(super) cursor: Option<i64>,
    sender: mpsc::Sender<Vec<StreamEvent>>,
    shared: Arc<StreamShared>,
}

/// The other end of a stream.
#[derive(Debug)]
pub(super) struct StreamReader {
    pub(super) number: u64,
    pub(super) parts: mpsc::Receiver<Vec<StreamEvent>>,
    pub(super) shared: Arc<StreamShared>,
}

/// What was read of one person at once.
#[derive(Debug)]
pub(super) struct ReadPart<'a> {
    /// The sequence behind which it was read.
    pub(super) after: i64,
    /// In the order of their sequence.
    pub(super) entries: &'a [Arc<InboxEntry>],
    pub(super) view: &'a InboxView,
    pub(super) counts: Option<InboxCounts>,
    pub(super) now: Timestamp,
}

/// Both ends of a new stream.
pub(super) fn open(number: u64, key_id: Uuid) -> (OpenStream, StreamReader) {
    let (sender, parts) = mpsc::channel(ROOM);
    let shared = Arc::<StreamShared>::default();
    let open = OpenStream {
        number,
        key_id,
        cursor: None,
        sender,
        shared: Arc::clone(&shared),
    };
    let reader = StreamReader {
        number,
        parts,
        shared,
    };
    (open, reader)
}

impl OpenStream {
    /// Whether it can be told something. If not, whoever reads it wakes the hub once it can.
    pub(super) fn has_room(&self) -> bool {
        if self.sender.capacity() > 0 {
            return true;
        }
        self.shared.is_waiting.store(true, Ordering::SeqCst);
        self.sender.capacity() > 0
    }

    /// Ends it; what was told before is read to its end.
    pub(super) fn end(self, why: StreamEnd) {
        // Whoever was first says why.
        let _ = self.shared.end.set(why);
    }

    /// Begins behind a sequence.
    pub(super) fn begin(&mut self, cursor: i64, first: Vec<StreamEvent>) {
        self.cursor = Some(cursor);
        // A new one has room.
        let _ = self.sender.try_send(first);
    }

    /// Tells it what it has not been told. Whoever reads no more says so itself.
    pub(super) fn tell(&mut self, part: &ReadPart<'_>) {
        // One that was not told what comes before this is told later: it is due by then.
        let Some(cursor) = self.cursor.filter(|cursor| *cursor >= part.after) else {
            return;
        };
        let news = part.entries.iter().filter(|it| it.sequence > cursor);
        let Some(last) = news.clone().next_back().map(|it| it.sequence) else {
            return;
        };
        let mut events: Vec<StreamEvent> = news.filter_map(|it| event(it, cursor, part)).collect();
        events.extend(part.counts.map(|counts| StreamEvent::Counts(last, counts)));
        // Said before it is tried: whoever makes room meanwhile wakes the hub.
        self.shared.is_waiting.store(true, Ordering::SeqCst);
        if self.sender.try_send(events).is_ok() {
            self.shared.is_waiting.store(false, Ordering::SeqCst);
            self.cursor = Some(last);
        }
    }
}

/// What is told of a change to whoever was told up to a sequence. What they were never shown, and never will be, is
/// passed over.
fn event(entry: &Arc<InboxEntry>, cursor: i64, part: &ReadPart<'_>) -> Option<StreamEvent> {
    let hidden = entry.is_broadcast && part.view.hides(entry.category.as_deref());
    if hidden || entry.is_expired(part.now) {
        return None;
    }
    if entry.arrival <= cursor {
        return Some(StreamEvent::State(Arc::clone(entry)));
    }
    let states = &entry.states;
    let is_away = states.deleted_at.is_some() || states.snoozed_until.is_some();
    (!is_away).then(|| StreamEvent::Item(Arc::clone(entry)))
}
