//! What the types of the envelope do not say. Each mistake is noted; what is checked last is checked all the same.

use jiff::{SignedDuration, Timestamp};

use super::refusal::Mistakes;
use super::wire::WireEnvelope;
use super::{Moment, RecipientDescription, Wrapping};
use crate::domain::{
    Channel, Content, EVERYBODY, Lane, Priority, Reason, Rejection, address, carriage, limits,
    name, zone,
};

/// The code of a message that has two idempotency keys.
pub const TWO_KEYS: &str = "idempotency_key_differs";
/// Longest name of a category.
const CATEGORY_CHARS: usize = 100;

/// Not before and not after which moment it is to be sent.
type Between = (Option<Timestamp>, Option<Timestamp>);

/// Spells names and addresses in their one way, and notes what is wrong. The lane is `None` when the message
/// does not say its channel, and nobody else does.
pub(super) fn wire(
    wire: &mut WireEnvelope,
    wrapping: &Wrapping<'_>,
    mistakes: &mut Mistakes,
) -> (Option<Lane>, Between) {
    match wire.version {
        None if !mistakes.has("/version") => mistakes.required("/version"),
        Some(version) if version != 1 => {
            mistakes.invalid("/version", format!("version {version}: only 1 is known"));
        }
        _ => {}
    }
    if wire.user_id.is_none() && !mistakes.has("/user_id") {
        mistakes.required("/user_id");
    }
    let lane = lane(wire, wrapping, mistakes);
    key_beside(wire, wrapping, mistakes);
    texts(wire, mistakes);
    let most = limits::MAX_RETRIES;
    if wire.max_retries.is_some_and(|retries| retries > most) {
        mistakes.invalid("/max_retries", format!("`max_retries`: at most {most}"));
    }
    if let Some(lane) = lane {
        content(wire, lane.channel, mistakes);
        whom(wire, lane.channel, mistakes);
        inbox(wire, lane.channel, mistakes);
    }
    if let Some(described) = &wire.recipient {
        recipient(described, mistakes);
    }
    let between = between(wire, wrapping.now, mistakes);
    addresses(wire, lane.map(|lane| lane.channel), mistakes);
    names(wire, mistakes);
    one_of_both(wire, mistakes);
    (lane, between)
}

/// A key that is said beside the body, and in it as well, is the same.
fn key_beside(wire: &WireEnvelope, wrapping: &Wrapping<'_>, mistakes: &mut Mistakes) {
    text(
        "/idempotency_key",
        wrapping.idempotency_key,
        limits::IDEMPOTENCY_KEY_CHARS,
        mistakes,
    );
    if let (Some(inside), Some(beside)) = (&wire.idempotency_key, wrapping.idempotency_key)
        && inside != beside
    {
        let words =
            "`idempotency_key` is another one than the header `Idempotency-Key` says: give one";
        let reason = Rejection::InvalidEnvelope;
        mistakes.add(reason, "/idempotency_key", TWO_KEYS, words);
    }
}

/// The lane that the message came through, or else the one that it names.
fn lane(wire: &WireEnvelope, wrapping: &Wrapping<'_>, mistakes: &mut Mistakes) -> Option<Lane> {
    let Some(lane) = wrapping.lane else {
        if wire.channel.is_none() && !mistakes.has("/channel") {
            mistakes.required("/channel");
        }
        let priority = wire.priority.unwrap_or(Priority::Normal);
        return Some(Lane::new(wire.channel?, priority));
    };
    let channel = wire.channel.unwrap_or(lane.channel);
    let priority = wire.priority.unwrap_or(lane.priority);
    if (channel, priority) != (lane.channel, lane.priority) {
        let pointer = match channel == lane.channel {
            true => "/priority",
            false => "/channel",
        };
        let detail = format!("the envelope says {channel}.{priority}, the routing key {lane}");
        let reason = Rejection::LaneMismatch;
        mistakes.add(reason, pointer, reason.as_str(), detail);
    }
    Some(lane)
}

fn between(wire: &WireEnvelope, now: Timestamp, mistakes: &mut Mistakes) -> Between {
    for (pointer, moment) in [("/send_at", wire.send_at), ("/expires_at", wire.expires_at)] {
        if matches!(moment, Some(Moment::At(moment)) if moment < Timestamp::UNIX_EPOCH) {
            let name = pointer.trim_start_matches('/');
            mistakes.invalid(pointer, format!("`{name}` lies before 1970"));
        }
    }
    let furthest = now + SignedDuration::from_hours(24 * limits::SEND_AT_DAYS);
    let send_at = match wire.send_at {
        None => None,
        Some(Moment::At(send_at)) if send_at <= furthest => Some(send_at),
        Some(_) => {
            let words = "`send_at` reaches at most a year ahead, for as long as what waits is kept";
            mistakes.invalid("/send_at", words);
            None
        }
    };
    let expires_at = match wire.expires_at {
        Some(Moment::At(expires_at)) => Some(expires_at),
        Some(Moment::Never) | None => None,
    };
    (send_at, expires_at)
}

/// Whether the channel can carry what is written here: a template is checked when it is filled.
fn content(wire: &WireEnvelope, channel: Channel, mistakes: &mut Mistakes) {
    let Some(content) = wire.content.as_ref().filter(|_| wire.template.is_none()) else {
        return;
    };
    let Err(unfit) = carriage::check(channel, content) else {
        return;
    };
    let (reason, code) = match unfit.reason {
        Reason::MessageTooLarge => (Rejection::TooLarge, Rejection::TooLarge.as_str()),
        _ => (Rejection::InvalidEnvelope, "invalid"),
    };
    // What is missing may be what was wrong.
    if !mistakes.has("/content") {
        mistakes.add(reason, "/content", code, format!("`content`: {unfit}"));
    }
}

