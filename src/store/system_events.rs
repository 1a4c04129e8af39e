//! What operators should see.
//!
//! The same trouble is one event, however many nodes have it. It lists their runs, and is over when none of
//! them has it any more: one that is well again must not hide that another is not.

pub mod told;
pub mod troubles;

use diesel::sql_types::{Array, Bool, Int4, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::lease::RunId;
use super::statement::statement;
use super::{Database, StoreError};
use crate::domain::SystemEvent;

/// A statement that opens an event unless the same trouble is open already, and what becomes of the one that is.
macro_rules! opening {
    ($Statement:ident, $of_the_open:literal) => {
        statement!(
            $Statement(
                event_type: String => Text,
                severity: &'static str => Text,
                description: String => Text,
                details: Value => Jsonb,
                tenant_id: Option<Uuid> => Nullable<SqlUuid>,
                user_id: Option<Uuid> => Nullable<SqlUuid>,
            ) -> Bool = concat!(
                "INSERT INTO admin_system_events AS e
                     (event_type, severity, description, details, tenant_id, user_id)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (event_type, tenant_id, (details ->> 'provider')) WHERE NOT is_resolved
                 DO ", $of_the_open, " RETURNING true"
            )
        );
    };
}

opening!(Open, "NOTHING");

// Whoever comes while the event is open stands beside the first one, up to so many; more of them are found by
// the same query.
opening!(
    OpenWithOthers,
    "UPDATE SET details = CASE
         WHEN jsonb_array_length(coalesce(e.details -> 'others', '[]')) < 64
         THEN e.details || jsonb_build_object('others', coalesce(e.details -> 'others', '[]')
                  || to_jsonb(coalesce(excluded.user_id::text, 'the tenant')))
         ELSE e.details || '{\"more_than_these\": true}' END
     WHERE e.user_id IS DISTINCT FROM excluded.user_id
       AND e.details -> 'more_than_these' IS NULL
       AND NOT coalesce(e.details -> 'others', '[]')
               @> to_jsonb(coalesce(excluded.user_id::text, 'the tenant'))"
);

// What several nodes see alike is no node's in particular; whoever looks says how it is now.
opening!(
    Say,
    "UPDATE SET description = excluded.description, details = excluded.details
     WHERE e.details IS DISTINCT FROM excluded.details"
);

// The words are those of whoever said it last, and has the trouble for sure.
statement!(
    OpenOf(
        event_type: String => Text,
        severity: &'static str => Text,
        description: String => Text,
        details: Value => Jsonb,
        tenant_id: Option<Uuid> => Nullable<SqlUuid>,
        user_id: Option<Uuid> => Nullable<SqlUuid>,
        run: i32 => Int4,
    ) -> Bool =
    "INSERT INTO admin_system_events AS e
         (event_type, severity, description, details, tenant_id, user_id, runs)
     VALUES (?, ?, ?, ?, ?, ?, ARRAY[?::integer])
     ON CONFLICT (event_type, tenant_id, (details ->> 'provider')) WHERE NOT is_resolved
     DO UPDATE SET description = excluded.description, details = excluded.details,
         runs = CASE WHEN e.runs @> excluded.runs THEN e.runs ELSE e.runs || excluded.runs END
     RETURNING true"
);

statement!(
    CloseOf(
        run: Option<i32> => Nullable<Int4>,
        event_type: &'static str => Text,
        provider: Option<String> => Nullable<Text>,
    ) -> Bool =
    "UPDATE admin_system_events e SET runs = array_remove(e.runs, whose.run),
         is_resolved = array_remove(e.runs, whose.run) = '{}',
         resolved_at = CASE WHEN array_remove(e.runs, whose.run) = '{}' THEN now() END
     FROM (SELECT ?::integer AS run) whose
     WHERE e.event_type = ? AND (e.details ->> 'provider') IS NOT DISTINCT FROM ? AND NOT e.is_resolved
       AND (whose.run = ANY(e.runs) OR e.runs = '{}')
     RETURNING e.is_resolved"
);

// Only a run whose row says so has ended: one that is not known here may be younger than what is read.
statement!(
    ForgetTheEnded() -> Bool =
    "UPDATE admin_system_events e SET (runs, is_resolved, resolved_at) = (
         SELECT kept.runs, kept.runs = '{}', CASE WHEN kept.runs = '{}' THEN now() END
         FROM (SELECT coalesce(array_agg(run), '{}') AS runs FROM unnest(e.runs) AS has (run)
               WHERE NOT EXISTS (SELECT FROM engine_nodes n
                                 WHERE n.run_id = has.run AND n.ended_at IS NOT NULL)) kept)
     WHERE NOT e.is_resolved AND EXISTS (
         SELECT FROM engine_nodes n WHERE n.run_id = ANY(e.runs) AND n.ended_at IS NOT NULL)
     RETURNING e.is_resolved"
);

