//! Who could send it.

use serde_json::{Value, json};

use super::Words;
use super::source::RuleSource;
use crate::domain::{AccountPause, Channel, OnUnknown, PauseKind};
use crate::policy::Facts;
use crate::policy::decide::DecisionCase;
use crate::policy::routing::{self, AccountFacts};

pub(super) fn routing(facts: &Facts<'_>, case: &DecisionCase<'_>) -> Words {
    let words = words(facts, case);
    match words.applies {
        true => words.by(sources(facts, case)),
        false => words,
    }
}

/// What the route follows from; without a route, why the account that it waits for is out, and then the others.
fn sources(facts: &Facts<'_>, case: &DecisionCase<'_>) -> Vec<RuleSource> {
    let notification = facts.notification;
    let pinned = notification.payload.provider.as_deref();
    let pin = pinned.map(|_| RuleSource::message("provider"));
    let out = facts.accounts.iter().filter_map(RuleSource::out);
    let first = case.route.accounts.first();
    if let Some(first) = first.and_then(|at| facts.accounts.get(*at)) {
        let chosen = RuleSource::Provider {
            name: first.name.to_owned(),
            field: "priority",
        };
        return pin.into_iter().chain([chosen]).chain(out).collect();
    }
    let waited = notification.pinned_by_unknown().or(pinned);
    let mut accounts: Vec<&AccountFacts<'_>> = facts.accounts.iter().collect();
    // What it waits for, then whoever is back first, then those that nobody knows when.
    accounts.sort_by_key(|account| {
        let back = account.available_at.or(account.pause.map(|it| it.until));
        let is_waited = waited == Some(account.name);
        (!is_waited, back.is_none(), back)
    });
    let out = accounts.into_iter().filter_map(RuleSource::out);
    out.chain(pin).collect()
}

fn words(facts: &Facts<'_>, case: &DecisionCase<'_>) -> Words {
    let notification = facts.notification;
    let channel = notification.lane.channel;
    if channel == Channel::InApp {
        return Words::new("The inbox needs no provider.", Value::Null).not_asked();
    }
    let route: Vec<&str> = case
        .route
        .accounts
        .iter()
        .filter_map(|at| facts.accounts.get(*at))
        .map(|account| account.name)
        .collect();
    let accounts: Vec<Value> = facts.accounts.iter().map(account).collect();
    let pinned = notification.payload.provider.as_deref();
    let on_unknown = routing::on_unknown(notification, facts.rules, facts.global);
    let unresolved = notification.pinned_by_unknown();
    let inputs = json!({
        "pinned": pinned,
        "on_unknown": on_unknown,
        "may_have_been_sent_by": unresolved,
        "accounts": accounts,
        "route": route,
    });
    let allowed = |account: &AccountFacts<'_>| routing::may_carry(notification, account);
    let is_waited_for = |name: &str| {
        on_unknown == OnUnknown::Retry && facts.accounts.iter().any(|it| it.name == name)
    };
    let paused = |name: &str| {
        let mut named = facts.accounts.iter().filter(|it| it.name == name);
        named
            .find_map(|it| it.pause)
            .map(|pause| stopped(name, pause))
    };
    match route.split_first() {
        Some((first, [])) => Words::new(format!("It goes through `{first}`."), inputs),
        Some((first, others)) => {
            let others = others.join("`, then `");
            let says = format!("It goes through `{first}`; should that fail, `{others}`.");
            Words::new(says, inputs)
        }
        None => match pinned {
            _ if let Some(unresolved) = unresolved.filter(|name| is_waited_for(name)) => {
                let mut says =
                    format!("The answer of `{unresolved}` was lost: it waits for that account.");
                if let Some(paused) = paused(unresolved) {
                    says.push_str(&format!(" {paused}."));
                }
                let change = format!("`{unresolved}` can be asked again, or is removed");
                Words::new(says, inputs).unless(change)
            }
            Some(pinned) if paused(pinned).is_some() => {
                let says = paused(pinned).unwrap_or_default();
                Words::new(format!("It asks for an account: {says}."), inputs)
                    .unless(format!("`{pinned}` is resumed"))
            }
            Some(pinned) if !facts.accounts.iter().any(allowed) => {
                let mut in_use = facts.accounts.iter().filter(|account| !account.is_off);
                match in_use.any(|account| account.name == pinned) {
                    true => Words::new(
                        format!(
                            "The account `{pinned}` that it asks for cannot send to the address \
                             that it names: it has a place of its own."
                        ),
                        inputs,
                    )
                    .unless("another account, or no `to`"),
                    false => Words::new(
                        format!("The account `{pinned}` that it asks for is not there."),
                        inputs,
                    )
                    .unless(format!("an active account `{pinned}`")),
                }
            }
            _ if facts.accounts.iter().all(|account| account.is_off)
                && facts.accounts.iter().any(|account| account.pause.is_some()) =>
            {
                let all = facts.accounts.iter().filter_map(|it| paused(it.name));
                let all = all.collect::<Vec<_>>().join("; ");
                let says = format!("No account for {channel} is in use: {all}.");
                Words::new(says, inputs).unless("an account that is resumed")
            }
            _ if facts.accounts.iter().all(|account| account.is_off) => {
                let says = format!("There is no account for {channel}.");
                Words::new(says, inputs).unless(format!("an active account for {channel}"))
            }
            _ if !facts.accounts.iter().any(allowed) => {
                let says = format!(
                    "No account for {channel} can send to the address that it names: an incoming \
                     webhook posts into its own channel alone."
                );
                Words::new(says, inputs).unless("an account that can send anywhere, or no `to`")
            }
            _ => {
                let says = format!("No account for {channel} can be asked now.");
                Words::new(says, inputs).unless("an account that can be asked again")
            }
        },
    }
}

/// Who stopped an account, and why.
pub(super) fn stopped(name: &str, pause: &AccountPause) -> String {
    let AccountPause {
        reason, by, until, ..
    } = pause;
    let how = match pause.kind {
        PauseKind::Pause => "paused",
        PauseKind::Drain => "drained",
    };
    format!("`{name}` is {how} by {by} until {until}: {reason}")
}

fn account(account: &AccountFacts<'_>) -> Value {
    json!({
        "name": account.name,
        "priority": account.priority,
        "weight": account.weight,
        "circuit": account.circuit,
        "available_at": account.available_at,
        "rate_limit": account.rate_limit,
        "needs_address": account.needs_address,
        "switched_off": account.is_off && account.pause.is_none(),
        "paused": account.pause.map(|pause| json!({
            "kind": pause.kind,
            "reason": pause.reason,
            "by": pause.by,
            "until": pause.until,
        })),
    })
}
