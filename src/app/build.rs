//! Building, bottom-up: what every part stands on first, then the actors in the order in which
//! they need each other, the broker last.

pub(super) mod desk;
mod http;
mod knowledge;
pub(super) mod pipeline;
pub(super) mod status;
mod upkeep;
mod webhooks;

use std::sync::Arc;

use actix::Addr;
use actix_web::dev::ServerHandle;
use lapin::Connection;
use tokio::sync::oneshot;
use url::Url;

use self::knowledge::{eligibility, explainer_of, keep_link_keys, listen, start_account_loader};
use self::pipeline::PipelineBuilder;
use self::status::publish_status;
use self::upkeep::{event_intake, keep_house, keep_lease, keep_saying, watch_readiness};
use self::webhooks::start_webhooks;
use super::context::EngineContext;
use super::{ServedParts, StartError};
use crate::broker::connection::BrokerAddress;
use crate::broker::set_aside::AsideReader;
use crate::cache::KeyRates;
use crate::config::Settings;
use crate::delivery::account_loader::LoaderContext;
use crate::delivery::registry::AccountRegistry;
use crate::delivery::{ChannelStates, NodeContext};
use crate::domain::Channel;
use crate::ops::Control;
use crate::ops::control::{
    AsideDesk, CancelDesk, CategoryDesk, Desk, Desks, EventDesk, ExplainDesk, FanOutDesk, HookDesk,
    InboxDesk, KeyDesk, LetterDesk, LinkDesk, NotificationDesk, OverviewDesk, PeopleDesk,
    ProviderDesk, QuarantineDesk, RunDesk, SessionDesk, SessionRules, SimulationDesk, StreamDesk,
    SuppressionDesk, TemplateDesk, TenantDesk, TokenDesk, TopicDesk, WatchDesk, WebhookDesk,
    WorkflowDesk,
};
use crate::pipeline::dispatcher::ChannelContext;
use crate::pipeline::{Dispatcher, HourlyMetrics};
use crate::runtime::{Ending, Pulse, Supervisor, mailbox};
use crate::store::lease::RunId;
use crate::work::claim_guard::ClaimGuards;
use crate::work::job::Wake;
use crate::work::{
    Dispatchers, InFlight, LanePermits, LeaseGate, RecorderWake, ReleaseQueue, SettleQueue,
};

/// A running engine, as far as it must be stopped.
pub(super) struct RunningEngine {
    pub(super) run: RunId,
    pub(super) permits: LanePermits,
    pub(super) hourly: Addr<HourlyMetrics>,
    pub(super) node: Arc<NodeContext>,
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
    only: ServedParts,
) -> Result<ServerHandle, StartError> {
    let of_engine: &[&str] = &[
        "engine",
        "lease",
        "broker",
        "lanes",
        "topology",
        "publishing",
        "claiming",
        "settling",
    ];
    let of_engine = of_engine.iter().filter(|_| only.engine);
    for part in of_engine.chain(&["database"]) {
        context.health.down(part, "starting");
    }
    let pulse = keep_pulse(context);
    let control = Control::new(
        context.health.clone(),
        pulse,
        Arc::clone(&context.metrics),
        context.phases.stop.clone(),
    );
    let desks = desks(settings, context, control);
    let how = http::server_settings(settings, context, only.pages())?;
    let server = crate::api::server(&how, desks, context.tickets.clone());
    let server = server.map_err(|error| StartError::Listen {
        address: settings.http.bind,
        why: error.to_string(),
    })?;
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok(handle)
}