/// A statement that says what an event says, and perhaps more.
macro_rules! saying {
    ($Statement:ident, $event:expr $(, $more:ident: $value:expr)?) => {{
        let event: &SystemEvent = $event;
        $Statement {
            event_type: event.event_type.clone(),
            severity: event.severity.as_str(),
            description: event.description.clone(),
            details: Value::Object(event.details.clone()),
            tenant_id: event.tenant_id,
            user_id: event.user_id,
            $($more: $value,)?
        }
    }};
}

/// Opens an event that is no node's in particular, unless the same trouble is open already: the same type
/// and tenant, and the same `provider` in the details. Says whether it did.
///
/// # Errors
/// The database is out of reach.
pub async fn open(
    connection: &mut AsyncPgConnection,
    event: &SystemEvent,
) -> Result<bool, StoreError> {
    let open = saying!(Open, event);
    let opened: Vec<bool> = open.load(connection).await?;
    Ok(!opened.is_empty())
}

/// As [`open`]; one that is open already says what this one says from now on.
///
/// # Errors
/// The database is out of reach.
pub async fn say(
    connection: &mut AsyncPgConnection,
    event: &SystemEvent,
) -> Result<(), StoreError> {
    let say = saying!(Say, event);
    let _: Vec<bool> = say.load(connection).await?;
    Ok(())
}

/// As [`open`], of a trouble that several people of a tenant may have: while it is open, whoever else has it is
/// named in its details.
///
/// # Errors
/// The database is out of reach.
pub async fn open_with_others(
    connection: &mut AsyncPgConnection,
    event: &SystemEvent,
) -> Result<(), StoreError> {
    let open = saying!(OpenWithOthers, event);
    let _: Vec<bool> = open.load(connection).await?;
    Ok(())
}

/// Says that a run has a trouble: opens the event, or adds the run to it. To say so again is safe. Without
/// a run it is [`open`].
///
/// # Errors
/// The database is out of reach.
pub async fn open_of(
    connection: &mut AsyncPgConnection,
    run: Option<RunId>,
    event: &SystemEvent,
) -> Result<(), StoreError> {
    let Some(run) = run else {
        open(connection, event).await?;
        return Ok(());
    };
    let open = saying!(OpenOf, event, run: run.0);
    let _: Vec<bool> = open.load(connection).await?;
    Ok(())
}

/// Says that a run has a trouble no longer, with this provider or with none: the event is resolved when
/// no other run has it.
///
/// # Errors
/// The database is out of reach.
pub async fn close_of(
    connection: &mut AsyncPgConnection,
    run: Option<RunId>,
    event_type: &'static str,
    provider: Option<&str>,
) -> Result<(), StoreError> {
    let close = CloseOf {
        run: run.map(|run| run.0),
        event_type,
        provider: provider.map(str::to_owned),
    };
    let _: Vec<bool> = close.load(connection).await?;
    Ok(())
}

/// Takes runs that have ended out of all events: their troubles ended with them.
///
/// # Errors
/// The database is out of reach.
pub async fn forget_the_ended(database: &Database) -> Result<(), StoreError> {
    let _: Vec<bool> = ForgetTheEnded {}.load(&mut *database.get().await?).await?;
    Ok(())
}

statement!(
    ResolveTypes(event_types: Vec<&'static str> => Array<Text>) -> Bool =
    "UPDATE admin_system_events SET is_resolved = true, resolved_at = now()
     WHERE event_type = ANY(?) AND NOT is_resolved RETURNING true"
);

/// Resolves every open event of these types, whoever has the trouble.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve_types(
    connection: &mut AsyncPgConnection,
    event_types: Vec<&'static str>,
) -> Result<(), StoreError> {
    if event_types.is_empty() {
        return Ok(());
    }
    let _: Vec<bool> = ResolveTypes { event_types }.load(connection).await?;
    Ok(())
}
