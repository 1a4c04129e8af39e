//! Dead letters as people and programs read them.

use std::collections::BTreeMap;

use herald::domain::{AttemptRecord, Step};
use herald::ops::replay::{Order, ReplayFate, ReplayedLetter};
use herald::store::dead_letters::DeadLetter;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::command::columns::columns;

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

pub(super) fn letters(letters: &[DeadLetter], total: usize, show_recipient: bool) -> String {
    let mut header = vec![
        "NOTIFICATION",
        "FAILED",
        "CHANNEL",
        "REASON",
        "PROVIDER",
        "PASSES",
        "RESOLVED",
    ];
    if show_recipient {
        header.push("RECIPIENT");
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
    for letter in letters {
        let notification = letter.notification.as_ref();
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
        let mut row = vec![
            letter.notification_id.to_string(),
            second(letter.moved_at),
            or_nothing(notification.map(|n| n.channel.clone())),
            letter.reason_word().to_owned(),
            or_nothing(notification.and_then(|n| n.provider.clone())),
            or_nothing(notification.map(|n| n.attempt_count.to_string())),
            or_nothing(letter.resolved_at.map(second)),
        ];
        if show_recipient {
            row.push(or_nothing(notification.and_then(|n| n.recipient.clone())));
        }
        rows.push(row);
    }
    let summary = match total {
        0 => return "no dead letters".to_owned(),
        total => format!("{} of {total} dead letters", letters.len()),
    };
    format!("{}\n{summary}", columns(&rows))
}

/// One, with all that happened to it.
pub(super) fn letter(letter: &DeadLetter, show_recipient: bool) -> String {
    let mut rows = vec![
        pair("dead letter", letter.id),
        pair("notification", letter.notification_id),
        pair("tenant", letter.tenant_id),
        pair(
            "failed",
            format!("{} {}", letter.moved_at, letter.reason_word()),
        ),
    ];
    if let Some(at) = letter.resolved_at {
        rows.push(pair("resolved", at));
    }
    match &letter.notification {
        Some(notification) => {
            rows.push(pair("channel", &notification.channel));
            rows.push(pair("status", &notification.status));
            let provider = notification.provider.as_deref().unwrap_or(NOTHING);
            rows.push(pair("provider", provider));
            rows.push(pair("passes", notification.attempt_count));
            if let Some(why) = &notification.error_message {
                rows.push(pair("error", why));
            }
            if notification.is_redacted {
                rows.push(pair("content", "redacted"));
            }
            if show_recipient {
                let recipient = notification.recipient.as_deref().unwrap_or(NOTHING);
                rows.push(pair("recipient", recipient));
            }
        }
        None => rows.push(pair("notification", "removed by retention")),
    }
    let mut text = columns(&rows);
    for record in &letter.history {
        text.push_str(&format!("\n  {}  {}", record.at, step(record)));
    }
    text
}

fn step(record: &AttemptRecord) -> String {
    match &record.step {
        Step::Attempt {
            provider,
            class,
            code,
            detail,
            elapsed_ms,
            ..
        } => {
            let code = code.as_deref().unwrap_or_default();
            let detail = detail.as_deref().unwrap_or_default();
            format!("{provider} answered {class} {code} after {elapsed_ms} ms  {detail}")
        }
        Step::Deferred { reason, until } => format!("put off until {until}: {reason}"),
        Step::AccountGone { provider } => format!("{provider} is gone, others may be asked"),
        Step::Replayed { failed, .. } => format!("replayed after {failed}"),
        Step::Cancelled { by, .. } => format!("cancelled by {by}"),
        Step::NodeDied { run } => {
            format!(
                "run {run} died with it in hand: it may have been sent, nobody knows through whom"
            )
        }
    }
    .trim_end()
    .to_owned()
}

pub(super) fn letters_in_json(
    letters: &[DeadLetter],
    total: usize,
    show_recipient: bool,
) -> String {
    let rows: Vec<Value> = letters
        .iter()
        .map(|letter| letter_in_json(letter, show_recipient))
        .collect();
    json!({ "total": total, "dead_letters": rows }).to_string()
}

fn letter_in_json(letter: &DeadLetter, show_recipient: bool) -> Value {
    let notification = letter.notification.as_ref();
    let mut row = json!({
        "id": letter.id,
        "tenant_id": letter.tenant_id,
        "notification_id": letter.notification_id,
        "reason": letter.reason_word(),
        "failed_at": letter.moved_at,
        "resolved": letter.resolved,
        "resolved_at": letter.resolved_at,
        "channel": notification.map(|n| n.channel.as_str()),
        "status": notification.map(|n| n.status.as_str()),
        "provider": notification.and_then(|n| n.provider.as_deref()),
        "attempt_count": notification.map(|n| n.attempt_count),
        "error": notification.and_then(|n| n.error_message.as_deref()),
        "redacted": notification.is_some_and(|n| n.is_redacted),
        "history": letter.history,
    });
    if let (true, Some(row)) = (show_recipient, row.as_object_mut()) {
        let recipient = notification.and_then(|n| n.recipient.as_deref());
        row.insert("recipient".to_owned(), json!(recipient));
    }
    row
}

pub(super) fn replayed(replayed: &[ReplayedLetter], order: &Order) -> String {
    let mut skipped = replayed.iter().filter_map(|replayed| match &replayed.fate {
        ReplayFate::Skipped(skip) => Some(vec![
            replayed.letter.notification_id.to_string(),
            skip.as_str().to_owned(),
            skip.to_string(),
        ]),
        ReplayFate::Due(_) => None,
    });
    let mut rows: Vec<Vec<String>> = vec![];
    rows.extend(skipped.by_ref());
    let counts = counts(replayed);
    let due = counts.get("replayed").copied().unwrap_or(0);
    let skipped: usize = rows.len();
    let seconds = due.saturating_sub(1) / usize::try_from(order.rate.max(1)).unwrap_or(1);
    let verb = if order.dry_run { "would be " } else { "" };
    let summary = format!(
        "{due} {verb}replayed, within {} s; {skipped} {verb}skipped",
        seconds + 1
    );
    if rows.is_empty() {
        return summary;
    }
    format!("{}\n{summary}", columns(&rows))
}

pub(super) fn replayed_in_json(replayed: &[ReplayedLetter], order: &Order) -> String {
    let rows: Vec<Value> = replayed
        .iter()
        .map(|replayed| {
            let letter = &replayed.letter;
            let (due_at, why) = match &replayed.fate {
                ReplayFate::Due(at) => (Some(at), None),
                ReplayFate::Skipped(skip) => (None, Some(skip.to_string())),
            };
            json!({
                "id": letter.id,
                "notification_id": letter.notification_id,
                "outcome": replayed.fate.as_str(),
                "due_at": due_at,
                "why": why,
            })
        })
        .collect();
    json!({
        "dry_run": order.dry_run,
        "counts": counts(replayed),
        "dead_letters": rows,
    })
    .to_string()
}

/// How many by outcome.
fn counts(replayed: &[ReplayedLetter]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for replayed in replayed {
        *counts.entry(replayed.fate.as_str()).or_insert(0) += 1;
    }
    counts
}

pub(super) fn resolved(count: usize, dry_run: bool, json: bool) -> String {
    if json {
        return json!({ "dry_run": dry_run, "resolved": count }).to_string();
    }
    let verb = if dry_run { "would be " } else { "" };
    format!("{count} {verb}resolved")
}

fn pair(name: &str, value: impl ToString) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}

/// A time to the second, which is what a column has room for.
fn second(moment: Timestamp) -> String {
    moment
        .round(jiff::Unit::Second)
        .unwrap_or(moment)
        .to_string()
}
