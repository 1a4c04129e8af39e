//! The pipeline of a node: ingest, scheduler, recorder and the hour's sums, then the consumers.

use std::sync::Arc;

use actix::Addr;
use lapin::Connection;
use tokio::sync::{Notify, oneshot};

use super::super::context::EngineContext;
use super::{RunningEngine, broker_address};
use crate::broker::consumer::{Consumers, LaneConsumer};
use crate::broker::event_consumer::EventConsumer;
use crate::broker::publisher::Publisher;
use crate::config::Settings;
use crate::delivery::NodeContext;
use crate::pipeline::accept::AcceptContext;
use crate::pipeline::flows::{EventAccepting, EventAcceptor, FlowContext, Flows, WorkflowBook};
use crate::pipeline::ingest::Admission;
use crate::pipeline::recorder::Settling;
use crate::pipeline::scheduler::{Pauses, Poller};
use crate::pipeline::{Acceptor, HourlyMetrics, Ingest, Recorder, Scheduler};
use crate::resilience::Backoff;
use crate::runtime::{Supervisor, mailbox};
use crate::store::lease::RunId;
use crate::store::takes::Takes;
use crate::work::job::{Arrived, Wake};
use crate::work::{Dispatchers, LanePermits, RecorderWake};

/// Takes events on; whoever goes on with their runs is woken.
pub(in super::super) fn accept_events(
    settings: &Settings,
    context: &EngineContext,
    book: Arc<WorkflowBook>,
    woken: Arc<Notify>,
) -> EventAcceptor {
    let (acceptor, orders) = EventAcceptor::new();
    let accepting = EventAccepting {
        database: context.database.clone(),
        metrics: Arc::clone(&context.metrics),
        stop: context.phases.stop.clone(),
        fan_out_rate: settings.engine.fan_out_rate,
        book,
        wakes: [woken, Arc::clone(&context.wake_jobs)],
    };
    context.tasks.spawn("accept events", accepting.run(orders));
    context.events.open(acceptor.clone());
    acceptor
}

/// What the pipeline's actors are made of.
pub(super) struct PipelineBuilder<'a> {
    pub(super) settings: &'a Settings,
    pub(super) context: &'a EngineContext,
    pub(super) node: Arc<NodeContext>,
    pub(super) supervisor: Supervisor,
    pub(super) dispatchers: Dispatchers,
    pub(super) permits: LanePermits,
}

