//! `herald ledger`: the books, by hour and tenant.

use clap::Args;
use herald::config::Required;
use herald::domain::LedgerHour;
use herald::domain::ledger::hour_of;
use herald::store::ledger;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use super::columns::columns;
use super::moment::moment;
use super::{Cli, CommandFailure, say};

/// Hours that are shown unless it is said.
const USUAL_HOURS: i64 = 24;

#[derive(Debug, Args)]
pub(super) struct Ledger {
    /// The hour of this time and later ones: RFC 3339, or an age such as "24h" or "7d"; the last 24 hours without it.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// Hours that begin before this time; up to now without it.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
    /// Of this tenant.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
}

pub(super) fn ledger(cli: &Cli, asked: &Ledger) -> Result<(), CommandFailure> {
    let now = herald::runtime::clock::now();
    let until = asked.until.unwrap_or(now).min(now);
    let since = match asked.since {
        Some(since) => hour_of(since),
        None => hour_of(until)
            .checked_sub((USUAL_HOURS - 1).hours())
            .map_err(|error| CommandFailure(format!("--until: {error}")))?,
    };
    if since >= until {
        return Err(CommandFailure(format!(
            "--since must be before --until: {since} is not before {until}"
        )));
    }
    let settings = cli.settings(&[Required::Database])?;
    let hours = super::on_runtime(async {
        let database = super::database(&settings).await?;
        Ok(ledger::read(&database, since, until, asked.tenant).await?)
    })?;
    if cli.json {
        let data: Vec<Value> = hours.iter().map(in_json).collect();
        say::answer(&json!({ "since": since, "until": until, "data": data }).to_string())?;
    } else if hours.is_empty() {
        say::answer(&format!("nothing came in from {since} to {until}"))?;
    } else {
        let head = HEAD.iter().map(|word| (*word).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(hours.iter().map(row)).collect();
        say::answer(&columns(&rows))?;
    }
    let unbalanced = hours.iter().filter(|hour| hour.difference() != 0).count();
    match unbalanced {
        0 => Ok(()),
        many => Err(CommandFailure(format!(
            "the books do not balance in {many} of {} rows: see the column `difference`",
            hours.len()
        ))),
    }
}

/// What came in, then what became of it.
const HEAD: [&str; 14] = [
    "hour",
    "tenant",
    "consumed",
    "accepted_api",
    "rejected",
    "duplicates",
    "sent",
    "failed",
    "cancelled",
    "pending",
    "in_flight",
    "quarantined",
    "erased",
    "difference",
];

fn row(hour: &LedgerHour) -> Vec<String> {
    let figures = figures(hour).map(|figure| figure.to_string());
    let names = [hour.hour.to_string(), hour.tenant_id.to_string()];
    names.into_iter().chain(figures).collect()
}

fn in_json(hour: &LedgerHour) -> Value {
    let [_, _, names @ ..] = HEAD;
    let figures = names.into_iter().zip(figures(hour).map(Value::from));
    let mut row = json!({ "hour": hour.hour, "tenant_id": hour.tenant_id });
    if let Some(fields) = row.as_object_mut() {
        fields.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
    }
    row
}

/// In the order of the head.
const fn figures(hour: &LedgerHour) -> [i64; 12] {
    [
        hour.consumed,
        hour.accepted_api,
        hour.rejected,
        hour.duplicates,
        hour.sent,
        hour.failed,
        hour.cancelled,
        hour.pending,
        hour.in_flight,
        hour.quarantined,
        hour.erased,
        hour.difference(),
    ]
}
