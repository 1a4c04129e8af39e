//! What sending needs, and what one look does.

use std::collections::HashSet;
use std::sync::Arc;

use super::attempt::{TryReport, attempt};
use super::endpoint::WebhookProfile;
use super::endpoints::WebhookEndpoints;
use super::held::HeldDelivery;
use super::results::WebhookResults;
use crate::config::Webhooks;
use crate::domain::RunId;
use crate::policy::webhook::AfterTry;
use crate::providers::http::HttpClientError;
use crate::providers::{HttpClient, Leave};
use crate::runtime::{ShutdownPhases, Tasks, failpoint};
use crate::store::seal::Sealer;
use crate::store::webhooks::deliveries::{self, TakenDelivery, WebhookResult};
use crate::store::webhooks::{self, ErasedMark, StoredWebhook};
use crate::store::{Database, StoreError};
use crate::work::LeaseGate;

/// Steps of a replay between two looks.
const TIDY_STEPS: usize = 10;

/// What sending needs, and what is in hand.
#[derive(Debug)]
pub struct WebhookContext {
    pub(super) database: Database,
    pub(super) settings: Webhooks,
    pub(super) phases: ShutdownPhases,
    sealer: Sealer,
    lease_gate: LeaseGate,
    tasks: Tasks,
    client: HttpClient,
    endpoints: WebhookEndpoints,
    results: Arc<WebhookResults>,
}

