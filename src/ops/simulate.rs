//! Policy over recorded traffic: what other rules would have done to what has come in. Nothing is sent or written.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::delivery::eligibility::Addressed;
use crate::domain::preference::{Preference, QuietHours, Setting};
use crate::domain::{GlobalPolicy, Notification, Recipient, TenantRules, Zone};
use crate::policy::what_if::{ChangedRules, CountedDays, outcome};
use crate::store::preferences::PreferenceFields;
use crate::store::suppressions::{self, SuppressionKey};
use crate::store::{Database, StoreError, recipients, recorded, rules};

/// Notifications that are read at once.
const PAGE: usize = 500;
/// Ids that are told of each change.
const EXAMPLES: usize = 10;

/// Which traffic is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedTraffic {
    /// Of this tenant; of all without one.
    pub tenant_id: Option<Uuid>,
    /// What came in since then.
    pub since: Timestamp,
    /// What came in before.
    pub until: Timestamp,
    /// Most notifications.
    pub most: usize,
}

/// What would have become of the traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = Simulation)]
pub struct SimulationReport {
    /// How many notifications were looked at.
    pub looked_at: u64,
    /// How many were left out, since their person is gone or cannot be read.
    pub left_out: u64,
    /// Whether there are more, which were not looked at.
    pub is_cut: bool,
    /// How many have each outcome by the rules of now.
    pub before: BTreeMap<String, u64>,
    /// How many would have each by the changed rules.
    pub after: BTreeMap<String, u64>,
    /// What changes, the most frequent first.
    pub changes: Vec<SimulatedChange>,
}

/// Notifications of which the same changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimulatedChange {
    /// What becomes of them by the rules of now.
    pub before: String,
    /// What would by the changed ones.
    pub after: String,
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Uuid>,
}

/// A simulation under way.
struct Simulation<'a> {
    database: &'a Database,
    global: &'a GlobalPolicy,
    changed: &'a ChangedRules,
    rules: HashMap<Uuid, (TenantRules, TenantRules)>,
    days: (CountedDays, CountedDays),
    report: SimulationReport,
    changes: BTreeMap<(String, String), (u64, Vec<Uuid>)>,
}

/// Decides on recorded traffic by the rules of now and by changed ones. Both begin with empty daily counters, and
/// people, devices and the suppression list are as they are now: so that what differs comes of the rules alone.
///
/// # Errors
/// The database is out of reach.
pub async fn simulate(
    database: &Database,
    global: &GlobalPolicy,
    changed: &ChangedRules,
    traffic: SimulatedTraffic,
) -> Result<SimulationReport, StoreError> {
    let mut simulation = Simulation {
        database,
        global,
        changed,
        rules: HashMap::new(),
        days: <(CountedDays, CountedDays)>::default(),
        report: SimulationReport::default(),
        changes: BTreeMap::new(),
    };
    let mut after = recorded::first_id(traffic.since);
    let mut left = traffic.most;
    loop {
        let place = (after, traffic.until);
        let page =
            recorded::page(database, traffic.tenant_id, place, PAGE.min(left.max(1))).await?;
        let Some(last) = page.last else { break };
        if left == 0 {
            simulation.report.is_cut = true;
            break;
        }
        after = last;
        left = left.saturating_sub(page.notifications.len());
        simulation.page(&page.notifications).await?;
    }
    Ok(simulation.finish())
}

impl Simulation<'_> {
    async fn page(&mut self, notifications: &[Notification]) -> Result<(), StoreError> {
        let database = self.database;
        let connection = database.get().await?;
        let whose = notifications.iter().map(|it| (it.tenant_id, it.user_id));
        let whose: Vec<(Uuid, Uuid)> = whose.collect();
        let people = recipients::load(&connection, &whose).await?;
        let unknown = whose.iter().map(|(tenant, _)| *tenant);
        let unknown: Vec<Uuid> = unknown.filter(|it| !self.rules.contains_key(it)).collect();
        let rules = rules::of(&connection, &unknown).await?;
        for tenant in unknown {
            let now = rules.known.get(&tenant).cloned().unwrap_or_default();
            let then = self.changed.of_tenant(tenant, &now);
            self.rules.insert(tenant, (now, then));
        }
        let known = notifications.iter().filter_map(|notification| {
            let person = people
                .known
                .get(&(notification.tenant_id, notification.user_id))?;
            Some((notification, person))
        });
        let known: Vec<(&Notification, &Recipient)> = known.collect();
        let keys = known.iter().map(|(notification, person)| {
            let entries = Addressed::to(notification, person).entries();
            entries.map(|(_, key)| key).collect::<Vec<SuppressionKey>>()
        });
        let keys: Vec<Vec<SuppressionKey>> = keys.collect();
        let listed = suppressions::among(&connection, &keys.concat()).await?;
        drop(connection);
        let absent = notifications.len() - known.len();
        self.report.left_out += u64::try_from(absent).unwrap_or(0);
        for ((notification, person), keys) in known.into_iter().zip(keys) {
            let suppressed = keys
                .into_iter()
                .filter(|key| listed.known.contains_key(key));
            let suppressed: Vec<String> = suppressed.map(|key| key.2).collect();
            self.one(notification, person, &suppressed);
        }
        if let Some(last) = notifications.last() {
            self.days.0.forget(last.created_at);
            self.days.1.forget(last.created_at);
        }
        Ok(())
    }

    fn one(&mut self, notification: &Notification, person: &Recipient, suppressed: &[String]) {
        let Some((now, then)) = self.rules.get(&notification.tenant_id) else {
            return;
        };
        let (before_days, after_days) = (&mut self.days.0, &mut self.days.1);
        let global = self.global;
        let before = outcome(notification, person, (now, global), suppressed, before_days);
        let other = self.changed.of_person(person);
        let after = outcome(notification, &other, (then, global), suppressed, after_days);
        let (before, after) = (before.to_string(), after.to_string());
        self.report.looked_at += 1;
        *self.report.before.entry(before.clone()).or_default() += 1;
        *self.report.after.entry(after.clone()).or_default() += 1;
        if before != after {
            let (count, examples) = self.changes.entry((before, after)).or_default();
            *count += 1;
            if examples.len() < EXAMPLES {
                examples.push(notification.id);
            }
        }
    }

    fn finish(self) -> SimulationReport {
        let changes = self.changes.into_iter();
        let changes = changes.map(|((before, after), (count, examples))| SimulatedChange {
            before,
            after,
            count,
            examples,
        });
        let mut changes: Vec<SimulatedChange> = changes.collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.count));
        SimulationReport {
            changes,
            ..self.report
        }
    }
}

/// A preference as policy reads it.
#[must_use]
pub fn preference_of(fields: &PreferenceFields) -> Preference {
    let days = fields.quiet_hours_days.clone();
    let quiet_hours = match fields.quiet_hours {
        Setting::Value((start, end)) => Setting::Value(QuietHours { start, end, days }),
        Setting::None => Setting::None,
        Setting::Inherit => Setting::Inherit,
    };
    Preference {
        scope: fields.scope.clone(),
        enabled: fields.enabled,
        frequency_cap: fields.frequency_cap,
        quiet_hours,
        zone: fields.timezone.as_deref().map(Zone::named),
    }
}
