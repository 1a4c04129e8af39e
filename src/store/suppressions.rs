//! Addresses that nothing may be sent to.

pub mod desk;
mod standing;

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::change::{UpsertAnswer, WriteChange, word};
use super::schema::notification_schema::suppressions;
use super::sift::{Sifted, Sifting};
use super::statement::statement;
use super::{Database, StoreError};
use crate::domain::{Channel, Suppression, address};

pub use standing::{standing, standing_of};

/// Tenant, channel, an address as the list spells it, and the category of what is to be sent there.
pub type SuppressionKey = (Uuid, Channel, String, Option<String>);

/// Longest address that the list holds; its `CHECK` says the same.
const MOST_BYTES: usize = 2_048;

/// Puts an address on the list for a reason, without an end. Other reasons stand beside it.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    suppression: &Suppression,
) -> Result<WriteChange, StoreError> {
    let address = Suppression::address(suppression.channel, &suppression.address);
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "INSERT INTO suppressions AS s (id, tenant_id, channel, address, reason, category) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE \
         SET ends_at = NULL, accounts = NULL \
         WHERE s.ends_at IS NOT NULL OR s.accounts IS NOT NULL \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<SqlUuid, _>(suppression.tenant_id)
    .bind::<Text, _>(suppression.channel.as_str())
    .bind::<Text, _>(address)
    .bind::<Text, _>(suppression.reason.as_str())
    .bind::<Nullable<Text>, _>(&suppression.category)
    .get_result(connection)
    .await
    .optional()?;
    Ok(UpsertAnswer::change(written.as_ref()))
}

/// Takes an address off the list, for whatever reason it is there; says whether it was on it.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    channel: Channel,
    address: &str,
) -> Result<bool, StoreError> {
    let entry = suppressions::table
        .filter(suppressions::tenant_id.eq(tenant_id))
        .filter(suppressions::channel.eq(channel.as_str()))
        .filter(suppressions::address.eq(Suppression::address(channel, address)));
    Ok(diesel::delete(entry).execute(connection).await? > 0)
}

/// Whether an entry `s` holds for what is `asked` for. Nobody unsubscribes from what nobody may switch off.
macro_rules! holds {
    () => {
        "(s.category IS NULL OR s.category = asked.category)
         AND (s.ends_at IS NULL OR s.ends_at > now())
         AND (s.reason <> 'unsubscribe' OR NOT EXISTS (
             SELECT FROM categories c
             WHERE c.tenant_id = s.tenant_id AND c.name = asked.category AND NOT c.may_disable))"
    };
}
use holds;

statement!(
    Among(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> (SqlUuid, Text, Text, Nullable<Text>) = concat!(
    "SELECT s.tenant_id, s.channel, s.address, asked.category
     FROM unnest(?, ?, ?, ?) AS asked (tenant_id, channel, address, category)
     JOIN suppressions s USING (tenant_id, channel, address)
     WHERE ", holds!())
);

/// Those of some addresses that are suppressed now, as [`Suppression::address`] spells them. One of which
/// that cannot be read stops no other. The connection may have other statements under way.
///
/// # Errors
/// The database is out of reach, or refuses the reading itself.
pub async fn among(
    connection: &AsyncPgConnection,
    addresses: &[SuppressionKey],
) -> Result<Sifted<SuppressionKey, ()>, StoreError> {
    let spelt = addresses
        .iter()
        .map(|(tenant, channel, address, category)| {
            let address = Suppression::address(*channel, address);
            (*tenant, *channel, address, category.clone())
        });
    let asked: HashSet<SuppressionKey> = spelt.collect();
    let asked: Vec<SuppressionKey> = asked.into_iter().collect();
    let mut sifting = Sifting::of(&asked);
    while let Some(part) = sifting.next() {
        let listed = among_all(connection, part).await;
        sifting.read(part, listed.map(|all| all.into_iter().map(|one| (one, ()))))?;
    }
    Ok(sifting.into_sifted())
}

async fn among_all(
    mut connection: &AsyncPgConnection,
    asked: &[SuppressionKey],
) -> Result<Vec<SuppressionKey>, StoreError> {
    let among = Among {
        tenants: asked.iter().map(|(tenant, ..)| *tenant).collect(),
        channels: asked.iter().map(|(_, c, ..)| c.as_str()).collect(),
        addresses: asked
            .iter()
            .map(|(.., address, _)| address.clone())
            .collect(),
        categories: asked
            .iter()
            .map(|(.., category)| category.clone())
            .collect(),
    };
    let listed: Vec<(Uuid, String, String, Option<String>)> = among.load(&mut connection).await?;
    let known = listed
        .into_iter()
        .map(|(tenant, channel, address, category)| {
            Ok((tenant, word(&channel)?, address, category))
        });
    known.collect()
}

statement!(
    Page(after: Uuid => SqlUuid, most: i64 => Int8) -> (SqlUuid, Text, Text) =
    "SELECT id, channel, address FROM suppressions WHERE id > ? ORDER BY id LIMIT ?"
);

/// Entries that are read at once.
const PAGE: i64 = 10_000;

/// Entries that no address is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unspelt {
    /// How many there are.
    pub count: u64,
    /// The id of one.
    pub first: Uuid,
}

/// Looks through the whole list for entries in a spelling that never matches: somebody wrote them by other
/// means than ours, before these refused them.
///
/// # Errors
/// The database is out of reach, or an entry cannot be read.
pub async fn unspelt(database: &Database) -> Result<Option<Unspelt>, StoreError> {
    let mut connection = database.get().await?;
    let (mut after, mut found) = (Uuid::nil(), None::<Unspelt>);
    loop {
        let page = Page { after, most: PAGE };
        let rows: Vec<(Uuid, String, String)> = page.load(&mut *connection).await?;
        let Some((last, ..)) = rows.last() else {
            return Ok(found);
        };
        after = *last;
        for (id, channel, stored) in rows {
            let spelt = address::canonical(word(&channel)?, &stored);
            if spelt.as_deref() != Ok(stored.as_str()) {
                let entry = found.get_or_insert(Unspelt {
                    count: 0,
                    first: id,
                });
                entry.count += 1;
            }
        }
    }
}

/// An entry that a provider's answer teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Learnt {
    pub(super) suppression: Suppression,
    /// The account that was told so, for the operator to know: it holds for all.
    pub(super) account: Option<Uuid>,
    /// The event that says so.
    pub(super) event_id: Option<Uuid>,
}

