//! What messages say of their people.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::upsert::{RecipientConflict, RecipientFields, UpsertError, explain};
use crate::domain::Proof;
use crate::store::locks::Halves;
use crate::store::statement::statement;
use crate::store::time::to_database;
use crate::store::{Database, StoreError};

/// What a message says of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// Addresses, name, zone and language; what is absent stays as it is.
    pub fields: RecipientFields,
    /// The latest moment at which it can have been published; `None` is now.
    pub published_by: Option<Timestamp>,
}

// Written by the order of ids, so that two batches never wait for each other in a circle. Whoever somebody
// has locked is left out. A clock that is ahead does not make what is said here true for longer.
statement!(
    Write(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        emails: Vec<Option<String>> => Array<Nullable<Text>>,
        usernames: Vec<Option<String>> => Array<Nullable<Text>>,
        phones: Vec<Option<String>> => Array<Nullable<Text>>,
        timezones: Vec<Option<String>> => Array<Nullable<Text>>,
        locales: Vec<Option<String>> => Array<Nullable<Text>>,
        published_by: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
    ) -> SqlUuid =
    "WITH said AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?)
             AS said (id, tenant_id, email, username, phone, timezone, locale, published_by)
     ), known AS MATERIALIZED (
         SELECT u.id FROM users u JOIN said ON said.id = u.id
     ), free AS MATERIALIZED (
         SELECT u.id FROM users u WHERE u.id IN (SELECT id FROM known)
         ORDER BY u.id FOR NO KEY UPDATE SKIP LOCKED
     ), written AS (
     INSERT INTO users AS u
         (id, tenant_id, email, username, phone, timezone, locale, recipient_as_of)
     SELECT s.id, s.tenant_id, s.email, s.username, s.phone, s.timezone, s.locale,
            least(coalesce(s.published_by, now()), now())
     FROM said s
     WHERE s.id IN (SELECT id FROM free)
        OR s.id NOT IN (SELECT id FROM known)
           AND NOT EXISTS (SELECT FROM deleted_users d WHERE d.id = s.id)
     ORDER BY s.id
     ON CONFLICT (id) DO UPDATE SET
         email = coalesce(excluded.email, u.email),
         username = coalesce(excluded.username, u.username),
         phone = coalesce(excluded.phone, u.phone),
         timezone = coalesce(excluded.timezone, u.timezone),
         locale = coalesce(excluded.locale, u.locale),
         recipient_as_of = excluded.recipient_as_of
     WHERE u.tenant_id = excluded.tenant_id AND u.deleted_at IS NULL
       AND (u.recipient_as_of IS NULL OR u.recipient_as_of <= excluded.recipient_as_of)
     )
     SELECT id FROM known WHERE id NOT IN (SELECT id FROM free)"
);

/// What became of what messages say of their people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HeardRecipients {
    /// Who cannot be what is said of them, by tenant and user, and why.
    pub conflicts: HashMap<(Uuid, Uuid), String>,
    /// Users of whom nothing is written yet, since somebody has locked what that needs.
    pub held: HashSet<Uuid>,
}

/// Writes what messages say of their people: a new person is made, and what was published before what is
/// stored changes nothing. It never brings back who was deleted. Each person is named once. One that
/// conflicts with another, or whose row somebody has locked, holds up nobody else. What was held before
/// (`is_again`) waits for nobody's locks.
///
/// # Errors
/// When the database fails for a reason that is no row's; writing again is safe.
pub async fn write_said(
    database: &Database,
    said: &[Said],
    is_again: bool,
) -> Result<HeardRecipients, StoreError> {
    let mut heard = HeardRecipients::default();
    let mut halves = Halves::of(said);
    while let Some(part) = halves.pop() {
        let at_once = is_again || halves.is_narrowing();
        let written = database
            .patiently_unless(at_once, async |connection| write(connection, part).await)
            .await;
        match (part, written.map_err(explain)) {
            (_, Ok(locked)) => {
                halves.done();
                heard.held.extend(locked);
            }
            ([one], Err(error)) if let Some(words) = conflict(&error) => {
                halves.done();
                heard.conflicts.insert((one.tenant_id, one.user_id), words);
            }
            (_, Err(error)) => halves.failed(part, of_one(error)),
        }
    }
    match halves.into_left() {
        (_, Some(error)) if !error.may_be_of_one_row() => Err(error),
        (left, _) => {
            heard.held.extend(left.into_iter().map(|one| one.user_id));
            Ok(heard)
        }
    }
}

