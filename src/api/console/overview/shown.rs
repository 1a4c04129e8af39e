//! What was looked at, as it is shown.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::lanes::{ShownLane, lanes};
use crate::api::console::chart::{ColumnFigures, DrawnChart};
use crate::api::console::figures::{ShownMoment, ago, counted, number, span_ms, whole};
use crate::ops::control::{
    AccountStanding, HourFigures, MOST_COUNTED, MinuteFigures, NodeStanding, OverviewAsked,
    OverviewLook, StoredEvent,
};

/// Minutes of the first chart.
const MINUTES: i64 = 60;
/// Hours of the second.
const HOURS: i64 = 24;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A figure on its own, with its name.
#[derive(Debug, Clone)]
pub(super) struct ShownFigure {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) more: String,
    pub(super) is_bad: bool,
}

/// An account as it is shown.
#[derive(Debug, Clone)]
pub(super) struct ShownAccount {
    pub(super) name: String,
    pub(super) channel: String,
    /// In a word, and whether that is bad.
    pub(super) state: &'static str,
    pub(super) is_bad: bool,
    /// Why, or until when.
    pub(super) more: String,
    pub(super) pace: String,
    pub(super) limit: String,
    pub(super) in_flight: String,
    pub(super) waiting: String,
}

/// A node as it is shown.
#[derive(Debug, Clone)]
pub(super) struct ShownNode {
    pub(super) name: String,
    pub(super) run: i32,
    pub(super) version: String,
    pub(super) since: ShownMoment,
    pub(super) heard: String,
    pub(super) is_alive: bool,
    pub(super) in_hand: String,
}

/// A system event as it is shown.
#[derive(Debug, Clone)]
pub(super) struct ShownOpenEvent {
    pub(super) severity: String,
    pub(super) kind: String,
    pub(super) says: String,
    pub(super) since: ShownMoment,
    pub(super) ago: String,
}

