//! Events of other systems, and the runs that they start: stored by one statement.

pub mod desk;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bytea, Int2, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::statement::statement;
use super::{StoreError, time, turn};
use crate::domain::{ContentHash, DomainEvent, RunEnd, Source};

/// Of the locks of tenants whose events are stored.
const CLASS: i32 = 0x4845_5242;

/// An event that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The event.
    pub event: DomainEvent,
    /// What a repetition must say again.
    pub said: ContentHash,
    /// How many workflows have started each other up to it.
    pub depth: i16,
    /// What comes of it, for people: a line for each workflow.
    pub outcome: Value,
}

/// A run that is to be started by an event that is stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The version of its workflow.
    pub workflow_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// The event.
    pub event_id: Uuid,
    /// Who is told, if that can be said.
    pub user_id: Option<Uuid>,
    /// What it is about.
    pub key: Option<String>,
    /// How it ended, if it could not begin.
    pub end: Option<RunEnd>,
    /// What its notifications are about.
    pub source: Option<Source>,
    /// The beginning of its story, as JSON.
    pub timeline: String,
}

statement!(
    /// Stores events and the runs of those that are new; answers these.
    AcceptEvents(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        sources: Vec<String> => Array<Text>,
        event_ids: Vec<String> => Array<Text>,
        kinds: Vec<String> => Array<Text>,
        subjects: Vec<Option<String>> => Array<Nullable<Text>>,
        happened: Vec<DateTime<Utc>> => Array<Timestamptz>,
        said: Vec<Vec<u8>> => Array<Bytea>,
        data: Vec<String> => Array<Text>,
        extensions: Vec<String> => Array<Text>,
        depths: Vec<i16> => Array<Int2>,
        outcomes: Vec<String> => Array<Text>,
        run_ids: Vec<Uuid> => Array<SqlUuid>,
        run_tenants: Vec<Uuid> => Array<SqlUuid>,
        workflow_ids: Vec<Uuid> => Array<SqlUuid>,
        workflows: Vec<String> => Array<Text>,
        run_events: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        keys: Vec<Option<String>> => Array<Nullable<Text>>,
        statuses: Vec<&'static str> => Array<Text>,
        reasons: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        source_types: Vec<Option<String>> => Array<Nullable<Text>>,
        source_ids: Vec<Option<String>> => Array<Nullable<Text>>,
        timelines: Vec<String> => Array<Text>,
    ) -> SqlUuid =
        "WITH asked AS (
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY AS asked
                 (id, tenant_id, source, event_id, kind, subject, happened_at, said, data, extensions, depth, outcome,
                  place)
         ), stored AS (
             INSERT INTO events (id, tenant_id, source, event_id, kind, subject, happened_at, said, data, extensions,
                 depth, outcome)
             SELECT id, tenant_id, source, event_id, kind, subject, happened_at, said, data::jsonb,
                 extensions::jsonb, depth, outcome::jsonb
             FROM asked ORDER BY place
             ON CONFLICT (tenant_id, source, event_id) DO NOTHING
             RETURNING id
         ), begun AS (
             INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, reason,
                 source_type, source_id, timeline, due_at, finished_at)
             SELECT run.id, run.tenant_id, run.workflow_id, run.workflow, run.event_id, run.user_id, run.key,
                 run.status, run.reason, run.source_type, run.source_id, run.timeline::jsonb,
                 CASE WHEN run.status = 'waiting' THEN now() END, CASE WHEN run.status <> 'waiting' THEN now() END
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS run
                 (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, reason, source_type,
                  source_id, timeline)
             WHERE run.event_id IN (SELECT id FROM stored)
             ON CONFLICT DO NOTHING
         )
         SELECT id FROM stored"
);

/// Waits until nobody else stores events of these tenants, and keeps others from it until the transaction ends: the
/// order of a tenant's events is that of their commits, and one that ends runs meets all that were started before it.
///
/// # Errors
/// The database is out of reach, or somebody takes very long.
pub async fn take_turns(
    connection: &mut AsyncPgConnection,
    tenants: &[Uuid],
) -> Result<(), StoreError> {
    let names = tenants.iter().map(Uuid::to_string);
    turn::take(connection, CLASS, names.collect()).await
}