/// For all people of a tenant is in-app alone, and says something.
fn whom(wire: &WireEnvelope, channel: Channel, mistakes: &mut Mistakes) {
    match wire.user_id {
        Some(Some(EVERYBODY)) => {
            let words = "`user_id` is the nil UUID, which is nobody's; `null` is everybody in-app";
            mistakes.invalid("/user_id", words);
        }
        Some(None) if channel != Channel::InApp => {
            let words = "`user_id` is `null`: only in-app is something for the whole tenant";
            mistakes.invalid("/user_id", words);
        }
        Some(None) => {
            if wire.recipient.is_some() {
                let words = "`recipient` describes nobody when `user_id` is `null`: leave it out";
                mistakes.invalid("/recipient", words);
            }
            if wire.content.as_ref() == Some(&Content::default()) && wire.template.is_none() {
                mistakes.invalid("/content", "`content` is empty: nobody would see anything");
            }
        }
        _ => {}
    }
}

/// What is said for the inbox.
fn inbox(wire: &WireEnvelope, channel: Channel, mistakes: &mut Mistakes) {
    let Some(options) = &wire.inbox else { return };
    if channel != Channel::InApp {
        mistakes.invalid("/inbox", "`inbox` is for the channel in_app alone");
    }
    for mistake in options.mistakes() {
        let pointer = format!("/inbox{}", mistake.pointer);
        let detail = format!("`{}` {}", name_of(&pointer), mistake.words);
        if !mistakes.has(&pointer) {
            mistakes.invalid(&pointer, detail);
        }
    }
}

/// Spells the category as wishes spell it. Composed, it may be longer.
fn names(wire: &mut WireEnvelope, mistakes: &mut Mistakes) {
    let Some(category) = &mut wire.category else {
        return;
    };
    match name::canonical(category) {
        Ok(canonical) => *category = canonical,
        Err(problem) => mistakes.invalid("/category", format!("`category` {problem}")),
    }
    text("/category", Some(category), CATEGORY_CHARS, mistakes);
}

/// Spells each address as its channel does.
fn addresses(wire: &mut WireEnvelope, channel: Option<Channel>, mistakes: &mut Mistakes) {
    if let Some(channel) = channel {
        spell("/to", channel, wire.to.as_mut(), mistakes);
    }
    if let Some(recipient) = &mut wire.recipient {
        let (email, phone) = (recipient.email.as_mut(), recipient.phone.as_mut());
        spell("/recipient/email", Channel::Email, email, mistakes);
        spell("/recipient/phone", Channel::Sms, phone, mistakes);
    }
}

fn spell(pointer: &str, channel: Channel, said: Option<&mut String>, mistakes: &mut Mistakes) {
    let Some(said) = said else { return };
    match address::canonical(channel, said) {
        Ok(canonical) => *said = canonical,
        Err(problem) => {
            let reason = Rejection::BadAddress;
            let detail = format!("`{}` {problem}", name_of(pointer));
            mistakes.add(reason, pointer, reason.as_str(), detail);
        }
    }
}

fn texts(wire: &WireEnvelope, mistakes: &mut Mistakes) {
    let template = wire.template.as_ref();
    let source = wire.source.as_ref();
    for (pointer, value, most) in [
        (
            "/idempotency_key",
            wire.idempotency_key.as_deref(),
            limits::IDEMPOTENCY_KEY_CHARS,
        ),
        ("/category", wire.category.as_deref(), CATEGORY_CHARS),
        ("/provider", wire.provider.as_deref(), 50),
        ("/template/name", template.map(|it| it.name.as_str()), 100),
        ("/source/type", source.map(|it| it.kind.as_str()), 50),
        ("/source/id", source.map(|it| it.id.as_str()), 255),
    ] {
        text(pointer, value, most, mistakes);
    }
}

fn text(pointer: &str, value: Option<&str>, most: usize, mistakes: &mut Mistakes) {
    let Some(value) = value else { return };
    let name = name_of(pointer);
    if value.is_empty() {
        mistakes.invalid(pointer, format!("`{name}` is empty: leave it out"));
    } else if value.chars().count() > most {
        let words = format!("`{name}` has more than {most} characters");
        mistakes.invalid(pointer, words);
    } else if value.chars().any(char::is_control) {
        mistakes.invalid(pointer, format!("`{name}` has a control character"));
    }
}

/// The name that people give a place: `recipient.email`.
fn name_of(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn recipient(fields: &RecipientDescription, mistakes: &mut Mistakes) {
    let (username, locale) = (fields.username.as_deref(), fields.locale.as_deref());
    text("/recipient/username", username, 100, mistakes);
    text("/recipient/locale", locale, 35, mistakes);
    if let Some(name) = &fields.timezone
        && zone::find(name).is_err()
    {
        let words = "`recipient.timezone` is not an IANA name, as Europe/Berlin is";
        mistakes.invalid("/recipient/timezone", words);
    }
}

/// Exactly one of `template` and `content`. Of one that could not be read, that is known already.
fn one_of_both(wire: &WireEnvelope, mistakes: &mut Mistakes) {
    match (&wire.template, &wire.content) {
        (Some(_), Some(_)) => {
            mistakes.invalid("/content", "both `template` and `content`: give one");
        }
        (None, None) if !mistakes.has("/template") && !mistakes.has("/content") => {
            let words = "neither `template` nor `content`: give one";
            mistakes.add(Rejection::InvalidEnvelope, "/content", "required", words);
        }
        _ => {}
    }
}