/// What the HTTP API sees.
fn desks(settings: &Settings, context: &EngineContext, control: Control) -> Desks {
    let desk = Desk {
        database: context.database.clone(),
        tasks: context.tasks.clone(),
    };
    Desks {
        control,
        accept: context.accept.clone(),
        explaining: ExplainDesk::new(desk.clone(), explainer_of(settings, context)),
        cancelling: CancelDesk {
            desk: desk.clone(),
            gates: context.gates.clone(),
        },
        hooks: HookDesk::new(
            desk.clone(),
            context.sealer.clone(),
            event_intake(settings, context),
            Arc::clone(&context.metrics),
            settings.http.public_url.as_ref().map(Url::as_str),
        ),
        keys: KeyDesk {
            keys: context.api_keys.clone(),
            rates: KeyRates::new(context.database.clone()),
            usual_rate: settings.http.key_rate,
            burst: settings.http.key_burst,
            desk: desk.clone(),
        },
        providers: ProviderDesk {
            desk: desk.clone(),
            sealer: context.sealer.clone(),
            client: context.client.clone(),
            test_addresses: settings.http.test_addresses.clone().into(),
        },
        letters: LetterDesk { desk: desk.clone() },
        watch: WatchDesk { desk: desk.clone() },
        notifications: NotificationDesk {
            desk: desk.clone(),
            limits: super::explain::limits(settings),
        },
        webhooks: WebhookDesk {
            desk: desk.clone(),
            sealer: context.sealer.clone(),
            guard: settings.webhooks.guard.clone(),
        },
        people: PeopleDesk { desk: desk.clone() },
        inbox: InboxDesk {
            desk: desk.clone(),
            recipients: context.recipients.clone(),
        },
        links: LinkDesk::new(
            desk.clone(),
            context.link_keys.clone(),
            settings.http.failed_keys,
        ),
        suppressions: SuppressionDesk { desk: desk.clone() },
        categories: CategoryDesk { desk: desk.clone() },
        templates: TemplateDesk {
            desk: desk.clone(),
            limits: super::explain::limits(settings),
        },
        sessions: SessionDesk {
            desk: desk.clone(),
            keys: context.api_keys.clone(),
            metrics: Arc::clone(&context.metrics),
            rules: SessionRules {
                idle: settings.console.idle_timeout,
                longest: settings.console.session_timeout,
            },
        },
        overview: OverviewDesk {
            desk: desk.clone(),
            metrics: Arc::clone(&context.metrics),
        },
        tenants: TenantDesk { desk: desk.clone() },
        aside: AsideDesk {
            desk: desk.clone(),
            reader: Arc::new(AsideReader::new(broker_address(settings))),
        },
        quarantine: QuarantineDesk { desk: desk.clone() },
        topics: TopicDesk { desk: desk.clone() },
        simulations: SimulationDesk {
            desk: desk.clone(),
            global: Arc::new(settings.policy.clone()),
        },
        fan_outs: FanOutDesk {
            desk: desk.clone(),
            templates: super::explain::templates(settings),
            window: settings.engine.deduplication_window,
            usual_rate: settings.engine.fan_out_rate,
            wake: Arc::clone(&context.wake_jobs),
        },
        events: EventDesk::new(run_desk(context, &desk), context.events.clone()),
        workflows: WorkflowDesk {
            desk: desk.clone(),
            global: Arc::new(settings.policy.clone()),
            templates: super::explain::templates(settings),
        },
        runs: run_desk(context, &desk),
        streams: StreamDesk {
            desk: desk.clone(),
            streams: context.inbox_streams.clone(),
        },
        tokens: TokenDesk::new(
            desk,
            context.user_tokens.clone(),
            context.sealer.clone(),
            settings.http.person_rate,
        ),
    }
}

fn run_desk(context: &EngineContext, desk: &Desk) -> RunDesk {
    RunDesk {
        desk: desk.clone(),
        gates: context.gates.clone(),
        metrics: Arc::clone(&context.metrics),
    }
}

/// Signs of life of the arbiter that all actors live on, and of the runtime that everything else does.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the arbiter, whose signs of life it gives"
)]
fn keep_pulse(context: &EngineContext) -> Pulse {
    let pulse = Pulse::default();
    actix_rt::spawn(pulse.clone().keep("actors"));
    let (io, stop) = (pulse.clone(), context.phases.end_of_run.clone());
    context.tasks.spawn("pulse", async move {
        stop.or(io.keep("io")).await;
    });
    pulse
}

