//! Building, bottom-up: what every part stands on first, then the actors in the order in which
//! they need each other, the broker last.

mod knowledge;
mod upkeep;

use std::sync::Arc;

use actix::Addr;
use actix_web::dev::ServerHandle;
use lapin::Connection;
use tokio::sync::oneshot;

use self::knowledge::{eligibility, listen, start_account_loader};
use self::upkeep::{keep_house, keep_lease, watch_readiness};
use super::context::EngineContext;
use super::{StartError, schema};
use crate::broker::connection::BrokerAddress;
use crate::broker::consumer::{Consumers, LaneConsumer};
use crate::broker::publisher::Publisher;
use crate::cache::templates::TemplateCache;
use crate::config::Settings;
use crate::delivery::ChannelStates;
use crate::delivery::account_loader::LoaderContext;
use crate::delivery::eligibility::Eligibility;
use crate::delivery::registry::AccountRegistry;
use crate::domain::Channel;
use crate::ops::Control;
use crate::pipeline::dispatcher::ChannelContext;
use crate::pipeline::ingest::Admission;
use crate::pipeline::recorder::Settling;
use crate::pipeline::scheduler::{Pauses, Poller};
use crate::pipeline::{Dispatcher, HourlyMetrics, Ingest, Recorder, Scheduler};
use crate::resilience::Backoff;
use crate::runtime::{Ending, Pulse, Supervisor, mailbox};
use crate::store::lease::RunId;
use crate::templates::Limits;
use crate::work::claim_guard::ClaimGuards;
use crate::work::job::{Arrived, Wake};
use crate::work::lane_permits::LanePermits;
use crate::work::{Dispatchers, InFlight, LeaseGate, RecorderWake, ReleaseQueue, SettleQueue};

/// A running engine, as far as it must be stopped.
pub(super) struct RunningEngine {
    pub(super) run: RunId,
    pub(super) permits: LanePermits,
    pub(super) hourly: Addr<HourlyMetrics>,
    pub(super) settle_queue: SettleQueue,
    pub(super) release_queue: ReleaseQueue,
    /// The consumers' connection, once they have stopped.
    pub(super) consumed: oneshot::Receiver<Option<Connection>>,
}