impl WebhookContext {
    /// With nothing in hand.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        settings: &Webhooks,
        database: Database,
        sealer: Sealer,
        lease_gate: LeaseGate,
        (tasks, phases): (Tasks, ShutdownPhases),
    ) -> Result<Self, HttpClientError> {
        let guard = settings.guard.clone();
        Ok(Self {
            client: HttpClient::guarded(guard, settings.connect_timeout, &settings.tls)?,
            settings: settings.clone(),
            database,
            sealer,
            lease_gate,
            tasks,
            phases,
            endpoints: WebhookEndpoints::default(),
            results: Arc::default(),
        })
    }

    /// Reads all webhooks anew: who is told of what from now on, and how it is sent.
    ///
    /// # Errors
    /// The database is out of reach; what was known stays.
    pub async fn read(&self) -> Result<(), StoreError> {
        // Before they are read: a change that comes meanwhile is read again.
        let _ = self.database.webhooks().take_outdated();
        let webhooks = webhooks::all(&mut *self.database.get().await?).await?;
        self.database.webhooks().put(webhooks::catalog(&webhooks));
        let (mut profiles, mut unusable) = (Vec::with_capacity(webhooks.len()), vec![]);
        for webhook in webhooks {
            match self.profile(&webhook) {
                Ok(profile) => profiles.push(profile),
                Err(why) => unusable.push((webhook, why)),
            }
        }
        self.endpoints.put(profiles, self.settings.concurrency);
        self.tell_of_unusable(unusable).await;
        Ok(())
    }

    fn profile(&self, webhook: &StoredWebhook) -> Result<WebhookProfile, String> {
        webhook.filter.as_ref().map_err(Clone::clone)?;
        let secrets = webhook.secrets(&self.sealer);
        let (secret, previous) = secrets.map_err(|error| error.to_string())?;
        Ok(WebhookProfile {
            id: webhook.id,
            tenant_id: webhook.tenant_id,
            url: webhook.url.clone(),
            secret,
            previous,
            is_active: webhook.is_active,
            is_failing: webhook.failing_since.is_some(),
            retry_count: webhook.retry_count,
            timeout: webhook.timeout,
        })
    }

    /// Takes what is due and there is room for: of those that have just been told something, or of all.
    ///
    /// # Errors
    /// The database is out of reach.
    pub(super) async fn look(self: &Arc<Self>, at_all: bool) -> Result<(), StoreError> {
        let told = self.database.webhooks().take_told();
        let Some(run) = self.lease_gate.holding_run() else {
            return Ok(());
        };
        let rooms = self.endpoints.rooms((!at_all).then_some(&told));
        if rooms.is_empty() {
            return Ok(());
        }
        let erased = self.database.webhooks().erased().mark();
        let taken = deliveries::take(&self.database, run, &rooms).await;
        if taken.is_err() {
            self.database.webhooks().tell(told);
        }
        self.send((run, erased), &rooms, taken?);
        Ok(())
    }

    fn send(
        self: &Arc<Self>,
        (run, erased): (RunId, ErasedMark),
        rooms: &[(uuid::Uuid, usize)],
        taken: Vec<TakenDelivery>,
    ) {
        for (id, room) in rooms {
            if let Some(endpoint) = self.endpoints.get(*id) {
                let found = taken.iter().filter(|row| row.webhook_id == *id).take(*room);
                endpoint.set_crowded(found.count() == *room);
            }
        }
        for row in taken {
            let Some(endpoint) = self.endpoints.get(row.webhook_id) else {
                self.results.give_back(run, row.id);
                continue;
            };
            let held = HeldDelivery::new(row, run, endpoint, Arc::clone(&self.results));
            let context = Arc::clone(self);
            self.tasks.spawn("send a webhook", async move {
                // However it ends, its row is stored or given back.
                let context = scopeguard::guard(context, |context| context.store());
                context.deliver(held, erased).await;
            });
        }
        self.store();
    }

    async fn deliver(&self, held: HeldDelivery, erased: ErasedMark) {
        let endpoint = held.endpoint();
        let permit = self.phases.stop.or(endpoint.permits().acquire()).await;
        let Some(Some(_permit)) = permit else { return };
        let Some(admitted) = endpoint.admit() else {
            return;
        };
        failpoint::hit("webhooks.try");
        let profile = endpoint.profile();
        let leave = self.leave(&held, erased);
        let tried = attempt(&self.client, &profile, held.row(), &leave).await;
        let Some(report) = tried else { return };
        let is_anothers = endpoint.profile().url != profile.url;
        // Who did not take it is not the one who is there now: it goes back, and to that one.
        if is_anothers && !report.ended.has_arrived() {
            return;
        }
        admitted.report(report.outcome());
        let ended = report.ended;
        let result = result(held.row(), &profile, report);
        held.end(result);
        if !is_anothers {
            self.note(&endpoint, &profile, ended).await;
        }
    }

    /// Leave to write: the run is sure to live, the webhook wants it still, and nobody of whom it tells was erased
    /// since it was taken. What is called back goes back, if it is there still.
    fn leave(&self, held: &HeldDelivery, mark: ErasedMark) -> Leave {
        let (lease_gate, endpoint) = (self.lease_gate.clone(), held.endpoint());
        let (run, body) = (held.run(), Arc::clone(&held.row().body));
        let erased = self.database.webhooks().erased().clone();
        let is_held = move || {
            let lives = lease_gate.holding_run() == Some(run);
            lives && endpoint.is_active() && !erased.may_be_in(&body, mark)
        };
        Leave::new(is_held, jiff::Timestamp::MAX)
    }

    /// Stores how tries have ended, unless somebody does; then looks for those that want more.
    fn store(self: &Arc<Self>) {
        if !self.results.begin() {
            return;
        }
        let context = Arc::clone(self);
        self.tasks.spawn("store webhook results", async move {
            let board = context.database.webhooks();
            let told = || {
                if context.endpoints.want_more() {
                    board.tell(HashSet::new());
                }
            };
            let giving_up = &context.phases.giving_up;
            context
                .results
                .store(&context.database, giving_up, told)
                .await;
        });
    }

    /// Sets aside what disabled webhooks had still to be told: some of it at a time, for others wait meanwhile.
    ///
    /// # Errors
    /// The database is out of reach.
    pub(super) async fn tidy(&self) -> Result<(), StoreError> {
        let disabled = self.endpoints.disabled();
        for _ in 0..TIDY_STEPS {
            if disabled.is_empty()
                || !deliveries::set_aside(&self.database, disabled.clone()).await?
            {
                break;
            }
        }
        Ok(())
    }
}

fn result(row: &TakenDelivery, profile: &WebhookProfile, report: TryReport) -> WebhookResult {
    let tries = row.tries.saturating_add(1);
    let follows = report
        .ended
        .follows(tries, profile.retry_count, rand::random());
    WebhookResult {
        id: row.id,
        is_delivered: follows == AfterTry::Delivered,
        wait: match follows {
            AfterTry::Again(wait) => Some(wait),
            AfterTry::Delivered | AfterTry::GivenUp => None,
        },
        status: report.ended.status,
        answer: report.answer,
        error: report.error,
    }
}