/// Builds the pipeline, on a database that fits; `None` when the shutdown came first.
pub(super) async fn engine(
    settings: &Arc<Settings>,
    context: &EngineContext,
) -> Result<Option<RunningEngine>, StartError> {
    let lease_gate = keep_lease(settings, context);
    let Some(run) = context.phases.stop.or(lease_gate.opened()).await else {
        context.phases.end_of_run.raise(Ending::Asked);
        return Ok(None);
    };
    watch_readiness(settings, context, &lease_gate, run);
    let supervisor = supervisor(context);
    let recorder_wake = RecorderWake::default();
    let node = Arc::new(node(settings, context, lease_gate, &recorder_wake));
    sweep_called_off(context, &node);
    let dispatchers = dispatchers(settings, &node, &supervisor);
    let loader = LoaderContext {
        node: Arc::clone(&node),
        dispatchers: dispatchers.clone(),
        sealer: context.sealer.clone(),
        supervisor: supervisor.clone(),
        client: context.client.clone(),
        settings: settings.providers.clone(),
        retry: settings.retry.clone(),
    };
    let Some(account_loader) = start_account_loader(settings, context, loader).await else {
        return Ok(None);
    };
    if keep_link_keys(context).await.is_none() {
        return Ok(None);
    }
    let lease_gate = &node.lease_gate;
    let webhooks = start_webhooks(settings, context, lease_gate, &supervisor);
    if webhooks.await?.is_none() {
        return Ok(None);
    }
    publish_status(settings, context, lease_gate);
    listen(context, &node.eligibility, account_loader);
    let permits = LanePermits::new(&settings.lanes);
    keep_saying(context, &node, &permits);
    let pipeline = PipelineBuilder {
        settings,
        context,
        node,
        supervisor,
        dispatchers,
        permits,
    };
    let engine = pipeline.start(run, &recorder_wake);
    keep_house(settings, context);
    context.health.up("engine");
    Ok(Some(engine))
}

/// Accounts let go at once of what somebody has called off.
fn sweep_called_off(context: &EngineContext, node: &Arc<NodeContext>) {
    let node = Arc::downgrade(node);
    context.gates.swept_by(move || {
        let node = node.upgrade().into_iter();
        for entry in node.flat_map(|node| node.registry.all()) {
            mailbox::post_to(&entry.wake, Wake);
        }
    });
}

/// What the actors share.
fn node(
    settings: &Settings,
    context: &EngineContext,
    lease_gate: LeaseGate,
    recorder_wake: &RecorderWake,
) -> NodeContext {
    let (batch, linger) = (settings.engine.settle_batch, settings.engine.settle_linger);
    NodeContext {
        database: context.database.clone(),
        registry: AccountRegistry::default(),
        templates: context.templates.clone(),
        links: context.links.clone(),
        eligibility: eligibility(settings, context),
        channels: ChannelStates::new(),
        lease_gate,
        settle_queue: SettleQueue::new(batch, linger, recorder_wake.clone()),
        claim_guards: ClaimGuards {
            in_flight: InFlight::default(),
            release_queue: ReleaseQueue::new(recorder_wake.clone()),
            gates: context.gates.clone(),
            metrics: Arc::clone(&context.metrics),
        },
        metrics: Arc::clone(&context.metrics),
        tasks: context.tasks.clone(),
        phases: context.phases.clone(),
    }
}

fn supervisor(context: &EngineContext) -> Supervisor {
    let metrics = Arc::clone(&context.metrics);
    let on_restart = Arc::new(move |role: &str| metrics.actor_restarted(role));
    Supervisor::new(
        context.health.clone(),
        context.phases.stop.clone(),
        on_restart,
    )
}

fn dispatchers(
    settings: &Settings,
    node: &Arc<NodeContext>,
    supervisor: &Supervisor,
) -> Dispatchers {
    let start = |channel: &Channel| {
        let channel_context = ChannelContext {
            channel: *channel,
            node: Arc::clone(node),
        };
        let dispatcher = Dispatcher::new(channel_context, settings.engine.io_threads);
        let name = format!("dispatcher {channel}");
        supervisor
            .start("dispatcher", &name, dispatcher)
            .recipient()
    };
    Dispatchers::new(Channel::ALL.iter().map(start).collect())
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
