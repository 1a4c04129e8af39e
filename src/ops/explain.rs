//! Explaining: what would become of a message if it came now, and why. Nothing is sent, claimed or
//! counted.
//!
//! The rules are those of `policy`, asked by the same function as for sending. Accounts, their
//! health, counters and lists are read from the database, so that a program that runs beside the
//! engine gives the same answer.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::broker::envelope;
use crate::cache::templates::TemplateCache;
use crate::delivery::eligibility::{Addressed, Eligibility};
use crate::domain::text_message::{Segments, segments};
use crate::domain::{
    Account, AccountPause, Body, Channel, CircuitState, Content, Notification, Recipient,
    Rejection, TenantRules, carriage,
};
use crate::ops::admissible::{Admissible, admissible};
use crate::policy::{AccountFacts, Explanation, Facts, Quota, explain, frequency_cap};
use crate::providers::{self, HttpClient};
use crate::runtime::{clock, stack};
use crate::store::provider_health::{self, ProviderHealth};
use crate::store::seal::Sealer;
use crate::store::{Database, StoreError, accounts, frequency};
use crate::templates::LocaleHints;

/// What explaining needs.
#[derive(Debug)]
pub struct Explainer {
    /// The database.
    pub database: Database,
    /// Knows recipients, rules, and what must not be sent to.
    pub eligibility: Arc<Eligibility>,
    /// The templates.
    pub templates: TemplateCache,
    /// Opens credentials, without which an account is not used.
    pub sealer: Sealer,
    /// What the accounts' clients would use.
    pub client: HttpClient,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
}

/// What would become of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Explained {
    /// It would go to `herald.rejected`.
    Rejected {
        /// The reason, as its header names it.
        reason: Rejection,
        /// What is wrong, in words.
        detail: String,
    },
    /// It would be acknowledged and counted, and nothing else: its key is known.
    Duplicate {
        /// The notification that came first.
        of: Uuid,
    },
    /// The rules would be asked.
    Decided(Box<Decided>),
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The rules, and the decision that follows.
    pub explanation: Explanation,
    /// The accounts that the decision's route means, first choice first.
    pub through: Vec<String>,
    /// How many addresses it would go to.
    pub addresses: usize,
    /// What would be sent; why it cannot be rendered, if so.
    pub content: Result<Content, String>,
    /// What a text message would be cut into.
    pub segments: Option<Segments>,
}