/// Stores events in this order, each once, and starts the runs of those that are new. Answers the ids of these.
///
/// # Errors
/// The database's; a tenant that does not exist is a [`StoreError::ForeignKey`].
pub async fn accept(
    connection: &mut AsyncPgConnection,
    events: &[NewEvent],
    runs: &[NewRun],
) -> Result<Vec<Uuid>, StoreError> {
    let all = || events.iter().map(|it| &it.event);
    let sources = || runs.iter().map(|it| it.source.as_ref());
    let statement = AcceptEvents {
        ids: all().map(|it| it.id).collect(),
        tenants: all().map(|it| it.tenant_id).collect(),
        sources: all().map(|it| it.source.clone()).collect(),
        event_ids: all().map(|it| it.event_id.clone()).collect(),
        kinds: all().map(|it| it.kind.clone()).collect(),
        subjects: all().map(|it| it.subject.clone()).collect(),
        happened: all().map(|it| time::to_database(it.time)).collect(),
        said: events.iter().map(|it| it.said.0.to_vec()).collect(),
        data: all().map(|it| it.data.to_string()).collect(),
        extensions: all()
            .map(|it| Value::Object(it.extensions.clone()).to_string())
            .collect(),
        depths: events.iter().map(|it| it.depth).collect(),
        outcomes: events.iter().map(|it| it.outcome.to_string()).collect(),
        run_ids: runs.iter().map(|it| it.id).collect(),
        run_tenants: runs.iter().map(|it| it.tenant_id).collect(),
        workflow_ids: runs.iter().map(|it| it.workflow_id).collect(),
        workflows: runs.iter().map(|it| it.workflow.clone()).collect(),
        run_events: runs.iter().map(|it| it.event_id).collect(),
        users: runs.iter().map(|it| it.user_id).collect(),
        keys: runs.iter().map(|it| it.key.clone()).collect(),
        statuses: runs.iter().map(|it| status_of(it.end)).collect(),
        reasons: runs.iter().map(|it| it.end.map(RunEnd::as_str)).collect(),
        source_types: sources().map(|it| it.map(|it| it.kind.clone())).collect(),
        source_ids: sources().map(|it| it.map(|it| it.id.clone())).collect(),
        timelines: runs.iter().map(|it| it.timeline.clone()).collect(),
    };
    Ok(statement.load(connection).await?)
}

/// The word of a run's status.
pub(super) fn status_of(end: Option<RunEnd>) -> &'static str {
    end.map_or("waiting", |end| end.outcome().as_str())
}

/// By what an event is known: tenant, source and id there.
pub type EventKey = (Uuid, String, String);

statement!(
    /// Events that are there, by what they are known by.
    FindEvents(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        sources: Vec<String> => Array<Text>,
        event_ids: Vec<String> => Array<Text>,
    ) -> (SqlUuid, Text, Text, SqlUuid, Bytea) =
        "SELECT e.tenant_id, e.source, e.event_id, e.id, e.said
         FROM unnest(?, ?, ?) AS asked (tenant_id, source, event_id)
         JOIN events e USING (tenant_id, source, event_id)"
);

/// Events that are there: their ids, and what a repetition must say.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, (Uuid, Vec<u8>)>, StoreError> {
    let statement = FindEvents {
        tenants: keys.iter().map(|(tenant, ..)| *tenant).collect(),
        sources: keys.iter().map(|(_, source, _)| source.clone()).collect(),
        event_ids: keys.iter().map(|(.., id)| id.clone()).collect(),
    };
    let found: Vec<(Uuid, String, String, Uuid, Vec<u8>)> = statement.load(connection).await?;
    let known = found.into_iter();
    Ok(known
        .map(|(tenant, source, event, id, said)| ((tenant, source, event), (id, said)))
        .collect())
}

statement!(
    /// Events by their ids.
    LoadEvents(
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, SqlUuid, Text, Text, Text, Nullable<Text>, Timestamptz, Jsonb, Jsonb) =
        "SELECT id, tenant_id, source, event_id, kind, subject, happened_at, data, extensions
         FROM events WHERE id = ANY(?)"
);

type EventColumns = (
    Uuid,
    Uuid,
    String,
    String,
    String,
    Option<String>,
    DateTime<Utc>,
    Value,
    Value,
);

/// These events, as far as they are there.
///
/// # Errors
/// The database is out of reach.
pub async fn load(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, DomainEvent>, StoreError> {
    let rows: Vec<EventColumns> = LoadEvents { ids }.load(connection).await?;
    Ok(rows.into_iter().map(|row| (row.0, event(row))).collect())
}

fn event(row: EventColumns) -> DomainEvent {
    let (id, tenant_id, source, event_id, kind, subject, happened_at, data, extensions) = row;
    let time: Timestamp = time::from_database(happened_at);
    DomainEvent {
        id,
        tenant_id,
        source,
        event_id,
        kind,
        subject,
        time,
        data,
        extensions: match extensions {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        },
    }
}

statement!(
    /// How deep the runs are that made notifications.
    Depths(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        notifications: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, Int2) =
        "SELECT n.id, e.depth FROM unnest(?, ?) AS asked (tenant_id, id)
         JOIN notifications n ON n.id = asked.id AND n.tenant_id = asked.tenant_id
         JOIN workflow_runs r ON r.id = CASE WHEN n.metadata ->> 'run' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
             THEN (n.metadata ->> 'run')::uuid END
         JOIN events e ON e.id = r.event_id"
);

/// The depths of the events that led to these notifications, where a workflow made them.
///
/// # Errors
/// The database is out of reach.
pub async fn depths(
    connection: &mut AsyncPgConnection,
    asked: &[(Uuid, Uuid)],
) -> Result<HashMap<Uuid, i16>, StoreError> {
    let statement = Depths {
        tenants: asked.iter().map(|(tenant, _)| *tenant).collect(),
        notifications: asked.iter().map(|(_, id)| *id).collect(),
    };
    let found: Vec<(Uuid, i16)> = statement.load(connection).await?;
    Ok(found.into_iter().collect())
}
