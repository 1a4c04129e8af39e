//! The ledger of a receiver: what it was told, how often, and whether it was always the same.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bodies that are kept whole; of the others only what they were.
const KEPT: usize = 1_000;

/// In numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverStats {
    /// Requests.
    pub received: u64,
    /// Those that were not signed by a secret that is known.
    pub invalid: u64,
    /// Those that were answered with success.
    pub accepted: u64,
    /// Different `webhook-id`s that were answered with success.
    pub distinct: u64,
    /// Answered with success more than once.
    pub repeated: u64,
    /// Requests whose body differs from an earlier one with the same id.
    pub changed: u64,
    /// Accepted ones by type.
    pub types: BTreeMap<String, u64>,
}

/// What was told under one `webhook-id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The `webhook-id`.
    pub id: String,
    /// The body, as text; empty beyond the first thousand.
    pub body: String,
    /// How often it came.
    pub times: u64,
    /// How often it was answered with success.
    pub accepted: u64,
    /// How many signatures the last one carried.
    pub signatures: usize,
    /// The last `webhook-timestamp`.
    pub timestamp: String,
    #[serde(skip)]
    hash: [u8; 32],
}

#[derive(Debug, Default)]
pub(super) struct Book {
    told: BTreeMap<String, Told>,
    stats: ReceiverStats,
}

/// One request whose signature was verified.
pub(super) struct Verified<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signatures: usize,
    pub(super) body: &'a [u8],
}

#[derive(serde::Deserialize)]
struct Kind {
    r#type: String,
}

impl Book {
    pub(super) const fn invalid(&mut self) {
        self.stats.received += 1;
        self.stats.invalid += 1;
    }

    /// Writes down what came, and whether it is answered with success.
    pub(super) fn told_of(&mut self, verified: &Verified<'_>, is_accepted: bool) {
        self.stats.received += 1;
        let hash: [u8; 32] = Sha256::digest(verified.body).into();
        let keeps = self.told.len() < KEPT;
        let told = self
            .told
            .entry(verified.id.to_owned())
            .or_insert_with(|| Told {
                id: verified.id.to_owned(),
                body: match keeps {
                    true => String::from_utf8_lossy(verified.body).into_owned(),
                    false => String::new(),
                },
                times: 0,
                accepted: 0,
                signatures: 0,
                timestamp: String::new(),
                hash,
            });
        told.times += 1;
        told.signatures = verified.signatures;
        told.timestamp = verified.timestamp.to_owned();
        self.stats.changed += u64::from(told.hash != hash);
        if is_accepted {
            self.stats.accepted += 1;
            self.stats.distinct += u64::from(told.accepted == 0);
            self.stats.repeated += u64::from(told.accepted == 1);
            told.accepted += 1;
            if let Ok(kind) = serde_json::from_slice::<Kind>(verified.body) {
                *self.stats.types.entry(kind.r#type).or_default() += 1;
            }
        }
    }

    pub(super) fn stats(&self) -> ReceiverStats {
        self.stats.clone()
    }

    pub(super) const fn taken(&self) -> u64 {
        self.stats.distinct
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.told.values().cloned().collect()
    }
}