impl PipelineBuilder<'_> {
    /// Starts them in the order in which they need each other: whoever takes messages on is last.
    pub(super) fn start(self, run: RunId, recorder_wake: &RecorderWake) -> RunningEngine {
        let node = &self.node;
        let hourly = HourlyMetrics::new(node.database.clone(), run, node.tasks.clone());
        let hourly = self.supervisor.start("metrics", "metrics", hourly);
        let takes = Arc::new(Takes::default());
        let scheduler = self.scheduler(Arc::clone(&takes));
        self.recorder(&hourly, scheduler.clone(), recorder_wake);
        let ingest = self.ingest();
        self.flows(scheduler.clone());
        self.accept(takes, scheduler);
        let consumed = self.consume(ingest);
        RunningEngine {
            run,
            permits: self.permits,
            hourly,
            node: self.node,
            consumed,
        }
    }

    /// Events, and the runs of workflows that they start.
    fn flows(&self, scheduler: Addr<Scheduler>) {
        let (settings, context) = (self.settings, self.context);
        let flowing = FlowContext {
            node: Arc::clone(&self.node),
            window: settings.engine.deduplication_window,
            poll: settings.engine.scheduler_poll,
            wake_scheduler: Box::new(move || mailbox::post(&scheduler, Wake)),
            book: Arc::default(),
            woken: Arc::default(),
        };
        let (book, woken) = (Arc::clone(&flowing.book), Arc::clone(&flowing.woken));
        let acceptor = accept_events(settings, context, book, woken);
        context
            .tasks
            .spawn("go on with runs", Flows::new(flowing).run());
        let broker = &settings.broker;
        let consumer = EventConsumer {
            address: broker_address(settings),
            delivery_limit: broker.delivery_limit,
            reconnect: Backoff::new(broker.reconnect_min, broker.reconnect_max),
            publisher: self.publisher(),
            stop: context.phases.stop.clone(),
            sink: acceptor.sink(),
        };
        context.tasks.spawn("consume events", consumer.run());
    }

    fn accept(&self, takes: Arc<Takes>, scheduler: Addr<Scheduler>) {
        let engine = &self.settings.engine;
        let accepting = AcceptContext {
            node: Arc::clone(&self.node),
            takes,
            permits: self.permits.clone(),
            dispatchers: self.dispatchers.clone(),
            scheduler,
            window: engine.deduplication_window,
        };
        let acceptor = Acceptor::new(accepting, engine.claim_batch, engine.claim_linger);
        let running = Arc::clone(&acceptor).run();
        self.context.tasks.spawn("gather what is accepted", running);
        self.context.accept.open(acceptor);
    }

    fn scheduler(&self, takes: Arc<Takes>) -> Addr<Scheduler> {
        let poller = Poller {
            node: Arc::clone(&self.node),
            lanes: self.settings.broker.lanes.clone(),
            permits: self.permits.clone(),
            dispatchers: self.dispatchers.clone(),
            pauses: Pauses::new(self.node.channels.clone()),
            looking: Default::default(),
            takes,
            suspects: Default::default(),
        };
        let scheduler = Scheduler::new(Arc::new(poller), self.settings.engine.scheduler_poll);
        self.supervisor.start("scheduler", "scheduler", scheduler)
    }

    fn recorder(
        &self,
        hourly: &Addr<HourlyMetrics>,
        scheduler: Addr<Scheduler>,
        recorder_wake: &RecorderWake,
    ) {
        let settling = Settling {
            node: Arc::clone(&self.node),
            hourly: hourly.clone(),
            scheduler,
        };
        let recorder = Recorder::new(Arc::new(settling));
        let recorder = self.supervisor.start("recorder", "recorder", recorder);
        recorder_wake.set(move || mailbox::post(&recorder, Wake));
    }

    fn ingest(&self) -> Addr<Ingest> {
        let settings = self.settings;
        let admission = Admission {
            node: Arc::clone(&self.node),
            takes: Default::default(),
            waiting: Default::default(),
            later: Default::default(),
            window: settings.engine.deduplication_window,
            max_body_bytes: settings.broker.max_body_bytes,
            publisher: self.publisher(),
            dispatchers: self.dispatchers.clone(),
        };
        let ingest = Ingest::new(
            Arc::new(admission),
            settings.engine.claim_batch,
            settings.engine.claim_linger,
        );
        let ingest = self.supervisor.start("ingest", "ingest", ingest);
        let again = ingest.clone();
        let in_flight = &self.node.claim_guards.in_flight;
        in_flight.arrives_again(move |arrivals| mailbox::post(&again, Arrived(arrivals)));
        ingest
    }

    fn publisher(&self) -> Arc<Publisher> {
        let context = self.context;
        let publisher = Publisher::new(broker_address(self.settings), context.health.clone());
        let publisher = Arc::new(publisher);
        let keeping = Arc::clone(&publisher).keep(context.phases.stop.clone());
        context.tasks.spawn("watch publishing", keeping);
        publisher
    }

    fn consume(&self, ingest: Addr<Ingest>) -> oneshot::Receiver<Option<Connection>> {
        let (broker, context) = (&self.settings.broker, self.context);
        let lanes = broker.lanes.iter().filter_map(|lane| {
            let permits = self.permits.broker(*lane)?.clone();
            let prefetch = u16::try_from(permits.total()).unwrap_or(u16::MAX);
            Some(LaneConsumer {
                lane: *lane,
                permits,
                prefetch,
                paused: self.node.channels.held(lane.channel),
            })
        });
        let consumers = Consumers {
            address: broker_address(self.settings),
            lanes: lanes.collect(),
            delivery_limit: broker.delivery_limit,
            reconnect: Backoff::new(broker.reconnect_min, broker.reconnect_max),
            tasks: context.tasks.clone(),
            health: context.health.clone(),
            stop: context.phases.stop.clone(),
            sink: Arc::new(move |arrivals| mailbox::post(&ingest, Arrived(arrivals))),
            depths: context.depths.clone(),
        };
        let (sender, consumed) = oneshot::channel();
        context.tasks.spawn("consume", async move {
            // Nobody waits any more when stopping took too long.
            let _ = sender.send(consumers.run().await);
        });
        consumed
    }
}
