//! Explaining: what would become of a message if it came now, and why. Nothing is sent, claimed or
//! counted.
//!
//! The rules are those of `policy`, asked by the same function as for sending. Accounts, their
//! health, counters and lists are read from the database, so that a program that runs beside the
//! engine gives the same answer.

mod accounts;
mod rendering;
mod shown;
mod telling;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use self::rendering::{ExplainedContent, ExplainedTemplate};
pub use self::shown::ShownExplanation;
use crate::broker::envelope::{self, Envelope, Refusal};
use crate::cache::templates::TemplateCache;
use crate::delivery::eligibility::Addressed;
use crate::domain::suppression::StandingSuppression;
use crate::domain::{GlobalPolicy, Notification, Recipient, Rule, TenantRules};
use crate::ops::admissible::{Admissible, admissible};
use crate::policy::{
    AccountReport, Decision, Explanation, Facts, Quota, RuleReport, RuleSource, explain,
    frequency_cap,
};
use crate::providers::HttpClient;
use crate::runtime::clock;
use crate::store::seal::Sealer;
use crate::store::suppressions::{self, SuppressionKey};
use crate::store::{Database, StoreError, frequency, rules};

/// Entries of the suppression list that one explanation names.
const MOST_ENTRIES: usize = 50;

/// What explaining needs.
#[derive(Debug)]
pub struct Explainer {
    /// The database.
    pub database: Database,
    /// What the operator says for everybody.
    pub global: GlobalPolicy,
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
    /// It would be refused; by AMQP it would go to `herald.rejected`.
    Rejected(Refusal),
    /// Its key is known: nothing is sent.
    Duplicate {
        /// The notification that came first.
        of: Uuid,
        /// Whether that is stored: a call is answered with it then, and else told to try again.
        is_stored: bool,
    },
    /// The rules would be asked.
    Decided(Box<Decided>),
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The rules, and the decision that follows.
    pub explanation: Explanation,
    /// Every account of the channel: those of the route in their order, then the others.
    pub accounts: Vec<ExplainedAccount>,
    /// How many addresses it would go to.
    pub addresses: usize,
    /// What would be sent.
    pub content: ExplainedContent,
}

/// How an account stands to a message.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedAccount {
    /// By the rules.
    pub report: AccountReport,
    /// When its rate limit has room again: what is sent to it before waits there.
    pub limited_until: Option<Timestamp>,
}

impl Decided {
    /// The names of the accounts of the route, in their order.
    fn on_route(&self) -> impl Iterator<Item = &str> {
        let on_route = self.accounts.iter().filter(|it| it.report.place.is_some());
        on_route.map(|it| it.report.name.as_str())
    }
}

impl Explainer {
    /// Explains a message body of the contract's envelope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn explain(&self, body: &[u8]) -> Result<Explained, StoreError> {
        match envelope::decode_file(body, self.max_body_bytes, clock::now()) {
            Ok(envelope) => self.explain_envelope(envelope, true).await,
            Err(refusal) => Ok(Explained::Rejected(refusal)),
        }
    }

    /// Explains a message that was read. Only an `operator` is told what operators said of accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn explain_envelope(
        &self,
        envelope: Envelope,
        operator: bool,
    ) -> Result<Explained, StoreError> {
        let now = clock::now();
        let recipient = match admissible(&self.database, &self.templates, &envelope).await? {
            Admissible::Rejected(refusal) => return Ok(Explained::Rejected(refusal)),
            Admissible::Duplicate { of, is_stored } => {
                return Ok(Explained::Duplicate { of, is_stored });
            }
            Admissible::New(recipient) => recipient,
        };
        let notification = envelope.into_notification(Uuid::nil(), now);
        let decided = self.decided(&notification, &recipient, (now, operator));
        Ok(Explained::Decided(Box::new(decided.await?)))
    }

    async fn decided(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        (now, operator): (Timestamp, bool),
    ) -> Result<Decided, StoreError> {
        let listed = self.suppressed(notification, recipient).await?;
        let suppressed: Vec<String> = listed.iter().map(|key| key.2.clone()).collect();
        let known = self.accounts(notification.lane.channel, operator).await?;
        let accounts = known.facts(now);
        let rules = self.rules(notification.tenant_id).await?;
        let mut facts = Facts {
            notification,
            recipient,
            rules: &rules,
            global: &self.global,
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
        let mut explanation = explain(&facts);
        self.name_entries(&listed, &mut explanation.rules).await?;
        let reports = explanation.accounts.iter().cloned();
        let accounts = reports.map(|mut report| {
            let cause = known.cause(&report.name);
            if let Some(cause) = cause.filter(|_| operator && report.place.is_none()) {
                report.says.push_str(&format!(" {cause}"));
            }
            ExplainedAccount {
                limited_until: known.limited_until(&report.name, now),
                report,
            }
        });
        Ok(Decided {
            accounts: accounts.collect(),
            addresses: match &explanation.decision {
                Decision::Deliver { targets, .. } => targets.len(),
                _ => 0,
            },
            content: self.content(notification, recipient, &rules),
            explanation,
        })
    }

    async fn rules(&self, tenant_id: Uuid) -> Result<Arc<TenantRules>, StoreError> {
        let connection = self.database.get().await?;
        let mut known = rules::of(&connection, &[tenant_id]).await?;
        let rules = known.take(&tenant_id);
        let rules = rules.map_err(|error| error.of_whom(&format!("the tenant {tenant_id}")))?;
        Ok(Arc::new(rules.unwrap_or_default()))
    }

    /// Those of its addresses that are on the suppression list.
    async fn suppressed(
        &self,
        notification: &Notification,
        recipient: &Recipient,
    ) -> Result<Vec<SuppressionKey>, StoreError> {
        let asked = Addressed::to(notification, recipient).entries();
        let asked: Vec<SuppressionKey> = asked.map(|(_, address)| address).collect();
        if asked.is_empty() {
            return Ok(vec![]);
        }
        let connection = self.database.get().await?;
        let mut listed = suppressions::among(&connection, &asked).await?;
        let mut found = vec![];
        for key in asked {
            let entry = listed.take(&key);
            let entry = entry.map_err(|error| error.of_whom("whether an address is suppressed"))?;
            found.extend(entry.map(|()| key));
        }
        Ok(found)
    }

    /// Says which entries of the list stand against the addresses.
    async fn name_entries(
        &self,
        listed: &[SuppressionKey],
        rules: &mut [RuleReport],
    ) -> Result<(), StoreError> {
        let mut reports = rules.iter_mut();
        let Some(report) = reports.find(|it| it.rule == Rule::Suppression) else {
            return Ok(());
        };
        if listed.is_empty() {
            return Ok(());
        }
        let mut connection = self.database.get().await?;
        let entries = suppressions::standing(&mut connection, listed, MOST_ENTRIES).await?;
        let says: Vec<String> = entries.iter().map(StandingSuppression::says).collect();
        if !says.is_empty() {
            report
                .says
                .push_str(&format!(" It is there: {}.", says.join("; ")));
        }
        let mut sources = entries.into_iter().map(|entry| RuleSource::Suppression {
            id: entry.id,
            reason: entry.reason,
            category: entry.category,
            since: entry.since,
            until: entry.until,
            told_by: entry.told_by,
        });
        report.said_by = sources.next();
        report.beside = sources.collect();
        Ok(())
    }
}
