//! What a scenario's database is seeded with: the seed file, changed and completed as it says.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use toml::{Table, Value};
use uuid::Uuid;

use crate::population::{people, tenant};
use crate::scenario::{People, Preference, Scenario};
use crate::seed::{Target, seed_file};
use crate::simulator::{Provider, Simulator};

/// How long before the seeding quiet hours began.
const QUIET_SINCE: TimeDelta = TimeDelta::hours(1);

/// A file for `herald apply`, and when the quiet hours in it end.
pub(super) struct Seeding {
    pub(super) text: String,
    pub(super) quiet_until: Option<DateTime<Utc>>,
}

pub(super) fn seeding(
    scenario: &Scenario,
    simulators: &[Simulator],
    now: DateTime<Utc>,
) -> Result<Seeding> {
    let targets: Vec<_> = simulators.iter().map(Target::from).collect();
    of_targets(scenario, &targets, now)
}

fn of_targets(scenario: &Scenario, targets: &[Target], now: DateTime<Utc>) -> Result<Seeding> {
    let text = seed_file(scenario.people.count, targets, false)?;
    let mut table: Table = text.parse().context("the seed file")?;
    spread_over_tenants(&mut table, scenario.people.tenants)?;
    for (provider, setup) in scenario.providers.iter() {
        let changes = [
            (
                "rate_limit",
                setup.rate_limit.map(|limit| Value::from(i64::from(limit))),
            ),
            (
                "timeout_seconds",
                setup
                    .timeout_seconds
                    .map(|time| Value::from(i64::from(time))),
            ),
            (
                "priority",
                setup
                    .priority
                    .map(|priority| Value::from(i64::from(priority))),
            ),
            (
                "weight",
                setup.weight.map(|weight| Value::from(i64::from(weight))),
            ),
            ("is_active", setup.is_active.map(Value::from)),
        ];
        if let Some(account) = account(&mut table, provider) {
            let given = changes
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            account.extend(given);
            if let Some(most) = setup.batch_size {
                let config = account.entry("config");
                let config = config.or_insert_with(|| Value::Table(Table::new()));
                let config = config
                    .as_table_mut()
                    .context("the seed file: a config that is no table")?;
                config.insert("batch_size".to_owned(), i64::from(most).into());
            }
        }
    }
    let mut quiet_until = None;
    for preference in &scenario.people.preferences {
        let until = preference
            .quiet_for_seconds
            .map(|seconds| minute_after(now, seconds));
        quiet_until = quiet_until.max(until);
        append(
            &mut table,
            "preferences",
            preferences(preference, &scenario.people, now, until),
        )?;
    }
    for (key, value) in &scenario.apply {
        match value {
            Value::Array(entries) => append(&mut table, key, entries.clone())?,
            _ => bail!("apply.{key}: a list of tables is wanted, [[apply.{key}]]"),
        }
    }
    let text = toml::to_string(&table).context("the seed file")?;
    Ok(Seeding { text, quiet_until })
}

/// Gives the people of the file to their tenants, and each tenant the templates.
fn spread_over_tenants(table: &mut Table, tenants: u32) -> Result<()> {
    let of = |id: Uuid, entry: &mut Value| {
        let entry = entry.as_table_mut();
        entry.map(|entry| entry.insert("tenant_id".to_owned(), id.to_string().into()))
    };
    let users = table.get_mut("users").and_then(Value::as_array_mut);
    for (user, person) in users.into_iter().flatten().zip(people(u32::MAX)) {
        if let Some(id) = person.tenant(tenants) {
            of(id, user);
        }
    }
    let list = table.get("templates").and_then(Value::as_array);
    let templates = list.cloned().unwrap_or_default();
    for (number, id) in (0..tenants).filter_map(|number| Some((number, tenant(number)?))) {
        let mut own = templates.clone();
        own.iter_mut().for_each(|template| {
            of(id, template);
        });
        append(table, "templates", own)?;
        let named = [("id", id.to_string()), ("name", format!("tenant-{number}"))];
        let named = named.map(|(key, value)| (key.to_owned(), value.into()));
        append(
            table,
            "tenants",
            vec![Value::Table(named.into_iter().collect())],
        )?;
    }
    Ok(())
}

