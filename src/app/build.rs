//! Building, bottom-up: what every part stands on first, then the actors in the order in which
//! they need each other, the broker last.

mod knowledge;
mod upkeep;

use std::sync::Arc;

use actix::Addr;
use actix_web::dev::ServerHandle;
use lapin::Connection;
use tokio::sync::oneshot;

use self::knowledge::{judge, listen, start_catalog};
use self::upkeep::{keep_house, keep_lease, watch_readiness};
use super::{StartError, schema};
use crate::broker::connection::Address;
use crate::broker::consumer::{Consumers, LaneConsumer};
use crate::broker::publisher::Publisher;
use crate::config::Settings;
use crate::domain::Channel;
use crate::pipeline::catalog::Needs;
use crate::pipeline::directory::Directory;
use crate::pipeline::dispatcher::Desk;
use crate::pipeline::hold::Holder;
use crate::pipeline::ingest::Admission;
use crate::pipeline::jobs::{Arrived, Wake};
use crate::pipeline::judge::Judge;
use crate::pipeline::lanes::LanePermits;
use crate::pipeline::recorder::Settling;
use crate::pipeline::scheduler::{Pauses, Round};
use crate::pipeline::shelf::Shelf;
use crate::pipeline::{
    Channels, Control, Dispatcher, Dispatchers, Fence, HourlyMetrics, InFlight, Ingest, Outbox,
    Recorder, Scheduler,
};
use crate::providers::HttpClient;
use crate::resilience::Backoff;
use crate::runtime::{Ending, Health, Pulse, Shutdown, Supervisor, Tasks, mailbox};
use crate::store::Database;
use crate::store::lease::RunId;
use crate::store::seal::Sealer;
use crate::telemetry::Metrics;
use crate::templates::Limits;

/// What everything stands on.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) tasks: Tasks,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Health,
    /// Stops taking on work.
    pub(super) stop: Shutdown,
    /// Starts no further provider call.
    pub(super) no_calls: Shutdown,
    /// Ends waiting for work that is in hand.
    pub(super) giving_up: Shutdown,
    /// Ends the run itself.
    pub(super) end_of_run: Shutdown,
    pub(super) database: Database,
    sealer: Sealer,
    client: HttpClient,
}

/// A running engine, as far as it must be stopped.
pub(super) struct Engine {
    pub(super) run: RunId,
    pub(super) permits: LanePermits,
    pub(super) hourly: Addr<HourlyMetrics>,
    pub(super) outbox: Outbox,
    /// The consumers' connection, once they have stopped.
    pub(super) consumed: oneshot::Receiver<Option<Connection>>,
}

impl Ground {
    pub(super) fn new(
        settings: &Settings,
        stop: &Shutdown,
        health: Health,
        tasks: Tasks,
    ) -> Result<Self, StartError> {
        Ok(Self {
            metrics: Arc::new(Metrics::new()),
            health,
            stop: stop.clone(),
            no_calls: Shutdown::new(),
            giving_up: Shutdown::new(),
            end_of_run: Shutdown::new(),
            database: Database::lazy(&super::database_settings(settings), tasks.handle()),
            sealer: super::sealer(settings)?,
            client: HttpClient::new(&settings.providers)?,
            tasks,
        })
    }
}

/// Starts the HTTP server: first of all, so that `/readyz` can say what is being waited for.
#[expect(
    clippy::disallowed_methods,
    reason = "the server's future ends when its handle stops it"
)]
pub(super) fn http(settings: &Settings, ground: &Ground) -> Result<ServerHandle, StartError> {
    for part in [
        "engine",
        "database",
        "lease",
        "broker",
        "lanes",
        "topology",
        "publishing",
        "claiming",
        "settling",
    ] {
        ground.health.down(part, "starting");
    }
    let pulse = keep_pulse(ground);
    let control = Control::new(
        ground.health.clone(),
        pulse,
        Arc::clone(&ground.metrics),
        ground.stop.clone(),
    );
    let address = settings.http.bind;
    let server = crate::api::server(address, settings.http.workers, control).map_err(|error| {
        StartError::Listen {
            address,
            why: error.to_string(),
        }
    })?;
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok(handle)
}

