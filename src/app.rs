//! The engine as a whole: built bottom-up from one list of actors, stopped top-down.
//!
//! Nothing is decided here about a notification. What is built here must be stopped here.

pub mod apply;
mod build;
pub mod check;
mod context;
pub mod explain;
pub mod export;
mod limits;
mod links;
pub mod mail_reader;
mod objects;
pub mod publish;
pub mod publish_event;
pub mod rejected;
mod report;
mod schema;
pub mod simulate;
mod stop;
pub mod zones;

use std::sync::Arc;

pub use report::{RunReport, StartError};

use crate::api::ConsoleParts;
use crate::config::Settings;
use crate::runtime::{Ending, Health, Shutdown, Tasks, stack};
use crate::store::seal::Sealer;
use crate::store::{DatabaseRole, DatabaseSettings};

/// Longest wait for tasks that are still running after everything was stopped.
const LAST_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs the engine until `shutdown` is raised and everything in hand is settled or returned.
///
/// Blocks the calling thread, which becomes the actors' arbiter; connections and requests live on
/// a multi-thread runtime of their own. The same function runs in the binary and in tests.
///
/// # Errors
/// When it cannot start at all. A database or broker that is not there is no such case: it waits
/// for them, and `/readyz` says so.
pub fn run(settings: Settings, shutdown: Shutdown) -> Result<RunReport, StartError> {
    run_observed(settings, shutdown, Health::new())
}

/// What a process serves; HTTP is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedParts {
    /// Consumers, providers, and all that belongs to notifications.
    pub engine: bool,
    /// The support desk's clocks and events.
    pub tickets: bool,
    /// The pages of both.
    pub api: bool,
}

impl ServedParts {
    /// Everything.
    pub const ALL: Self = Self {
        engine: true,
        tickets: true,
        api: true,
    };

    /// The operators' pages that belong to these parts.
    const fn pages(self) -> ConsoleParts {
        ConsoleParts {
            engine: self.engine || self.api,
            desk: self.tickets || self.api,
        }
    }
}

/// [`run`], of some parts.
///
/// # Errors
/// Those of [`run`].
pub fn run_only(
    settings: Settings,
    shutdown: Shutdown,
    only: ServedParts,
) -> Result<RunReport, StartError> {
    run_parts(settings, shutdown, Health::new(), only)
}

/// [`run`], with a health that the caller can look at and wait for.
///
/// # Errors
/// Those of [`run`].
pub fn run_observed(
    settings: Settings,
    shutdown: Shutdown,
    health: Health,
) -> Result<RunReport, StartError> {
    run_parts(settings, shutdown, health, ServedParts::ALL)
}

fn run_parts(
    settings: Settings,
    shutdown: Shutdown,
    health: Health,
    only: ServedParts,
) -> Result<RunReport, StartError> {
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.engine.io_threads.max(1))
        .thread_name("herald-io")
        // Templates are rendered on its threads.
        .thread_stack_size(stack::LARGE)
        .enable_all()
        .build()
        .map_err(|error| StartError::Runtime(error.to_string()))?;
    let tasks = Tasks::new(io.handle().clone());
    let settings = Arc::new(settings);
    let ended = actix::System::new().block_on(live(settings, shutdown, health, tasks, only));
    io.shutdown_timeout(LAST_WAIT);
    ended
}

async fn live(
    settings: Arc<Settings>,
    shutdown: Shutdown,
    health: Health,
    tasks: Tasks,
    only: ServedParts,
) -> Result<RunReport, StartError> {
    let context = context::EngineContext::new(&settings, &shutdown, health, tasks)?;
    let server = build::http(&settings, &context, only)?;
    limits::watch(&settings, &context);
    let never =
        |shutdown: &Shutdown| RunReport::never_started(shutdown.ending().unwrap_or(Ending::Asked));
    if schema::fitting(&context).await?.is_none() {
        server.stop(false).await;
        return Ok(never(&shutdown));
    }
    if only.tickets {
        build::desk::keep_desk(&settings, &context);
    }
    if !only.engine {
        // Events are taken on here, too: nodes with an engine go on with what they start.
        build::pipeline::accept_events(&settings, &context, Arc::default(), Arc::default());
        context.accept.stay_closed();
        tracing::info!(address = %settings.http.bind, "herald is running, without the engine");
        shutdown.raised().await;
        stop::stop_desk(&context).await;
        server.stop(true).await;
        return Ok(never(&shutdown));
    }
    let Some(engine) = build::engine(&settings, &context).await? else {
        server.stop(false).await;
        return Ok(never(&shutdown));
    };
    tracing::info!(run = engine.run.0, address = %settings.http.bind, "herald is running");
    shutdown.raised().await;
    let report = stop::stop(&settings, &context, engine).await;
    server.stop(true).await;
    Ok(report)
}

/// The cipher for stored credentials, by the configured keys.
///
/// # Errors
/// When the keys are no good.
pub fn sealer(settings: &Settings) -> Result<Sealer, StartError> {
    let keys: Vec<[u8; 32]> = settings
        .secrets
        .keys
        .iter()
        .map(|key| *key.expose())
        .collect();
    Ok(Sealer::new(&keys)?)
}

/// How the settings say that the database is reached.
#[must_use]
pub fn database_settings(settings: &Settings) -> DatabaseSettings {
    DatabaseSettings {
        url: settings.database.url.clone(),
        role: DatabaseRole::Notifications,
        tls: settings.database.tls.clone(),
        pool_size: settings.database.pool_size,
        connect_timeout: settings.database.connect_timeout,
        statement_timeout: settings.database.statement_timeout,
        application_name: format!("herald {}", settings.engine.node_name),
    }
}

/// How the support desk reaches the same database: with a role of its own, and a third of the connections.
#[must_use]
pub fn desk_settings(settings: &Settings) -> DatabaseSettings {
    let engine = database_settings(settings);
    DatabaseSettings {
        role: DatabaseRole::Tickets,
        pool_size: engine.pool_size.div_ceil(3).max(2),
        application_name: format!("{} tickets", engine.application_name),
        ..engine
    }
}
