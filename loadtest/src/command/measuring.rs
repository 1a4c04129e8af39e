//! Measuring with one engine in an environment of its own: made before, removed behind, however it ends.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::bench::{BenchArguments, conclude};
use super::failure::Failure;
use super::signal;
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::inbox::TENANT;

/// Longest wait for an engine's end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A setting of the engine: its variable, and its value.
pub(super) type EngineSetting<'a> = (&'a str, String);

/// Measures in an environment whose engines have these settings, until a signal ends it. `work` says whether all was as it
/// must be.
pub(super) async fn measure(
    bench: &BenchArguments,
    measurement: &str,
    settings: &[EngineSetting<'_>],
    work: impl AsyncFnOnce(&Environment) -> Result<bool>,
) -> Result<(), Failure> {
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let mut environment = bench.environment(measurement).await?;
    for (variable, value) in settings {
        environment.engine.set(variable, value);
    }
    let measured = tokio::select! {
        measured = work(&environment) => Some(measured),
        () = ended => None,
    };
    conclude(environment, measured).await
}

/// How fast topics fan out is not what is limited here.
pub(super) fn fan_out_at_will() -> [EngineSetting<'static>; 1] {
    [("HERALD__ENGINE__FAN_OUT_RATE", "1000000".to_owned())]
}

/// An engine that serves, and a key for everything; its tables are there.
pub(super) async fn serving(environment: &Environment) -> Result<(Engine, String)> {
    let key = environment.engine.key("admin").await?;
    let engine = environment.engine.start("one")?;
    engine.consumes().await?;
    Ok((engine, key))
}

/// Ends an engine in good order.
pub(super) async fn stop(engine: &Engine) -> Result<()> {
    engine.signal("TERM")?;
    engine.ended(PATIENCE).await.context("the engine's end")?;
    Ok(())
}

/// So many people who all subscribe to the topic `all`, with these attributes in JSON.
pub(super) async fn everybody_subscribes(
    database: &Client,
    many: u64,
    attributes: &str,
) -> Result<()> {
    let people = format!(
        "SET search_path TO notification_schema;
         WITH topic AS (
             INSERT INTO topics (tenant_id, name, joined) VALUES ('{TENANT}', 'all', 1) RETURNING id
         ), people AS (
             INSERT INTO users (id, tenant_id) SELECT gen_random_uuid(), '{TENANT}' FROM generate_series(1, {many})
             RETURNING id
         )
         INSERT INTO topic_subscribers (topic_id, user_id, attributes, joined)
         SELECT topic.id, people.id, '{attributes}', 1 FROM topic, people;
         ANALYZE users; ANALYZE topic_subscribers;"
    );
    let filled = database.batch_execute(&people).await;
    filled.context("people who subscribe")
}
