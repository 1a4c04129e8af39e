//! What a simulator counts, and the requests it keeps for tests to look at.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::ledger::locked;

/// How many reasons of refusal are kept for reading.
const REASONS_KEPT: usize = 20;

/// A simulator's counters at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections opened.
    pub connections: u64,
    /// Requests read whole (for a mail server: transactions that reached the end of `DATA`).
    pub requests: u64,
    /// Acceptances: one per recipient.
    pub accepted: u64,
    /// Requests that break the provider's description.
    pub malformed: u64,
    /// Requests with missing or wrong credentials.
    pub unauthorized: u64,
    /// Right requests for recipients that cannot be delivered to.
    pub refused: u64,
    /// Faults made on purpose.
    pub faults: u64,
    /// Acceptances whose answer was dropped or spoiled on purpose, or that nobody waited for.
    pub answers_lost: u64,
    /// Access tokens issued (FCM).
    pub tokens_issued: u64,
    /// Seed of the present behaviour.
    pub seed: u64,
    /// The last reasons of malformed and unauthorized requests, oldest first.
    pub reasons: Vec<String>,
}

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// HTTP method; `DATA` for a mail server.
    pub method: String,
    /// Path and query; the envelope recipients for a mail server.
    pub path: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// Raw body; the whole message, dots unstuffed, for a mail server.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The first value of a header; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) unauthorized: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) answers_lost: AtomicU64,
    pub(crate) tokens_issued: AtomicU64,
    reasons: Mutex<VecDeque<String>>,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn note(&self, reason: String) {
        let mut reasons = locked(&self.reasons);
        if reasons.len() == REASONS_KEPT {
            reasons.pop_front();
        }
        reasons.push_back(reason);
    }

    pub(crate) fn snapshot(&self, seed: u64) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            connections: read(&self.connections),
            requests: read(&self.requests),
            accepted: read(&self.accepted),
            malformed: read(&self.malformed),
            unauthorized: read(&self.unauthorized),
            refused: read(&self.refused),
            faults: read(&self.faults),
            answers_lost: read(&self.answers_lost),
            tokens_issued: read(&self.tokens_issued),
            seed,
            reasons: locked(&self.reasons).iter().cloned().collect(),
        }
    }
}

/// The last requests, when a test asked for them.
#[derive(Debug, Default)]
pub(crate) struct Records {
    limit: usize,
    kept: Mutex<VecDeque<Recorded>>,
}

impl Records {
    pub(crate) fn keeping(limit: usize) -> Self {
        Self {
            limit,
            kept: Mutex::default(),
        }
    }

    /// Keeps what `make` makes, if requests are kept at all.
    pub(crate) fn keep(&self, make: impl FnOnce() -> Recorded) {
        if self.limit == 0 {
            return;
        }
        let mut kept = locked(&self.kept);
        if kept.len() == self.limit {
            kept.pop_front();
        }
        kept.push_back(make());
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        locked(&self.kept).iter().cloned().collect()
    }
}
