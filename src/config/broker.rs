//! Settings of the RabbitMQ connection and of what is taken from it.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::amqp_url::{self, AmqpLogin, AmqpUrl};
use super::reader::Reader;
use super::tls;
use crate::domain::{Channel, Lane, Priority};
use crate::tls::Files;

/// Where RabbitMQ is and how it is used.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`.
    pub url: AmqpUrl,
    /// Whom to trust and who we are, with `amqps`.
    pub tls: Files,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Heartbeat asked for; a silent broker is noticed after twice that.
    pub heartbeat: Duration,
    /// Shortest wait before a new connection.
    pub reconnect_min: Duration,
    /// Longest wait before a new connection.
    pub reconnect_max: Duration,
    /// Longest wait for the answer to one operation.
    pub operation_timeout: Duration,
    /// The lanes that this node consumes, in the order of [`Lane::all`].
    pub lanes: Vec<Lane>,
    /// Largest message accepted, in bytes.
    pub max_body_bytes: usize,
    /// Returns after which the broker sets a message aside.
    pub delivery_limit: u32,
    /// Whether what happens to notifications is published.
    pub publish_status: bool,
}

impl Broker {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let wait = || Duration::from_millis(100)..=Duration::from_secs(300);
        let pulse = Duration::from_secs(1)..=Duration::from_secs(300);
        let connect_timeout = reader.duration("broker.connect_timeout", wait());
        let heartbeat = reader.duration("broker.heartbeat", pulse);
        let (reconnect_min, reconnect_max) = reconnects(reader);
        let (url, lanes) = (url(reader), lanes(reader));
        let tls = tls::read(reader, "broker");
        agree(reader, &url, &tls, lanes.len());
        Self {
            connect_timeout: url
                .connection_timeout
                .map_or(connect_timeout, |ms| Duration::from_millis(ms.into())),
            heartbeat: url
                .heartbeat
                .map_or(heartbeat, |seconds| Duration::from_secs(seconds.into())),
            url,
            tls,
            reconnect_min,
            reconnect_max,
            operation_timeout: reader.duration("broker.operation_timeout", wait()),
            lanes,
            max_body_bytes: reader.integer("broker.max_body_bytes", 1_024..=16_777_216, "bytes"),
            delivery_limit: reader.integer("broker.delivery_limit", 3..=1_000, "returns"),
            publish_status: reader.flag("broker.publish_status"),
        }
    }
}

fn url(reader: &mut Reader<'_>) -> AmqpUrl {
    let url = reader.secret("broker.url");
    match AmqpUrl::parse(url.expose_secret()) {
        Ok(url) => url,
        Err(problem) => reader.refuse("broker.url", problem, amqp_url::FORM),
    }
}

/// Refuses what contradicts itself.
fn agree(reader: &mut Reader<'_>, url: &AmqpUrl, tls: &Files, lanes: usize) {
    if url.is_given() && !url.is_secured {
        tls::refuse_unused(
            reader,
            tls,
            "an amqps:// URL in broker.url, or no such file",
        );
    }
    if url.login == Some(AmqpLogin::Certificate) && !tls.has_identity() {
        let problem = "asks to log in by certificate, and none is given";
        let allowed = "broker.cert_file and broker.key_file beside it";
        let () = reader.refuse("broker.url", problem, allowed);
    }
    let needed = channels_needed(lanes);
    if let Some(most) = url.channel_max.filter(|most| usize::from(*most) < needed) {
        let problem = format!("allows {most} channels, and {lanes} lanes need {needed}");
        let allowed = format!("a channel_max of {needed} or more, or fewer lanes in broker.lanes");
        let () = reader.refuse("broker.url", problem, allowed);
    }
}

/// Channels that a connection which consumes so many lanes has at most: one for each, and one on which
/// queues are declared, one after the other.
#[must_use]
pub const fn channels_needed(lanes: usize) -> usize {
    lanes + 1
}

fn reconnects(reader: &mut Reader<'_>) -> (Duration, Duration) {
    let first = Duration::from_millis(1)..=Duration::from_secs(60);
    let last = Duration::from_millis(1)..=Duration::from_secs(600);
    let min = reader.duration("broker.reconnect_min", first);
    let max = reader.duration("broker.reconnect_max", last);
    if max < min && !max.is_zero() {
        let problem = "is shorter than broker.reconnect_min";
        let () = reader.refuse("broker.reconnect_max", problem, "reconnect_min or longer");
    }
    (min, max)
}

fn lanes(reader: &mut Reader<'_>) -> Vec<Lane> {
    let globs = reader.words("broker.lanes");
    let allowed = allowed_lanes();
    for glob in &globs {
        if !Lane::all().any(|lane| matches(glob, lane)) {
            let () = reader.refuse(
                "broker.lanes",
                format!("\"{glob}\" names no lane"),
                &*allowed,
            );
        }
    }
    if globs.is_empty() {
        let () = reader.refuse("broker.lanes", "names no lane", &*allowed);
    }
    Lane::all()
        .filter(|lane| globs.iter().any(|glob| matches(glob, *lane)))
        .collect()
}

fn matches(glob: &str, lane: Lane) -> bool {
    let fits = |pattern: &str, word: &str| pattern == "*" || pattern == word;
    glob.split_once('.').is_some_and(|(channel, priority)| {
        fits(channel, lane.channel.as_str()) && fits(priority, lane.priority.as_str())
    })
}

fn allowed_lanes() -> String {
    let channels: Vec<_> = Channel::ALL.iter().map(|c| c.as_str()).collect();
    let priorities: Vec<_> = Priority::ALL.iter().map(|p| p.as_str()).collect();
    format!(
        "\"channel.priority\" with a channel of {}, a priority of {}, or * for either",
        channels.join(", "),
        priorities.join(", ")
    )
}