// The first word that an address is dead holds for a week, and one that comes after that for good: for
// an hour a provider may call everybody dead. A STOP holds for the whole channel, longer than a bounce,
// and is forgotten after a month, for a START is not heard of here: the provider, who has heard it, says
// so again if it still holds.
statement!(
    Learn(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        reasons: Vec<&'static str> => Array<Text>,
        accounts: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        events: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
    ) -> Bool =
    "INSERT INTO suppressions AS s (tenant_id, channel, address, reason, ends_at, accounts, event_id)
     SELECT DISTINCT ON (learnt.tenant_id, learnt.channel, learnt.address, learnt.reason)
         learnt.tenant_id, learnt.channel, learnt.address, learnt.reason,
         now() + CASE learnt.reason WHEN 'stop' THEN interval '30 days' ELSE interval '7 days' END,
         CASE WHEN learnt.account IS NOT NULL THEN ARRAY[learnt.account] END, learnt.event_id
     FROM unnest(?, ?, ?, ?, ?, ?) WITH ORDINALITY
         AS learnt (tenant_id, channel, address, reason, account, event_id, place)
     JOIN tenants t ON t.id = learnt.tenant_id
     ORDER BY learnt.tenant_id, learnt.channel, learnt.address, learnt.reason, learnt.place
     ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE SET
         event_id = EXCLUDED.event_id,
         ends_at = CASE WHEN EXCLUDED.reason = 'stop' THEN EXCLUDED.ends_at END,
         accounts = CASE WHEN EXCLUDED.accounts <@ s.accounts THEN s.accounts
                         ELSE s.accounts || EXCLUDED.accounts END
     WHERE s.ends_at <= now() OR (s.ends_at IS NOT NULL AND EXCLUDED.reason = 'stop')
     RETURNING true"
);

/// Puts addresses on the list that were found dead while sending. One that is on it for that stays as it is,
/// unless it has ended, or STOP is said now: somebody knew before. What the list cannot hold is
/// left out, for an outcome hangs on this.
pub(super) async fn learn(
    connection: &mut AsyncPgConnection,
    learnt: &[Learnt],
) -> Result<(), StoreError> {
    let mut learn = Learn {
        tenants: vec![],
        channels: vec![],
        addresses: vec![],
        reasons: vec![],
        accounts: vec![],
        events: vec![],
    };
    for Learnt {
        suppression,
        account,
        event_id,
    } in learnt
    {
        let address = Suppression::address(suppression.channel, &suppression.address);
        if address.is_empty() || address.len() > MOST_BYTES || address.contains('\0') {
            let (channel, bytes) = (suppression.channel.as_str(), address.len());
            tracing::warn!(channel, bytes, "an address could not be suppressed");
            continue;
        }
        learn.tenants.push(suppression.tenant_id);
        learn.channels.push(suppression.channel.as_str());
        learn.addresses.push(address);
        learn.reasons.push(suppression.reason.as_str());
        learn.accounts.push(*account);
        learn.events.push(*event_id);
    }
    if !learn.tenants.is_empty() {
        let _: Vec<bool> = learn.load(connection).await?;
    }
    Ok(())
}