/// Why a person cannot be that, in words.
fn conflict(error: &UpsertError) -> Option<String> {
    match error {
        UpsertError::Conflict(conflict) => Some(conflict.to_string()),
        UpsertError::Store(error) if error.is_about_data() => {
            Some(format!("the recipient cannot be stored: {error}"))
        }
        UpsertError::Store(_) => None,
    }
}

/// The error by which it is found whose it is.
fn of_one(error: UpsertError) -> StoreError {
    match error {
        UpsertError::Store(error) => error,
        UpsertError::Conflict(conflict) => StoreError::UniqueViolation {
            constraint: conflict.to_string(),
        },
    }
}

/// Writes what is said of people inside of a transaction: of all of them, or it fails. Each is named once.
///
/// # Errors
/// [`StoreError::Locked`] when somebody has locked one of them; an error of which [`conflict_of`] knows the
/// words when one cannot be what is said of them.
pub(in crate::store) async fn write_all(
    connection: &mut AsyncPgConnection,
    said: &[&Said],
) -> Result<(), StoreError> {
    match write(connection, said).await?.is_empty() {
        true => Ok(()),
        false => Err(StoreError::Locked(
            "somebody has locked a person".to_owned(),
        )),
    }
}

/// The conflict that an error means, if somebody cannot be what is said of them.
pub(in crate::store) fn conflict_of(error: &StoreError) -> Option<RecipientConflict> {
    match explain(error.clone()) {
        UpsertError::Conflict(conflict) => Some(conflict),
        UpsertError::Store(_) => None,
    }
}

/// In one statement; returns those who are left out.
async fn write(
    connection: &mut AsyncPgConnection,
    said: &[impl Borrow<Said>],
) -> Result<Vec<Uuid>, StoreError> {
    let all = || said.iter().map(Borrow::<Said>::borrow);
    let texts = |field: fn(&RecipientFields) -> &Option<String>| -> Vec<Option<String>> {
        all().map(|one| field(&one.fields).clone()).collect()
    };
    let write = Write {
        ids: all().map(|one| one.user_id).collect(),
        tenants: all().map(|one| one.tenant_id).collect(),
        emails: texts(|fields| &fields.email),
        usernames: texts(|fields| &fields.username),
        phones: texts(|fields| &fields.phone),
        timezones: texts(|fields| &fields.timezone),
        locales: texts(|fields| &fields.locale),
        published_by: all().map(|one| one.published_by.map(to_database)).collect(),
    };
    Ok(write.load(connection).await?)
}

/// Proof that a person was deleted, so that nothing that stands for them is lost. Made by [`absent`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone(());

impl Proof for Gone {}

/// Why somebody is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// They were deleted.
    Deleted(Gone),
    /// The id is that of another tenant's user.
    OtherTenants,
}

statement!(
    Absent(ids: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, SqlUuid, Bool) =
    "WITH asked AS (SELECT unnest(?::uuid[]) AS id)
     SELECT d.id, d.tenant_id, true FROM asked JOIN deleted_users d USING (id)
     UNION ALL
     SELECT u.id, u.tenant_id, u.deleted_at IS NOT NULL FROM asked JOIN users u USING (id)"
);

/// Why these people, whom nobody found, are absent; who was never known is left out.
///
/// # Errors
/// The database is out of reach.
pub async fn absent(
    connection: &mut AsyncPgConnection,
    people: &[(Uuid, Uuid)],
) -> Result<HashMap<(Uuid, Uuid), Absence>, StoreError> {
    let absent = Absent {
        ids: people.iter().map(|(_, user)| *user).collect(),
    };
    let rows: Vec<(Uuid, Uuid, bool)> = absent.load(connection).await?;
    let mut why = HashMap::new();
    for (id, tenant_id, is_deleted) in rows {
        for whose in people.iter().filter(|(_, user)| *user == id) {
            if whose.0 != tenant_id {
                why.entry(*whose).or_insert(Absence::OtherTenants);
            } else if is_deleted {
                why.insert(*whose, Absence::Deleted(Gone(())));
            }
        }
    }
    Ok(why)
}