/// Signs of life of the arbiter that all actors live on, and of the runtime that everything else does.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the arbiter, whose signs of life it gives"
)]
fn keep_pulse(ground: &Ground) -> Pulse {
    let pulse = Pulse::default();
    actix_rt::spawn(pulse.clone().keep("actors"));
    let (io, stop) = (pulse.clone(), ground.end_of_run.clone());
    ground.tasks.spawn("pulse", async move {
        stop.or(io.keep("io")).await;
    });
    pulse
}

/// Builds the pipeline; `None` when the shutdown came first.
pub(super) async fn engine(
    settings: &Arc<Settings>,
    ground: &Ground,
) -> Result<Option<Engine>, StartError> {
    if schema::fitting(ground).await?.is_none() {
        return Ok(None);
    }
    let fence = keep_lease(settings, ground);
    let Some(run) = ground.stop.or(fence.pass()).await else {
        ground.end_of_run.raise(Ending::Asked);
        return Ok(None);
    };
    watch_readiness(settings, ground, &fence, run);
    let supervisor = supervisor(ground);
    let outbox = Outbox::new(settings.engine.settle_batch, settings.engine.settle_linger);
    let templates = &settings.templates;
    let shelf = Shelf::new(Limits {
        max_output_bytes: templates.max_output_bytes,
        fuel: templates.fuel,
    });
    let directory = Directory::default();
    let judge = judge(settings, ground);
    let channels = Channels::new();
    let dispatchers = dispatchers(
        settings,
        ground,
        &supervisor,
        &directory,
        &shelf,
        &outbox,
        &judge,
    );
    let needs = Needs {
        channels: channels.clone(),
        database: ground.database.clone(),
        sealer: ground.sealer.clone(),
        shelf: shelf.clone(),
        directory: directory.clone(),
        supervisor: supervisor.clone(),
        client: ground.client.clone(),
        settings: settings.providers.clone(),
        retry: settings.retry.clone(),
        dispatchers: dispatchers.clone(),
        outbox: outbox.clone(),
        fence: fence.clone(),
        judge: Arc::clone(&judge),
        metrics: Arc::clone(&ground.metrics),
        tasks: ground.tasks.clone(),
        no_calls: ground.no_calls.clone(),
    };
    let Some(catalog) = start_catalog(settings, ground, needs).await else {
        return Ok(None);
    };
    listen(ground, &judge, catalog);

    let in_flight = InFlight::default();
    let holder = Holder {
        in_flight: in_flight.clone(),
        outbox: outbox.clone(),
        metrics: Arc::clone(&ground.metrics),
    };
    let permits = LanePermits::new(&settings.lanes);
    let hourly = HourlyMetrics::new(ground.database.clone(), run, ground.tasks.clone());
    let hourly = supervisor.start("metrics", "metrics", hourly);
    let scheduler = Scheduler::new(
        Arc::new(Round {
            database: ground.database.clone(),
            lanes: settings.broker.lanes.clone(),
            permits: permits.clone(),
            judge: Arc::clone(&judge),
            holder: holder.clone(),
            dispatchers: dispatchers.clone(),
            fence: fence.clone(),
            pauses: Pauses::new(channels.clone()),
            directory: directory.clone(),
            looking: Default::default(),
            takes: Default::default(),
            suspects: Default::default(),
            stop: ground.stop.clone(),
        }),
        ground.tasks.clone(),
        settings.engine.scheduler_poll,
    );
    let scheduler = supervisor.start("scheduler", "scheduler", scheduler);
    let settling = Arc::new(Settling {
        database: ground.database.clone(),
        in_flight: in_flight.clone(),
        metrics: Arc::clone(&ground.metrics),
        hourly: hourly.clone(),
        scheduler,
        giving_up: ground.giving_up.clone(),
    });
    let recorder = Recorder::new(settling, outbox.clone(), ground.tasks.clone());
    let recorder = supervisor.start("recorder", "recorder", recorder);
    outbox.wakes(move || mailbox::post(&recorder, Wake));
    let known = (shelf, directory);
    let admission = admission(settings, ground, fence, judge, known, holder, dispatchers);
    let ingest = Ingest::new(
        Arc::new(admission),
        ground.tasks.clone(),
        settings.engine.claim_batch,
        settings.engine.claim_linger,
    );
    let ingest = supervisor.start("ingest", "ingest", ingest);
    let again = ingest.clone();
    in_flight.arrives_again(move |arrivals| mailbox::post(&again, Arrived(arrivals)));
    let consumed = consume(settings, ground, &permits, &channels, ingest);
    keep_house(ground);
    ground.health.up("engine");
    Ok(Some(Engine {
        run,
        permits,
        hourly,
        outbox,
        consumed,
    }))
}