/// Starts the HTTP server: first of all, so that `/readyz` can say what is being waited for.
#[expect(
    clippy::disallowed_methods,
    reason = "the server's future ends when its handle stops it"
)]
pub(super) fn http(
    settings: &Settings,
    context: &EngineContext,
) -> Result<ServerHandle, StartError> {
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
        context.health.down(part, "starting");
    }
    let pulse = keep_pulse(context);
    let control = Control::new(
        context.health.clone(),
        pulse,
        Arc::clone(&context.metrics),
        context.stop.clone(),
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
fn keep_pulse(context: &EngineContext) -> Pulse {
    let pulse = Pulse::default();
    actix_rt::spawn(pulse.clone().keep("actors"));
    let (io, stop) = (pulse.clone(), context.end_of_run.clone());
    context.tasks.spawn("pulse", async move {
        stop.or(io.keep("io")).await;
    });
    pulse
}

/// Builds the pipeline; `None` when the shutdown came first.
pub(super) async fn engine(
    settings: &Arc<Settings>,
    context: &EngineContext,
) -> Result<Option<RunningEngine>, StartError> {
    if schema::fitting(context).await?.is_none() {
        return Ok(None);
    }
    let lease_gate = keep_lease(settings, context);
    let Some(run) = context.stop.or(lease_gate.opened()).await else {
        context.end_of_run.raise(Ending::Asked);
        return Ok(None);
    };
    watch_readiness(settings, context, &lease_gate, run);
    let supervisor = supervisor(context);
    let recorder_wake = RecorderWake::default();
    let (batch, linger) = (settings.engine.settle_batch, settings.engine.settle_linger);
    let settle_queue = SettleQueue::new(batch, linger, recorder_wake.clone());
    let templates = &settings.templates;
    let templates = TemplateCache::new(Limits {
        max_output_bytes: templates.max_output_bytes,
        fuel: templates.fuel,
    });
    let registry = AccountRegistry::default();
    let eligibility = eligibility(settings, context);
    let channels = ChannelStates::new();
    let dispatchers = dispatchers(
        settings,
        context,
        &supervisor,
        &registry,
        &templates,
        &settle_queue,
        &eligibility,
    );
    let loader = LoaderContext {
        channels: channels.clone(),
        database: context.database.clone(),
        sealer: context.sealer.clone(),
        templates: templates.clone(),
        registry: registry.clone(),
        supervisor: supervisor.clone(),
        client: context.client.clone(),
        settings: settings.providers.clone(),
        retry: settings.retry.clone(),
        dispatchers: dispatchers.clone(),
        settle_queue: settle_queue.clone(),
        lease_gate: lease_gate.clone(),
        eligibility: Arc::clone(&eligibility),
        metrics: Arc::clone(&context.metrics),
        tasks: context.tasks.clone(),
        no_calls: context.no_calls.clone(),
    };
    let Some(account_loader) = start_account_loader(settings, context, loader).await else {
        return Ok(None);
    };
    listen(context, &eligibility, account_loader);

    let in_flight = InFlight::default();
    let release_queue = ReleaseQueue::new(recorder_wake.clone());
    let claim_guards = ClaimGuards {
        in_flight: in_flight.clone(),
        release_queue: release_queue.clone(),
        metrics: Arc::clone(&context.metrics),
    };
    let permits = LanePermits::new(&settings.lanes);
    let hourly = HourlyMetrics::new(context.database.clone(), run, context.tasks.clone());
    let hourly = supervisor.start("metrics", "metrics", hourly);
    let scheduler = Scheduler::new(
        Arc::new(Poller {
            database: context.database.clone(),
            lanes: settings.broker.lanes.clone(),
            permits: permits.clone(),
            eligibility: Arc::clone(&eligibility),
            claim_guards: claim_guards.clone(),
            settle_queue: settle_queue.clone(),
            dispatchers: dispatchers.clone(),
            lease_gate: lease_gate.clone(),
            pauses: Pauses::new(channels.clone()),
            registry: registry.clone(),
            looking: Default::default(),
            takes: Default::default(),
            suspects: Default::default(),
            stop: context.stop.clone(),
        }),
        context.tasks.clone(),
        settings.engine.scheduler_poll,
    );
    let scheduler = supervisor.start("scheduler", "scheduler", scheduler);
    let settling = Arc::new(Settling {
        database: context.database.clone(),
        in_flight: in_flight.clone(),
        metrics: Arc::clone(&context.metrics),
        hourly: hourly.clone(),
        scheduler,
        giving_up: context.giving_up.clone(),
    });
    let recorder = Recorder::new(
        settling,
        settle_queue.clone(),
        release_queue.clone(),
        context.tasks.clone(),
    );
    let recorder = supervisor.start("recorder", "recorder", recorder);
    recorder_wake.set(move || mailbox::post(&recorder, Wake));
    let known = (templates, registry);
    let admission = admission(
        settings,
        context,
        lease_gate,
        eligibility,
        known,
        claim_guards,
        dispatchers,
    );
    let ingest = Ingest::new(
        Arc::new(admission),
        context.tasks.clone(),
        settings.engine.claim_batch,
        settings.engine.claim_linger,
    );
    let ingest = supervisor.start("ingest", "ingest", ingest);
    let again = ingest.clone();
    in_flight.arrives_again(move |arrivals| mailbox::post(&again, Arrived(arrivals)));
    let consumed = consume(settings, context, &permits, &channels, ingest);
    keep_house(context);
    context.health.up("engine");
    Ok(Some(RunningEngine {
        run,
        permits,
        hourly,
        settle_queue,
        release_queue,
        consumed,
    }))
}

fn supervisor(context: &EngineContext) -> Supervisor {
    let metrics = Arc::clone(&context.metrics);
    let on_restart = Arc::new(move |role: &str| metrics.actor_restarted(role));
    Supervisor::new(context.health.clone(), context.stop.clone(), on_restart)
}

fn dispatchers(
    settings: &Settings,
    context: &EngineContext,
    supervisor: &Supervisor,
    registry: &AccountRegistry,
    templates: &TemplateCache,
    settle_queue: &SettleQueue,
    eligibility: &Arc<Eligibility>,
) -> Dispatchers {
    let start = |channel: &Channel| {
        let channel_context = ChannelContext {
            channel: *channel,
            registry: registry.clone(),
            eligibility: Arc::clone(eligibility),
            templates: templates.clone(),
            settle_queue: settle_queue.clone(),
            metrics: Arc::clone(&context.metrics),
        };
        let dispatcher = Dispatcher::new(
            channel_context,
            context.tasks.clone(),
            settings.engine.io_threads,
        );
        let name = format!("dispatcher {channel}");
        supervisor
            .start("dispatcher", &name, dispatcher)
            .recipient()
    };
    Dispatchers::new(Channel::ALL.iter().map(start).collect())
}

fn admission(
    settings: &Settings,
    context: &EngineContext,
    lease_gate: LeaseGate,
    eligibility: Arc<Eligibility>,
    (templates, registry): (TemplateCache, AccountRegistry),
    claim_guards: ClaimGuards,
    dispatchers: Dispatchers,
) -> Admission {
    Admission {
        database: context.database.clone(),
        lease_gate,
        takes: Default::default(),
        waiting: Default::default(),
        later: Default::default(),
        window: settings.engine.deduplication_window,
        max_body_bytes: settings.broker.max_body_bytes,
        eligibility,
        templates,
        registry,
        claim_guards,
        publisher: publisher(settings, context),
        dispatchers,
        metrics: Arc::clone(&context.metrics),
        tasks: context.tasks.clone(),
        giving_up: context.giving_up.clone(),
    }
}

fn publisher(settings: &Settings, context: &EngineContext) -> Arc<Publisher> {
    let publisher = Publisher::new(broker_address(settings), context.health.clone());
    let publisher = Arc::new(publisher);
    let keeping = Arc::clone(&publisher).keep(context.stop.clone());
    context.tasks.spawn("watch publishing", keeping);
    publisher
}

pub(super) fn broker_address(settings: &Settings) -> BrokerAddress {
    BrokerAddress {
        url: settings.broker.url.clone(),
        tls: settings.broker.tls.clone(),
        connect_timeout: settings.broker.connect_timeout,
        operation_timeout: settings.broker.operation_timeout,
        heartbeat: settings.broker.heartbeat,
    }
}

fn consume(
    settings: &Settings,
    context: &EngineContext,
    permits: &LanePermits,
    channels: &ChannelStates,
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
        tasks: context.tasks.clone(),
        health: context.health.clone(),
        stop: context.stop.clone(),
        sink: Arc::new(move |arrivals| mailbox::post(&ingest, Arrived(arrivals))),
    };
    let (sender, consumed) = oneshot::channel();
    context.tasks.spawn("consume", async move {
        // Nobody waits any more when stopping took too long.
        let _ = sender.send(consumers.run().await);
    });
    consumed
}
