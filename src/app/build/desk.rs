//! The support desk: its clocks, and what it tells.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::super::context::EngineContext;
use super::broker_address;
use crate::broker::status::{OutgoingExchange, StatusMessage, StatusPublisher};
use crate::config::Settings;
use crate::runtime::Shutdown;
use crate::telemetry::Metrics;
use crate::tickets::desk::{DeskFigures, TicketDesk};
use crate::tickets::outbox::{OutboxEvent, OutboxPublished, OutboxPublishing, OutboxSink};
use crate::tickets::{clock, sweeping};

/// How often it is counted what there is to be done.
const COUNTED: Duration = Duration::from_secs(15);
/// The name of the task that publishes.
pub(in super::super) const PUBLISHING_TICKETS: &str = "publish events of tickets";

/// Starts what the support desk does by itself.
pub(in super::super) fn keep_desk(settings: &Settings, context: &EngineContext) {
    let desk = context.tickets.clone();
    let clocks = clock::run(desk.clone(), context.phases.stop.clone());
    context.tasks.spawn("clocks of tickets", clocks);
    let sweeping = sweeping::run(desk.clone(), context.phases.stop.clone());
    context.tasks.spawn("sweep objects of tickets", sweeping);
    let counting = count(
        desk.clone(),
        Arc::clone(&context.metrics),
        context.phases.stop.clone(),
    );
    context.tasks.spawn("count tickets", counting);
    let exchange = OutgoingExchange::Events(settings.broker.delivery_limit);
    let publisher = Arc::new(StatusPublisher::new(broker_address(settings), exchange));
    let sink: OutboxSink = Arc::new(move |events| {
        let publisher = Arc::clone(&publisher);
        async move { publish(&publisher, &events).await }.boxed()
    });
    let publishing = OutboxPublishing {
        desk,
        sink,
        stop: context.phases.giving_up.clone(),
    };
    context.tasks.spawn(PUBLISHING_TICKETS, publishing.run());
}

/// Shows what there is to be done, until told to stop.
async fn count(desk: TicketDesk, metrics: Arc<Metrics>, stop: Shutdown) {
    while !stop.is_raised() {
        match desk.figures().await {
            Ok(figures) => show(&metrics, &figures),
            Err(error) => tracing::debug!(%error, "tickets could not be counted"),
        }
        stop.or(tokio::time::sleep(COUNTED)).await;
    }
}

fn show(metrics: &Metrics, figures: &DeskFigures) {
    let shown = metrics.desk();
    for (status, tickets) in &figures.tickets {
        shown.tickets(status.as_str(), *tickets);
    }
    shown.events(figures.events, figures.oldest_event);
    shown.clocks_late(figures.clocks_late);
}

async fn publish(publisher: &StatusPublisher, events: &[OutboxEvent]) -> OutboxPublished {
    let messages: Vec<StatusMessage<'_>> = events.iter().map(message).collect();
    let published = publisher.publish(&messages).await;
    let places = published.confirmed.iter();
    let refused =
        (!published.refused.is_empty()).then(|| "herald.events refuses events".to_owned());
    OutboxPublished {
        confirmed: places
            .filter_map(|at| Some(events.get(*at)?.place))
            .collect(),
        stopped_by: published.stopped_by.map(|error| error.words()).or(refused),
    }
}

fn message(event: &OutboxEvent) -> StatusMessage<'_> {
    StatusMessage {
        event_id: event.event_id,
        about: event.ticket_id,
        routing_key: &event.event_type,
        body: &event.body,
    }
}