fn supervisor(ground: &Ground) -> Supervisor {
    let metrics = Arc::clone(&ground.metrics);
    let on_restart = Arc::new(move |role: &str| metrics.actor_restarted(role));
    Supervisor::new(ground.health.clone(), ground.stop.clone(), on_restart)
}

fn dispatchers(
    settings: &Settings,
    ground: &Ground,
    supervisor: &Supervisor,
    directory: &Directory,
    shelf: &Shelf,
    outbox: &Outbox,
    judge: &Arc<Judge>,
) -> Dispatchers {
    let start = |channel: &Channel| {
        let desk = Desk {
            channel: *channel,
            directory: directory.clone(),
            judge: Arc::clone(judge),
            shelf: shelf.clone(),
            outbox: outbox.clone(),
            metrics: Arc::clone(&ground.metrics),
        };
        let dispatcher = Dispatcher::new(desk, ground.tasks.clone(), settings.engine.io_threads);
        supervisor.start("dispatcher", &format!("dispatcher {channel}"), dispatcher)
    };
    Dispatchers::new(Channel::ALL.iter().map(start).collect())
}

fn admission(
    settings: &Settings,
    ground: &Ground,
    fence: Fence,
    judge: Arc<Judge>,
    (shelf, directory): (Shelf, Directory),
    holder: Holder,
    dispatchers: Dispatchers,
) -> Admission {
    Admission {
        database: ground.database.clone(),
        fence,
        takes: Default::default(),
        waiting: Default::default(),
        later: Default::default(),
        window: settings.engine.deduplication_window,
        max_body_bytes: settings.broker.max_body_bytes,
        judge,
        shelf,
        directory,
        holder,
        publisher: publisher(settings, ground),
        dispatchers,
        metrics: Arc::clone(&ground.metrics),
        tasks: ground.tasks.clone(),
        giving_up: ground.giving_up.clone(),
    }
}

fn publisher(settings: &Settings, ground: &Ground) -> Arc<Publisher> {
    let publisher = Publisher::new(broker_address(settings), ground.health.clone());
    let publisher = Arc::new(publisher);
    let keeping = Arc::clone(&publisher).keep(ground.stop.clone());
    ground.tasks.spawn("watch publishing", keeping);
    publisher
}

pub(super) fn broker_address(settings: &Settings) -> Address {
    Address {
        url: settings.broker.url.clone(),
        tls: settings.broker.tls.clone(),
        connect_timeout: settings.broker.connect_timeout,
        operation_timeout: settings.broker.operation_timeout,
        heartbeat: settings.broker.heartbeat,
    }
}

fn consume(
    settings: &Settings,
    ground: &Ground,
    permits: &LanePermits,
    channels: &Channels,
    ingest: Addr<Ingest>,
) -> oneshot::Receiver<Option<Connection>> {
    let lanes = settings.broker.lanes.iter().filter_map(|lane| {
        let permits = permits.broker(*lane)?.clone();
        let prefetch = u16::try_from(permits.total()).unwrap_or(u16::MAX);
        Some(LaneConsumer {
            lane: *lane,
            permits,
            prefetch,
            paused: channels.held(lane.channel),
        })
    });
    let consumers = Consumers {
        address: broker_address(settings),
        lanes: lanes.collect(),
        delivery_limit: settings.broker.delivery_limit,
        reconnect: Backoff::new(settings.broker.reconnect_min, settings.broker.reconnect_max),
        tasks: ground.tasks.clone(),
        health: ground.health.clone(),
        stop: ground.stop.clone(),
        sink: Arc::new(move |arrivals| mailbox::post(&ingest, Arrived(arrivals))),
    };
    let (sender, consumed) = oneshot::channel();
    ground.tasks.spawn("consume", async move {
        // Nobody waits any more when stopping took too long.
        let _ = sender.send(consumers.run().await);
    });
    consumed
}
