//! What every part of the engine stands on.

use std::sync::Arc;

use super::StartError;
use crate::broker::consumer::QueueDepths;
use crate::cache::recipients::RecipientCache;
use crate::cache::templates::TemplateCache;
use crate::cache::{ApiKeyCache, LinkKeys, UserTokenCache};
use tokio::sync::Notify;

use crate::config::Settings;
use crate::domain::LinkMaker;
use crate::objects::Objects;
use crate::ops::control::{AcceptDesk, EventDoor};
use crate::ops::inbox_streams::{InboxStreams, StreamSettings};
use crate::providers::HttpClient;
use crate::runtime::{Health, Shutdown, ShutdownPhases, Tasks};
use crate::store::Database;
use crate::store::seal::Sealer;
use crate::telemetry::Metrics;
use crate::tickets::desk::TicketDesk;
use crate::work::CallGates;

/// What everything stands on.
#[derive(Debug)]
pub(super) struct EngineContext {
    pub(super) tasks: Tasks,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Health,
    pub(super) phases: ShutdownPhases,
    pub(super) database: Database,
    /// Who may come in by HTTP.
    pub(super) api_keys: ApiKeyCache,
    /// Which people may.
    pub(super) user_tokens: UserTokenCache,
    /// Streams of people's inboxes.
    pub(super) inbox_streams: InboxStreams,
    /// Accepts notifications that come in by HTTP, once the engine runs.
    pub(super) accept: AcceptDesk,
    /// The support desk.
    pub(super) tickets: TicketDesk,
    /// Accepts events, once the engine runs.
    pub(super) events: EventDoor,
    /// Wakes who goes on with jobs.
    pub(super) wake_jobs: Arc<Notify>,
    /// Who is sent to, and what they want.
    pub(super) recipients: RecipientCache,
    /// By which jobs are called off.
    pub(super) gates: CallGates,
    /// The compiled templates.
    pub(super) templates: TemplateCache,
    /// Opens stored credentials.
    pub(super) sealer: Sealer,
    /// Makes the links by which people unsubscribe.
    pub(super) links: LinkMaker,
    /// Opens them.
    pub(super) link_keys: LinkKeys,
    /// Where months are written to before they go.
    pub(super) month_place: Option<Objects>,
    /// The client that all HTTP accounts share.
    pub(super) client: HttpClient,
    /// What waits in RabbitMQ.
    pub(super) depths: QueueDepths,
}

impl EngineContext {
    pub(super) fn new(
        settings: &Settings,
        stop: &Shutdown,
        health: Health,
        tasks: Tasks,
    ) -> Result<Self, StartError> {
        let database = Database::lazy(&super::database_settings(settings), tasks.handle());
        let desk_database = Database::lazy(&super::desk_settings(settings), tasks.handle());
        let sealer = super::sealer(settings)?;
        let (links, link_keys) = super::links::of(settings, &sealer)?;
        if settings.broker.publish_status {
            database.webhooks().tell_exchange();
        }
        let client =
            HttpClient::new(&settings.providers)?.reached_at(settings.http.public_url.clone());
        let desk_means = super::objects::means(settings, &client)?;
        let export = settings.retention.export.as_ref();
        let months = export.map(|export| super::objects::objects(export, client.clone()));
        let month_place = months.transpose();
        let month_place = month_place.map_err(|error| StartError::Export(error.to_string()))?;
        let metrics = Arc::new(Metrics::new());
        Ok(Self {
            inbox_streams: InboxStreams::new(
                database.clone(),
                stream_settings(settings),
                Arc::clone(&metrics),
            ),
            metrics,
            depths: QueueDepths::default(),
            health,
            phases: ShutdownPhases {
                stop: stop.clone(),
                ..ShutdownPhases::default()
            },
            api_keys: ApiKeyCache::guarded(
                database.clone(),
                tasks.clone(),
                settings.http.failed_keys,
            ),
            user_tokens: UserTokenCache::new(
                database.clone(),
                sealer.clone(),
                settings.http.failed_keys,
            ),
            recipients: RecipientCache::new(
                database.clone(),
                settings.engine.recipient_cache_size,
                settings.engine.recipient_cache_ttl,
            ),
            tickets: TicketDesk::new(desk_database, tasks.clone(), desk_means),
            database,
            events: EventDoor::default(),
            wake_jobs: Arc::default(),
            accept: AcceptDesk::new(settings.broker.max_body_bytes),
            gates: CallGates::default(),
            templates: super::explain::templates(settings),
            month_place,
            client,
            sealer,
            links,
            link_keys,
            tasks,
        })
    }
}

/// How streams of inboxes are kept.
const fn stream_settings(settings: &Settings) -> StreamSettings {
    let inbox = &settings.inbox;
    StreamSettings {
        most: inbox.streams,
        most_of_person: inbox.streams_per_person,
        replay: inbox.replay,
        heartbeat: inbox.heartbeat,
        poll: inbox.stream_poll,
        spread: inbox.reconnect_spread,
    }
}
