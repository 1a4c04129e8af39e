//! What the types of the envelope do not say.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{RecipientFields, Refusal, Wire, Wrapping};
use crate::domain::address::{is_e164, is_email};
use crate::domain::{Rejection, limits};

/// Longest address: an FCM token has no documented length, real ones stay below 300.
const ADDRESS_CHARS: usize = 2_048;

pub(super) fn wire(wire: &Wire, wrapping: &Wrapping<'_>) -> Result<(), Refusal> {
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
    for (name, moment) in [("send_at", wire.send_at), ("expires_at", wire.expires_at)] {
        if moment.is_some_and(|moment| moment < Timestamp::UNIX_EPOCH) {
            return Err(Refusal::invalid(format!("`{name}` lies before 1970")));
        }
    }
    let furthest = wrapping.now + SignedDuration::from_hours(24 * limits::SEND_AT_DAYS);
    if wire.send_at.is_some_and(|send_at| send_at > furthest) {
        return Err(Refusal::invalid("`send_at` reaches at most a year ahead"));
    }
    wire.recipient.as_ref().map_or(Ok(()), recipient)
}

fn lane(wire: &Wire, wrapping: &Wrapping<'_>) -> Result<(), Refusal> {
    let lane = wrapping.lane;
    let channel = wire.channel.unwrap_or(lane.channel);
    let priority = wire.priority.unwrap_or(lane.priority);
    if (channel, priority) == (lane.channel, lane.priority) {
        return Ok(());
    }
    let detail = format!("the envelope says {channel}.{priority}, the routing key {lane}");
    Err(Refusal::new(Rejection::LaneMismatch, detail))
}

fn texts(wire: &Wire) -> Result<(), Refusal> {
    let source = wire.source.as_ref();
    for (name, value, most) in [
        (
            "idempotency_key",
            wire.idempotency_key.as_deref(),
            limits::IDEMPOTENCY_KEY_CHARS,
        ),
        ("category", wire.category.as_deref(), 100),
        ("provider", wire.provider.as_deref(), 50),
        ("to", wire.to.as_deref(), ADDRESS_CHARS),
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

fn recipient(fields: &RecipientFields) -> Result<(), Refusal> {
    text("recipient.email", fields.email.as_deref(), 255)?;
    text("recipient.username", fields.username.as_deref(), 100)?;
    text("recipient.locale", fields.locale.as_deref(), 35)?;
    if fields
        .email
        .as_deref()
        .is_some_and(|email| !is_email(email))
    {
        return Err(Refusal::invalid(
            "`recipient.email` is not an e-mail address",
        ));
    }
    if fields.phone.as_deref().is_some_and(|phone| !is_e164(phone)) {
        return Err(Refusal::invalid(
            "`recipient.phone` is not E.164, for example +4915112345678",
        ));
    }
    match &fields.timezone {
        Some(zone) if TimeZone::get(zone).is_err() => Err(Refusal::invalid(
            "`recipient.timezone` is not an IANA name, as Europe/Berlin is",
        )),
        _ => Ok(()),
    }
}
