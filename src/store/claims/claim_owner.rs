//! Who holds a key, and whether what it stands for is stored.

use std::collections::HashMap;

use diesel::sql_types::{Array, Bool, Bytea, Int4, Int8, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::key_of;
use crate::domain::{ContentHash, KeyHash, Proof};
use crate::store::lease::{RunId, living_runs};
use crate::store::statement::statement;
use crate::store::takes::TakeId;
use crate::store::{Database, StoreError};

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimOwner {
    /// The notification that the key stands for.
    pub notification_id: Uuid,
    /// The run that works on it; nobody after it was given back.
    pub owner: Option<RunId>,
    /// Whether that run lives.
    pub owner_lives: bool,
    /// The number of its last take; `None` if that was a version's that did not number them.
    pub(super) take: Option<TakeId>,
    is_stored: bool,
    content: Option<ContentHash>,
}

/// Proof that a message repeats one that PostgreSQL has stored. Made by [`ClaimOwner::repeated`] alone.
#[derive(Debug, Clone, Copy)]
pub struct Repeated(());

impl Proof for Repeated {}

impl ClaimOwner {
    /// Whether the notification is stored already, or in quarantine.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Whether the message that was first said the same, as far as that was noted.
    #[must_use]
    pub fn said(&self, content: ContentHash) -> bool {
        self.content.is_none_or(|first| first == content)
    }

    /// The right to acknowledge a message with this content: the first one with its key said the same,
    /// and is stored.
    #[must_use]
    pub fn repeated(&self, content: ContentHash) -> Option<Repeated> {
        (self.is_stored && self.said(content)).then_some(Repeated(()))
    }
}

statement!(
    Find(keys: Vec<Vec<u8>> => Array<Bytea>)
        -> (Bytea, SqlUuid, Nullable<Int4>, Bool, Nullable<Int8>, Bool, Nullable<Bytea>) = concat!(
    "SELECT d.idempotency_key, d.notification_id, d.owner,
            coalesce(d.owner IN ", living_runs!(), ", false), d.take,
            n.id IS NOT NULL OR EXISTS (
                SELECT FROM notification_quarantine q WHERE q.notification_id = d.notification_id),
            d.body_hash
     FROM notification_deduplication d
     LEFT JOIN LATERAL (
         SELECT id FROM notifications WHERE id = d.notification_id LIMIT 1) n ON true
     WHERE d.idempotency_key = ANY(?)")
);

type ClaimRow = (
    Vec<u8>,
    Uuid,
    Option<i32>,
    bool,
    Option<i64>,
    bool,
    Option<Vec<u8>>,
);

/// Who holds these keys. A key that nobody holds (its window ended a moment ago) is left out.
///
/// # Errors
/// When the database fails.
pub async fn find(
    database: &Database,
    keys: &[KeyHash],
) -> Result<HashMap<KeyHash, ClaimOwner>, StoreError> {
    let find = Find {
        keys: keys.iter().map(|key| key.0.to_vec()).collect(),
    };
    let mut connection = database.get().await?;
    let rows: Vec<ClaimRow> = find.load(&mut *connection).await?;
    Ok(rows.into_iter().filter_map(claim_owner).collect())
}

fn claim_owner(row: ClaimRow) -> Option<(KeyHash, ClaimOwner)> {
    let (key, notification_id, owner, owner_lives, take, is_stored, content) = row;
    let claim_owner = ClaimOwner {
        notification_id,
        owner: owner.map(RunId),
        owner_lives,
        take: take.map(TakeId),
        is_stored,
        content: content.and_then(|bytes| Some(ContentHash(bytes.try_into().ok()?))),
    };
    Some((key_of(key)?, claim_owner))
}
