//! The rules that look at one thing each: too late, unwanted, too early, nowhere to go.

use serde_json::json;

use super::Words;
use super::source::{RuleSource, of_scope};
use crate::domain::preference::Scope;
use crate::domain::{Channel, Preference, Reason};
use crate::policy::decide::DecisionCase;
use crate::policy::preference::EffectivePreference;
use crate::policy::{Facts, expiry, preference, schedule};

pub(super) fn expiry(facts: &Facts<'_>) -> Words {
    let expires_at = facts.notification.expires_at;
    let says = match expires_at {
        None => "It never expires.".to_owned(),
        Some(at) if expiry::expired(facts.notification, facts.now).is_some() => {
            format!("It expired at {at}.")
        }
        Some(at) => format!("It may be sent before {at}."),
    };
    Words::new(says, json!({ "expires_at": expires_at }))
        .by(expires_at.map(|_| RuleSource::message("expires_at")))
        .unless("a later `expires_at`, or none")
}

pub(super) fn preference(facts: &Facts<'_>) -> Words {
    let (notification, rules) = (facts.notification, facts.rules);
    let preferences: Vec<_> = preference::preferences(notification, facts.recipient, rules)
        .map(
            |preference| json!({ "scope": preference.scope, "enabled": preference.enabled, "said_by": preference.said_by }),
        )
        .collect();
    let may_disable = preference::may_disable(notification, rules);
    let off = preference::switched_off(notification, facts.recipient, rules);
    let says = match off {
        Some((Reason::ChannelDisabled, scope)) => {
            format!("The channel is switched off (`{scope}`).")
        }
        Some((_, scope)) => format!("The category is switched off (`{scope}`)."),
        None if !may_disable => "Nobody may switch this category off.".to_owned(),
        None => "Nobody has switched it off.".to_owned(),
    };
    let inputs = json!({ "wishes": preferences, "may_disable": may_disable });
    let words = Words::new(says, inputs).by(who_said(facts, off.map(|(_, scope)| scope)));
    match off {
        Some((_, scope)) => words.unless(format!("a preference that enables `{scope}`")),
        None => words,
    }
}

/// The preference that switches it off, else the category that nobody may switch off, else who says that it is on.
fn who_said(facts: &Facts<'_>, off: Option<&Scope>) -> Vec<RuleSource> {
    let says = |it: &Preference| it.enabled.is_some();
    let enabled = |it: &EffectivePreference<'_>| RuleSource::preference(it, "enabled", says);
    let category = RuleSource::category(facts, "may_disable");
    if let Some(off) = off.and_then(|scope| of_scope(facts, scope)) {
        let category = category.filter(|_| off.scope.category().is_some());
        return enabled(&off).into_iter().chain(category).collect();
    }
    let (notification, rules) = (facts.notification, facts.rules);
    let category = category.filter(|_| !preference::may_disable(notification, rules));
    let said = preference::preferences(notification, facts.recipient, rules);
    let said = said.filter_map(|it| enabled(&it));
    category.into_iter().chain(said).collect()
}

pub(super) fn schedule(facts: &Facts<'_>) -> Words {
    let send_at = facts.notification.send_at;
    let says = match schedule::not_before(facts.notification, facts.now) {
        Some(at) => format!("It is scheduled for {at}."),
        None => "It is not scheduled for later.".to_owned(),
    };
    Words::new(says, json!({ "send_at": send_at }))
        .by(send_at.map(|_| RuleSource::message("send_at")))
        .unless("an earlier `send_at`, or none")
}

pub(super) fn address(facts: &Facts<'_>, case: &DecisionCase<'_>) -> Words {
    let notification = facts.notification;
    let channel = notification.lane.channel;
    let to = notification.payload.to.as_deref();
    let known = facts.recipient.targets(channel, to).len();
    let asked = case.targets.len();
    let says = match (known, asked) {
        (0, 0) => format!("There is no address for {channel}."),
        (0, _) => "The provider knows where to.".to_owned(),
        (_, 0) => "Every address has accepted it already.".to_owned(),
        (_, 1) => "There is an address.".to_owned(),
        (_, several) => format!("There are {several} addresses."),
    };
    let missing = match channel {
        Channel::Email => "an e-mail address of the person, or `to` in the message",
        Channel::Sms => "a phone number of the person, or `to` in the message",
        Channel::Push => "a device of the person, or `to` in the message",
        Channel::InApp | Channel::Chat => "`to` in the message",
    };
    let inputs = json!({ "to_given": to.is_some(), "known": known, "to_ask": asked });
    let field = match channel {
        _ if to.is_some() => Some(RuleSource::message("to")),
        Channel::Email => Some(RuleSource::user(facts, "email")),
        Channel::Sms => Some(RuleSource::user(facts, "phone")),
        Channel::Push => Some(RuleSource::user(facts, "devices")),
        Channel::InApp | Channel::Chat => None,
    };
    let words = Words::new(says, inputs).by(field);
    if known == 0 {
        words.unless(missing)
    } else {
        words
    }
}

/// `before`: how many addresses there were before the suppressed ones were left out.
pub(super) fn suppression(before: usize, case: &DecisionCase<'_>) -> Words {
    let left = case.targets.len();
    let suppressed = before.saturating_sub(left);
    let inputs = json!({ "addresses": before, "suppressed": suppressed });
    let says = match (before, suppressed) {
        (0, _) => "There is no address that could be suppressed.".to_owned(),
        (_, 0) => "No address is on the suppression list.".to_owned(),
        (1, _) => "The address is on the suppression list.".to_owned(),
        _ if left == 0 => "Every address is on the suppression list.".to_owned(),
        _ => format!("{suppressed} of {before} addresses are suppressed and left out."),
    };
    let words = Words::new(says, inputs).unless("an address that is not on the suppression list");
    if before == 0 {
        words.not_asked()
    } else {
        words
    }
}
