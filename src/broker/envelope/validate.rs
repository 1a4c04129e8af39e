//! What the types of the envelope do not say.

use jiff::{SignedDuration, Timestamp};

use super::{Moment, RecipientDescription, Refusal, WireEnvelope, Wrapping};
use crate::domain::{Channel, Reason, Rejection, address, carriage, limits, name, zone};

/// Longest name of a category.
const CATEGORY_CHARS: usize = 100;

/// Not before and not after which moment it is to be sent.
type Between = (Option<Timestamp>, Option<Timestamp>);

pub(super) fn wire(wire: &WireEnvelope, wrapping: &Wrapping<'_>) -> Result<Between, Refusal> {
    if wire.version != 1 {
        return Err(Refusal::invalid(format!(
            "version {}: only 1 is known",
            wire.version
        )));
    }
    lane(wire, wrapping)?;
    texts(wire)?;
    if wire
        .max_retries
        .is_some_and(|retries| retries > limits::MAX_RETRIES)
    {
        return Err(Refusal::invalid(format!(
            "`max_retries`: at most {}",
            limits::MAX_RETRIES
        )));
    }
    content(wire, wrapping.lane.channel)?;
    wire.recipient.as_ref().map_or(Ok(()), recipient)?;
    between(wire, wrapping.now)
}

fn between(wire: &WireEnvelope, now: Timestamp) -> Result<Between, Refusal> {
    for (name, moment) in [("send_at", wire.send_at), ("expires_at", wire.expires_at)] {
        if matches!(moment, Some(Moment::At(moment)) if moment < Timestamp::UNIX_EPOCH) {
            return Err(Refusal::invalid(format!("`{name}` lies before 1970")));
        }
    }
    let furthest = now + SignedDuration::from_hours(24 * limits::SEND_AT_DAYS);
    let send_at = match wire.send_at {
        None => None,
        Some(Moment::At(send_at)) if send_at <= furthest => Some(send_at),
        Some(_) => {
            let words = "`send_at` reaches at most a year ahead, for as long as what waits is kept";
            return Err(Refusal::invalid(words));
        }
    };
    let expires_at = match wire.expires_at {
        Some(Moment::At(expires_at)) => Some(expires_at),
        Some(Moment::Never) | None => None,
    };
    Ok((send_at, expires_at))
}

/// Whether the channel can carry what is written here: a template is checked when it is filled.
fn content(wire: &WireEnvelope, channel: Channel) -> Result<(), Refusal> {
    let Some(content) = wire.content.as_ref().filter(|_| wire.template.is_none()) else {
        return Ok(());
    };
    carriage::check(channel, content).map_err(|unfit| {
        let reason = match unfit.reason {
            Reason::MessageTooLarge => Rejection::TooLarge,
            _ => Rejection::InvalidEnvelope,
        };
        Refusal::new(reason, format!("`content`: {unfit}"))
    })
}

/// Spells the category as wishes spell it. Composed, it may be longer.
pub(super) fn names(wire: &mut WireEnvelope) -> Result<(), Refusal> {
    let Some(category) = &mut wire.category else {
        return Ok(());
    };
    let canonical = name::canonical(category);
    *category = canonical.map_err(|problem| Refusal::invalid(format!("`category` {problem}")))?;
    text("category", Some(category), CATEGORY_CHARS)
}

/// Spells each address as its channel does.
pub(super) fn addresses(wire: &mut WireEnvelope, channel: Channel) -> Result<(), Refusal> {
    spell("to", channel, wire.to.as_mut())?;
    if let Some(recipient) = &mut wire.recipient {
        spell("recipient.email", Channel::Email, recipient.email.as_mut())?;
        spell("recipient.phone", Channel::Sms, recipient.phone.as_mut())?;
    }
    Ok(())
}

fn spell(name: &str, channel: Channel, said: Option<&mut String>) -> Result<(), Refusal> {
    let Some(said) = said else { return Ok(()) };
    *said = address::canonical(channel, said).map_err(|problem| {
        let words = format!("`{name}` {problem}");
        Refusal::new(Rejection::BadAddress, words)
    })?;
    Ok(())
}

fn lane(wire: &WireEnvelope, wrapping: &Wrapping<'_>) -> Result<(), Refusal> {
    let lane = wrapping.lane;
    let channel = wire.channel.unwrap_or(lane.channel);
    let priority = wire.priority.unwrap_or(lane.priority);
    if (channel, priority) == (lane.channel, lane.priority) {
        return Ok(());
    }
    let detail = format!("the envelope says {channel}.{priority}, the routing key {lane}");
    Err(Refusal::new(Rejection::LaneMismatch, detail))
}

fn texts(wire: &WireEnvelope) -> Result<(), Refusal> {
    let source = wire.source.as_ref();
    for (name, value, most) in [
        (
            "idempotency_key",
            wire.idempotency_key.as_deref(),
            limits::IDEMPOTENCY_KEY_CHARS,
        ),
        ("category", wire.category.as_deref(), CATEGORY_CHARS),
        ("provider", wire.provider.as_deref(), 50),
        (
            "template.name",
            wire.template
                .as_ref()
                .map(|template| template.name.as_str()),
            100,
        ),
        ("source.type", source.map(|source| source.kind.as_str()), 50),
        ("source.id", source.map(|source| source.id.as_str()), 255),
    ] {
        text(name, value, most)?;
    }
    Ok(())
}

fn text(name: &str, value: Option<&str>, most: usize) -> Result<(), Refusal> {
    let Some(value) = value else { return Ok(()) };
    if value.is_empty() {
        return Err(Refusal::invalid(format!("`{name}` is empty: leave it out")));
    }
    if value.chars().count() > most {
        return Err(Refusal::invalid(format!(
            "`{name}` has more than {most} characters"
        )));
    }
    if value.chars().any(char::is_control) {
        return Err(Refusal::invalid(format!(
            "`{name}` has a control character"
        )));
    }
    Ok(())
}

fn recipient(fields: &RecipientDescription) -> Result<(), Refusal> {
    text("recipient.username", fields.username.as_deref(), 100)?;
    text("recipient.locale", fields.locale.as_deref(), 35)?;
    match &fields.timezone {
        Some(name) if zone::find(name).is_err() => Err(Refusal::invalid(
            "`recipient.timezone` is not an IANA name, as Europe/Berlin is",
        )),
        _ => Ok(()),
    }
}