fn account(table: &mut Table, provider: Provider) -> Option<&mut Table> {
    let accounts = table.get_mut("providers")?.as_array_mut()?;
    let is_meant =
        |account: &&mut Table| account.get("kind").and_then(Value::as_str) == Some(provider.name());
    accounts
        .iter_mut()
        .filter_map(Value::as_table_mut)
        .find(is_meant)
}

fn append(table: &mut Table, key: &str, entries: Vec<Value>) -> Result<()> {
    let list = table.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    let list = list
        .as_array_mut()
        .with_context(|| format!("apply.{key}: the seed file has something else there"))?;
    list.extend(entries);
    Ok(())
}

fn preferences(
    preference: &Preference,
    all: &People,
    now: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Vec<Value> {
    // At most `count`, since a share is at most 1.
    let some = (f64::from(all.count) * preference.share).round() as usize;
    let clock = |time: DateTime<Utc>| Value::from(time.format("%H:%M").to_string());
    let wish = [
        (
            "channel",
            preference.channel.map(|channel| channel.name().into()),
        ),
        ("category", preference.category.as_deref().map(Value::from)),
        ("enabled", preference.enabled.map(Value::from)),
        (
            "frequency_cap",
            preference.frequency_cap.map(|cap| i64::from(cap).into()),
        ),
        ("quiet_hours_start", until.map(|_| clock(now - QUIET_SINCE))),
        ("quiet_hours_end", until.map(clock)),
        ("timezone", until.map(|_| "UTC".into())),
    ];
    let wish: Table = wish
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    people(all.count)
        .take(some)
        .map(|person| {
            let mut wish = wish.clone();
            wish.insert("user_id".to_owned(), person.id().to_string().into());
            if let Some(tenant) = person.tenant(all.tenants) {
                wish.insert("tenant_id".to_owned(), tenant.to_string().into());
            }
            Value::Table(wish)
        })
        .collect()
}

/// The first full minute at least `seconds` after `now`.
fn minute_after(now: DateTime<Utc>, seconds: f64) -> DateTime<Utc> {
    // Checked to be at most ten hours.
    let at = now + TimeDelta::milliseconds((seconds * 1e3) as i64);
    at.duration_round_up(TimeDelta::minutes(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    #[test]
    fn accounts_wishes_and_more_are_written_as_the_scenario_says() {
        let scenario = parse(
            "x",
            r#"
            about = "x"
            providers.twilio.rate_limit = 60
            [people]
            count = 10
            tenants = 2
            preferences = [{ channel = "email", share = 0.5, frequency_cap = 3, quiet_for_seconds = 30 }]
            [[apply.users]]
            id = "0190c1a0-0000-7000-8000-0000000000ff"
            [[load]]
            name = "all"
            count = 1
            [[expect]]
            figure = "lost"
            at_most = 0
            "#,
        )
        .unwrap();
        let now = "2026-11-20T23:59:40Z".parse().unwrap();
        let targets = [Target {
            provider: Provider::Twilio,
            address: ([127, 0, 0, 1], 9).into(),
        }];
        let seeding = of_targets(&scenario, &targets, now).unwrap();
        assert_eq!(
            seeding.quiet_until,
            Some("2026-11-21T00:01:00Z".parse().unwrap())
        );
        let table: Table = seeding.text.parse().unwrap();
        assert_eq!(table["providers"][0]["rate_limit"].as_integer(), Some(60));
        assert_eq!(table["users"].as_array().unwrap().len(), 11);
        assert_eq!(table["tenants"].as_array().unwrap().len(), 1);
        assert_eq!(table["templates"].as_array().unwrap().len(), 10);
        let tenant = table["tenants"][0]["id"].as_str();
        assert_eq!(table["users"][0]["tenant_id"].as_str(), tenant);
        assert!(table["users"][1].get("tenant_id").is_none());
        assert_eq!(table["preferences"][0]["tenant_id"].as_str(), tenant);
        assert_eq!(table["preferences"].as_array().unwrap().len(), 5);
        let wish = &table["preferences"][0];
        assert_eq!(wish["quiet_hours_start"].as_str(), Some("22:59"));
        assert_eq!(wish["quiet_hours_end"].as_str(), Some("00:01"));
        assert_eq!(wish["frequency_cap"].as_integer(), Some(3));
    }
}