impl Explainer {
    /// Explains a message body of the contract's envelope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn explain(&self, body: &[u8]) -> Result<Explained, StoreError> {
        let now = clock::now();
        let envelope = match envelope::decode_file(body, self.max_body_bytes, now) {
            Ok(envelope) => envelope,
            Err(refusal) => return Ok(Explained::from(refusal)),
        };
        let recipients = &self.eligibility.recipients;
        let asked = admissible(&self.database, &self.templates, recipients, &envelope);
        let recipient = match asked.await? {
            Admissible::Rejected(refusal) => return Ok(Explained::from(refusal)),
            Admissible::Duplicate { of } => return Ok(Explained::Duplicate { of }),
            Admissible::New(recipient) => recipient,
        };
        let notification = envelope.into_notification(Uuid::nil(), now);
        let decided = self.decided(&notification, &recipient, now).await?;
        Ok(Explained::Decided(Box::new(decided)))
    }

    async fn decided(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Result<Decided, StoreError> {
        let asked = Addressed::to(notification, recipient);
        let suppressed = self.eligibility.suppressed([asked]).await?;
        let unread = || StoreError::Corrupt("whether the address is suppressed".to_owned());
        let suppressed = suppressed.of(notification.id).ok_or_else(unread)?;
        let (used, off) = self.accounts(notification.lane.channel).await?;
        let used = used.iter().map(|one| one.facts(now));
        let off = off.iter().map(|(name, pause)| AccountFacts {
            pause: pause.as_ref(),
            ..AccountFacts::off(name)
        });
        let accounts: Vec<AccountFacts<'_>> = used.chain(off).collect();
        let tenant_id = notification.tenant_id;
        let rules = self
            .eligibility
            .recipients
            .load_rules([tenant_id])
            .await?
            .take(&tenant_id)
            .map_err(|error| error.of_whom(&format!("the tenant {tenant_id}")))?;
        let rules: Arc<TenantRules> = rules.unwrap_or_default();
        let mut facts = Facts {
            notification,
            recipient,
            rules: &rules,
            global: &self.eligibility.global,
            accounts: &accounts,
            suppressed: &suppressed,
            quota: Quota::Unasked,
            now,
            // The middle of what chance may choose.
            jitter: 0.5,
        };
        // Without a calendar that is known there is nothing to look up: the rule says so.
        let counters = frequency_cap::counters(&facts).unwrap_or_default();
        let mut connection = self.database.get().await?;
        let user = notification.user_id;
        let counted = frequency::counts(&mut connection, user, &counters, notification.id).await?;
        drop(connection);
        facts.quota = Quota::Counted(&counted);
        let explanation = explain(&facts);
        let (route, addresses) = match &explanation.decision {
            crate::policy::Decision::Deliver { route, targets, .. } => {
                (route.as_slice(), targets.len())
            }
            _ => (&[][..], 0),
        };
        let names = route.iter().filter_map(|at| accounts.get(*at));
        let content = self.render(notification, recipient, &rules);
        Ok(Decided {
            segments: segments_of(notification.lane.channel, &content),
            through: names.map(|account| account.name.to_owned()).collect(),
            addresses,
            content,
            explanation,
        })
    }

    fn render(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        rules: &TenantRules,
    ) -> Result<Content, String> {
        match &notification.payload.body {
            Body::Content(content) => Ok(content.clone()),
            Body::Template(call) => {
                let library = self.templates.library();
                let (tenant, channel) = (notification.tenant_id, notification.lane.channel);
                let reader = LocaleHints {
                    recipient: recipient.locale.as_deref(),
                    tenant: rules.locale.as_deref(),
                };
                let rendered = stack::on_large(|| {
                    library.render(tenant, channel, &call.name, reader, &call.variables)
                });
                let content = rendered.map_err(|error| error.to_string())?.content;
                carriage::check(channel, &content).map_err(|unfit| unfit.to_string())?;
                Ok(content)
            }
        }
    }

    /// The accounts that an engine would use, with what the living nodes make of them, and the names of
    /// the others, with who stopped them.
    async fn accounts(
        &self,
        channel: Channel,
    ) -> Result<(Vec<StoredAccount>, Vec<UnusedAccount>), StoreError> {
        let loaded = accounts::load(&mut *self.database.get().await?, &self.sealer).await?;
        let mut health: HashMap<Uuid, Vec<ProviderHealth>> = HashMap::new();
        for row in provider_health::load(&self.database).await? {
            health.entry(row.provider_id).or_default().push(row);
        }
        let used = loaded.opened.into_iter().filter_map(|account| {
            let client = providers::connect(&self.client, &account).ok()?;
            (account.channel == channel).then(|| StoredAccount {
                needs_address: client.needs_address(),
                health: health.remove(&account.id).unwrap_or_default(),
                account,
            })
        });
        let used: Vec<StoredAccount> = used.collect();
        let in_use = |name: &String| used.iter().any(|one| one.account.name == *name);
        let there = loaded.there.into_iter().filter(|(of, _)| *of == channel);
        let off = there.map(|(_, name)| name).filter(|name| !in_use(name));
        let off = off.map(|name| {
            let mut paused = loaded.paused.iter();
            let paused = paused.find(|one| one.account.name == name);
            let pause = paused.map(|one| one.pause.clone());
            (name, pause)
        });
        let off = off.collect();
        Ok((used, off))
    }
}

/// An account that is not in use: its name, and who stopped it for a while, if somebody did.
type UnusedAccount = (String, Option<AccountPause>);

/// An account, with what the living nodes make of it.
struct StoredAccount {
    account: Account,
    needs_address: bool,
    health: Vec<ProviderHealth>,
}

impl StoredAccount {
    /// Out only where every node says so: the message may come to any of them.
    fn facts(&self, now: Timestamp) -> AccountFacts<'_> {
        let out = self
            .health
            .iter()
            .filter(|row| row.state == CircuitState::Open);
        let everywhere = !self.health.is_empty() && out.clone().count() == self.health.len();
        let back = out.clone().filter_map(|row| row.available_at).min();
        let worst = self.health.iter().map(|row| row.state);
        AccountFacts {
            name: &self.account.name,
            priority: self.account.priority,
            weight: self.account.weight,
            available_at: back.filter(|back| everywhere && *back > now),
            circuit: worst
                .max_by_key(|state| *state == CircuitState::Open)
                .unwrap_or(CircuitState::Closed),
            rate_limit: self.account.rate_limit,
            needs_address: self.needs_address,
            is_off: false,
            pause: None,
        }
    }
}

impl From<envelope::Refusal> for Explained {
    fn from(refusal: envelope::Refusal) -> Self {
        Self::Rejected {
            reason: refusal.reason,
            detail: refusal.detail,
        }
    }
}

fn segments_of(channel: Channel, content: &Result<Content, String>) -> Option<Segments> {
    let content = content.as_ref().ok().filter(|_| channel == Channel::Sms)?;
    Some(segments(carriage::sms_text(content)?))
}
