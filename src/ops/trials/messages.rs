//! What would become of the messages of a trial, and what they would say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::shown::{TriedMessage, TriedPerson, TriedStep};
use super::{Audience, Trial, Trials};
use crate::delivery::eligibility::Addressed;
use crate::domain::{
    Body, DomainEvent, GlobalPolicy, KeyHash, Lane, Notification, Payload, Recipient, Source,
    TemplateCall, TenantRules, limits,
};
use crate::policy::what_if::{CountedDays, outcome};
use crate::runtime::stack;
use crate::store::suppressions::{self, SuppressionKey};
use crate::store::templates::desk;
use crate::store::{PgConnection, StoreError, rules};
use crate::templates::workflow::SendOrder;
use crate::templates::{Library, LocaleHints};

/// Judges the messages of an event's runs.
pub(super) struct MessageJudge {
    tenant_id: Uuid,
    source: Option<Source>,
    global: Arc<GlobalPolicy>,
    library: Option<Arc<Library>>,
    rules: TenantRules,
    locale: Option<String>,
    wishes: HashMap<Uuid, Recipient>,
}

impl MessageJudge {
    pub(super) async fn new(
        trials: &Trials,
        connection: &mut PgConnection,
        (event, audience): (&DomainEvent, &Audience),
        wishes: HashMap<Uuid, Recipient>,
    ) -> Result<Self, StoreError> {
        let tenant_id = event.tenant_id;
        let mut rules = rules::of(connection, &[tenant_id]).await?;
        Ok(Self {
            tenant_id,
            source: audience.source.clone(),
            global: Arc::clone(&trials.global),
            library: trials.library.clone(),
            rules: rules.known.remove(&tenant_id).unwrap_or_default(),
            locale: desk::tenant_locale(connection, tenant_id).await?,
            wishes,
        })
    }

    /// The runs with what becomes of their messages.
    pub(super) async fn people(
        self,
        trials: Vec<(Uuid, Trial)>,
        connection: impl std::ops::Deref<Target = PgConnection> + Send,
    ) -> Result<Vec<TriedPerson>, StoreError> {
        let mut keys: Vec<SuppressionKey> = vec![];
        for (id, trial) in &trials {
            for (at, order) in sends(trial) {
                let notification = self.notification(*id, order, at);
                let person = self.person(*id);
                let entries = Addressed::to(&notification, &person).entries();
                keys.extend(entries.map(|(_, key)| key));
            }
        }
        let listed = suppressions::among(&connection, &keys).await?;
        drop(connection);
        let listed: HashSet<SuppressionKey> = listed.known.into_keys().collect();
        let judged = tokio::task::spawn_blocking(move || {
            stack::on_large(move || {
                let people = trials.into_iter();
                people
                    .map(|(id, trial)| self.one(id, trial, &listed))
                    .collect()
            })
        });
        judged
            .await
            .map_err(|error| StoreError::Other(format!("a trial panicked: {error}")))
    }

    fn person(&self, id: Uuid) -> Recipient {
        let known = self.wishes.get(&id).cloned();
        known.unwrap_or_else(|| Recipient::nobody((self.tenant_id, id)))
    }

    fn one(&self, id: Uuid, trial: Trial, listed: &HashSet<SuppressionKey>) -> TriedPerson {
        let person = self.person(id);
        let mut days = CountedDays::default();
        let steps = trial.steps.into_iter().map(|step| {
            let message = step.send.map(|order| {
                let notification = self.notification(id, &order, step.at);
                let entries = Addressed::to(&notification, &person).entries();
                let suppressed = entries
                    .map(|(_, key)| key)
                    .filter(|key| listed.contains(key));
                let suppressed: Vec<String> = suppressed.map(|key| key.2).collect();
                let with = (&self.rules, &*self.global);
                let decided = outcome(&notification, &person, with, &suppressed, &mut days);
                self.message(*order, &person, decided.to_string())
            });
            TriedStep {
                at: step.at,
                step: step.step,
                what: step.words,
                message,
            }
        });
        TriedPerson {
            user_id: id,
            steps: steps.collect(),
            reason: trial.end.as_str().to_owned(),
        }
    }

    fn message(&self, order: SendOrder, person: &Recipient, decision: String) -> TriedMessage {
        let hints = LocaleHints {
            recipient: person.locale.as_deref(),
            tenant: self.locale.as_deref(),
        };
        let rendered = self.library.as_ref().map(|library| {
            let (name, variables) = (&order.template, &order.variables);
            let filled = library.preview(self.tenant_id, order.channel, name, hints, variables);
            filled.and_then(|filled| filled.content)
        });
        let (content, error) = match rendered {
            None => (None, None),
            Some(Ok(content)) => (Some(content), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let content = content.unwrap_or_default();
        TriedMessage {
            channel: order.channel,
            priority: order.priority,
            category: order.category,
            template: order.template,
            decision,
            subject: content.subject,
            title: content.title,
            body: content.body,
            html: content.html,
            error,
        }
    }

    fn notification(&self, user_id: Uuid, order: &SendOrder, at: Timestamp) -> Notification {
        Notification {
            id: Uuid::nil(),
            tenant_id: self.tenant_id,
            user_id,
            lane: Lane {
                channel: order.channel,
                priority: order.priority,
            },
            category: order.category.clone(),
            key: KeyHash([0; 32]),
            payload: Payload {
                body: Body::Template(TemplateCall {
                    name: order.template.clone(),
                    variables: serde_json::Map::new(),
                    reply_to: None,
                }),
                to: None,
                provider: None,
                traceparent: None,
                inbox: None,
            },
            send_at: None,
            expires_at: None,
            max_retries: limits::DEFAULT_RETRIES,
            source: self.source.clone(),
            metadata: None,
            created_at: at,
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        }
    }
}

fn sends(trial: &Trial) -> impl Iterator<Item = (Timestamp, &SendOrder)> {
    let steps = trial.steps.iter();
    steps.filter_map(|step| Some((step.at, step.send.as_deref()?)))
}
