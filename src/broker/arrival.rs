//! A message as it arrives from a lane.

use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::time::Instant;

use super::{Receipt, Refusal, Unreadable, envelope};
use crate::domain::Lane;
use crate::runtime::Permit;

/// A message from a lane, not yet decoded, with the right to acknowledge it.
#[derive(Debug)]
pub struct Arrival {
    /// The lane that it came through.
    pub lane: Lane,
    /// The body as published.
    pub body: Vec<u8>,
    /// The AMQP `message_id`.
    pub message_id: Option<String>,
    /// Why its body is not read, if its properties say so.
    pub refusal: Option<Refusal>,
    /// Its properties, byte by byte, where they could not be read.
    pub properties: Option<Vec<u8>>,
    /// The publisher's W3C trace context.
    pub traceparent: Option<String>,
    /// When the publisher says it was published.
    pub published_at: Option<Timestamp>,
    /// The latest moment at which it can have been published by that: the property `timestamp`
    /// counts whole seconds.
    pub published_by: Option<Timestamp>,
    /// How often it was delivered before, as far as the broker tells.
    pub deliveries_before: u64,
    /// When it arrived here.
    pub arrived: Instant,
    /// Whether it was looked at before, and waited for another one.
    pub is_again: bool,
    /// The right to acknowledge it.
    pub receipt: Receipt,
    /// The lane's permit that it occupies.
    pub permit: Permit,
}

/// What a message's properties say.
#[derive(Debug)]
pub(super) struct SaidProperties {
    pub(super) message_id: Option<String>,
    pub(super) refusal: Option<Refusal>,
    pub(super) properties: Option<Vec<u8>>,
    pub(super) traceparent: Option<String>,
    pub(super) published_at: Option<Timestamp>,
    pub(super) published_by: Option<Timestamp>,
    /// As far as the broker tells.
    pub(super) deliveries_before: Option<u64>,
}

impl SaidProperties {
    pub(super) fn of(properties: &BasicProperties) -> Self {
        let headers = properties.headers().as_ref();
        let published = published_at(properties, headers);
        let plain = |text: &Option<ShortString>| {
            let text = text.as_ref().map(|text| text.as_str().to_owned());
            text.filter(|text| !text.is_empty())
        };
        let content_type = properties.content_type().as_ref();
        let content_encoding = properties.content_encoding().as_ref();
        let unreadable = headers.and_then(Unreadable::of);
        let refusal = unreadable.as_ref().map(Unreadable::refusal).or_else(|| {
            envelope::refusal(
                content_type.map(ShortString::as_str),
                content_encoding.map(ShortString::as_str),
            )
        });
        Self {
            message_id: plain(properties.message_id()),
            refusal,
            properties: unreadable.map(|unreadable| unreadable.properties),
            traceparent: headers.and_then(|headers| text(headers, "traceparent")),
            published_at: published.map(|(from, _)| from),
            published_by: published.map(|(_, by)| by),
            deliveries_before: headers
                .and_then(|headers| integer(headers, "x-delivery-count"))
                .and_then(|count| u64::try_from(count).ok()),
        }
    }
}

impl Arrival {
    pub(super) fn new(
        lane: Lane,
        delivery: Delivery,
        arrived: Instant,
        receipt: Receipt,
        permit: Permit,
    ) -> Self {
        let said = SaidProperties::of(&delivery.properties);
        Self {
            lane,
            refusal: said.refusal,
            properties: said.properties,
            message_id: said.message_id,
            traceparent: said.traceparent,
            published_at: said.published_at,
            published_by: said.published_by,
            deliveries_before: deliveries_before(delivery.redelivered, said.deliveries_before),
            body: delivery.data,
            arrived,
            is_again: false,
            receipt,
            permit,
        }
    }
}

/// How often it was delivered before. RabbitMQ counts in a header from the second delivery on; at the first a
/// header of this name is the publisher's, who may have copied it.
fn deliveries_before(redelivered: bool, counted: Option<u64>) -> u64 {
    match redelivered {
        true => counted.unwrap_or(1).max(1),
        false => 0,
    }
}

/// Between which moments it was published. The property counts whole seconds; RabbitMQ's timestamp
/// plug-in and careful publishers add the header `timestamp_in_ms`.
fn published_at(
    properties: &BasicProperties,
    headers: Option<&FieldTable>,
) -> Option<(Timestamp, Timestamp)> {
    let precise = headers.and_then(|headers| integer(headers, "timestamp_in_ms"));
    match precise {
        Some(ms) => {
            let at = Timestamp::from_millisecond(ms).ok()?;
            Some((at, at))
        }
        None => {
            let seconds = i64::try_from((*properties.timestamp())?).ok()?;
            let from = Timestamp::from_second(seconds).ok()?;
            let by = from.checked_add(SignedDuration::from_millis(999)).ok()?;
            Some((from, by))
        }
    }
}

fn text(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn integer(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::ShortShortInt(n) => Some(i64::from(*n)),
        AMQPValue::ShortShortUInt(n) => Some(i64::from(*n)),
        AMQPValue::ShortInt(n) => Some(i64::from(*n)),
        AMQPValue::ShortUInt(n) => Some(i64::from(*n)),
        AMQPValue::LongInt(n) => Some(i64::from(*n)),
        AMQPValue::LongUInt(n) => Some(i64::from(*n)),
        AMQPValue::LongLongInt(n) => Some(*n),
        AMQPValue::Timestamp(n) => i64::try_from(*n).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_the_publisher_copied_does_not_count() {
        for (redelivered, counted, wanted) in [
            (false, None, 0),
            (false, Some(10), 0),
            (true, None, 1),
            (true, Some(0), 1),
            (true, Some(3), 3),
        ] {
            let before = deliveries_before(redelivered, counted);
            assert_eq!(before, wanted, "{redelivered} {counted:?}");
        }
    }
}