/// The overview as it is shown; what the key may not read is `None`.
#[derive(Debug, Clone)]
pub(super) struct ShownOverview {
    pub(super) at: ShownMoment,
    pub(super) figures: Vec<ShownFigure>,
    pub(super) charts: Vec<DrawnChart>,
    pub(super) lanes: Option<Vec<ShownLane>>,
    pub(super) reasons: Vec<(&'static str, String)>,
    pub(super) accounts: Option<Vec<ShownAccount>>,
    pub(super) nodes: Option<Vec<ShownNode>>,
    pub(super) events: Option<Vec<ShownOpenEvent>>,
}

impl ShownOverview {
    pub(super) fn of(asked: OverviewAsked, look: &OverviewLook) -> Self {
        let now = look.at;
        let mut charts = vec![];
        if asked.figures {
            charts.push(last_hour(&look.minutes, now));
            charts.push(last_day(&look.hours, now));
        }
        let reasons = look.waiting.iter();
        let reasons = reasons.map(|(reason, count)| (reason.as_str(), whole(*count)));
        let accounts = || look.accounts.iter().map(|it| account(it, now)).collect();
        let nodes = || look.nodes.iter().map(|it| node(it, now)).collect();
        let events = || look.events.iter().map(|it| event(it, now)).collect();
        Self {
            at: now.into(),
            figures: figures(asked, look),
            charts,
            lanes: asked.figures.then(|| lanes(&look.nodes, &look.backlog)),
            reasons: reasons.collect(),
            accounts: asked.accounts.then(accounts),
            nodes: asked.nodes.then(nodes),
            events: asked.events.then(events),
        }
    }
}

fn figures(asked: OverviewAsked, look: &OverviewLook) -> Vec<ShownFigure> {
    let mut figures = vec![];
    let mut add = |name, text, more: String, is_bad| {
        figures.push(ShownFigure {
            name,
            text,
            more,
            is_bad,
        });
    };
    if asked.figures {
        let sum = |of: fn(&MinuteFigures) -> i64| look.minutes.iter().map(of).sum::<i64>();
        let (sent, failed) = (sum(|it| it.sent), sum(|it| it.failed));
        let took = sum(|it| it.delivery_ms).checked_div(sent);
        let last = last_minutes(&look.minutes, look.at);
        let rate = format!("{} a minute over the last five", number(last / 5));
        add("Sent in the last hour", number(sent), rate, false);
        let average = took.map_or_else(|| "–".to_owned(), span_ms);
        let p95 = look.hours.iter().find_map(|it| it.took.percentile(950));
        let p95 = p95.map_or_else(String::new, |ms| {
            format!("95 % within {} in the last full hour", span_ms(ms))
        });
        add("Average delivery", average, p95, false);
        add(
            "Failed in the last hour",
            number(failed),
            String::new(),
            failed > 0,
        );
        let waiting: i64 = look.backlog.iter().map(|it| it.count).sum();
        let waiting = match asked.nodes && asked.tenant_id.is_none() && !look.waiting.is_empty() {
            true => whole(look.waiting.iter().map(|(_, count)| *count).sum()),
            false => number(waiting),
        };
        add("Waiting in the database", waiting, String::new(), false);
    }
    if let Some(letters) = look.letters {
        let text = counted(letters, MOST_COUNTED);
        add(
            "Dead letters",
            text,
            "that nobody has dealt with".to_owned(),
            letters > 0,
        );
    }
    if let Some(quarantined) = look.quarantined.filter(|count| *count > 0) {
        add(
            "Quarantined",
            whole(quarantined),
            "outcomes that the database refused".to_owned(),
            true,
        );
    }
    if asked.events {
        let open = look.events.len();
        add(
            "Open events",
            number(i64::try_from(open).unwrap_or(0)),
            String::new(),
            open > 0,
        );
    }
    figures
}

/// What was sent in the five minutes that are over.
fn last_minutes(minutes: &[MinuteFigures], now: Timestamp) -> i64 {
    let this = floor(now, MINUTE);
    let within = |it: &&MinuteFigures| {
        it.minute < this && this.duration_since(it.minute) <= SignedDuration::from_mins(5)
    };
    minutes.iter().filter(within).map(|it| it.sent).sum()
}

fn last_hour(minutes: &[MinuteFigures], now: Timestamp) -> DrawnChart {
    let known: BTreeMap<Timestamp, &MinuteFigures> =
        minutes.iter().map(|it| (it.minute, it)).collect();
    let columns = spans(now, MINUTE, MINUTES).map(|minute| {
        let found = known.get(&minute);
        let (good, bad) = found.map_or((0, 0), |it| (it.sent, it.failed));
        column(minute.strftime("%H:%M").to_string(), good, bad)
    });
    let columns: Vec<ColumnFigures> = columns.collect();
    DrawnChart::of(summed("The last hour by minutes", &columns), &columns)
}

fn last_day(hours: &[HourFigures], now: Timestamp) -> DrawnChart {
    let known: BTreeMap<Timestamp, &HourFigures> = hours.iter().map(|it| (it.hour, it)).collect();
    let columns = spans(now, HOUR, HOURS).map(|hour| {
        let found = known.get(&hour);
        let (good, bad) = found.map_or((0, 0), |it| (it.sent, it.failed));
        let mut column = column(hour.strftime("%H:00").to_string(), good, bad);
        if let Some(ms) = found.and_then(|it| it.took.percentile(950)) {
            column.says = format!("{}, 95 % within {}", column.says, span_ms(ms));
        }
        column
    });
    let columns: Vec<ColumnFigures> = columns.collect();
    DrawnChart::of(summed("The last day by hours", &columns), &columns)
}

fn column(name: String, good: i64, bad: i64) -> ColumnFigures {
    ColumnFigures {
        good,
        bad,
        says: format!("{name}: {} sent, {} failed", number(good), number(bad)),
    }
}

fn summed(what: &str, columns: &[ColumnFigures]) -> String {
    let good: i64 = columns.iter().map(|it| it.good).sum();
    let bad: i64 = columns.iter().map(|it| it.bad).sum();
    format!(
        "{what} (UTC): {} sent, {} failed",
        number(good),
        number(bad)
    )
}

/// The beginnings of so many spans, of which the last is the running one.
fn spans(now: Timestamp, span: SignedDuration, count: i64) -> impl Iterator<Item = Timestamp> {
    let last = floor(now, span);
    (0..count).rev().filter_map(move |back| {
        let seconds = span.as_secs().saturating_mul(back);
        last.checked_sub(SignedDuration::from_secs(seconds)).ok()
    })
}

fn floor(moment: Timestamp, span: SignedDuration) -> Timestamp {
    let seconds = moment.as_second();
    let floor = seconds - seconds.rem_euclid(span.as_secs().max(1));
    Timestamp::from_second(floor).unwrap_or(moment)
}

fn account(it: &AccountStanding, now: Timestamp) -> ShownAccount {
    let (state, is_bad, more) = match it {
        it if !it.is_active => ("off", false, String::new()),
        AccountStanding {
            paused_until: Some(until),
            ..
        } => {
            let reason = it.pause_reason.as_deref().unwrap_or_default();
            (
                "paused",
                true,
                format!("{reason} (ends {})", ago(*until, now)),
            )
        }
        it if it.open > 0 => {
            let cause = it.cause.as_deref().unwrap_or_default();
            let again = it
                .available_at
                .map(|at| format!(" (asks again {})", ago(at, now)));
            let of = match it.open < it.nodes {
                true => format!(" on {} of {} nodes", it.open, it.nodes),
                false => String::new(),
            };
            (
                "tripped",
                true,
                format!("{cause}{of}{}", again.unwrap_or_default()),
            )
        }
        it if it.nodes == 0 => ("not used yet", false, String::new()),
        _ => ("passing", false, String::new()),
    };
    ShownAccount {
        name: it.name.clone(),
        channel: it.channel.clone(),
        state,
        is_bad,
        more,
        pace: it
            .pace
            .map_or_else(|| "–".to_owned(), |pace| format!("{pace:.0}/s")),
        limit: it.rate_limit.map_or_else(
            || "none".to_owned(),
            |limit| format!("{}/min", number(limit.into())),
        ),
        in_flight: number(it.in_flight),
        waiting: number(it.waiting),
    }
}

fn node(it: &NodeStanding, now: Timestamp) -> ShownNode {
    ShownNode {
        name: it.name.clone(),
        run: it.run.0,
        version: it.version.clone(),
        since: it.started_at.into(),
        heard: ago(it.heartbeat_at, now),
        is_alive: it.is_alive,
        in_hand: whole(it.lanes.iter().map(|lane| lane.in_hand).sum()),
    }
}

fn event(it: &StoredEvent, now: Timestamp) -> ShownOpenEvent {
    ShownOpenEvent {
        severity: it.severity.clone(),
        kind: it.event_type.clone(),
        says: it.description.clone(),
        since: it.created_at.into(),
        ago: ago(it.created_at, now),
    }
}
