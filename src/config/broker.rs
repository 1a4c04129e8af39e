//! Settings of the RabbitMQ connection and of what is taken from it.

use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use crate::domain::{Channel, Lane, Priority};

/// Where RabbitMQ is and how it is used.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`.
    pub url: SecretString,
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
}

impl Broker {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let wait = || Duration::from_millis(100)..=Duration::from_secs(300);
        let pulse = Duration::from_secs(1)..=Duration::from_secs(300);
        let (reconnect_min, reconnect_max) = reconnects(reader);
        Self {
            url: reader.secret_url(
                "broker.url",
                &["amqp"],
                "amqp://user:password@host:port/vhost",
            ),
            connect_timeout: reader.duration("broker.connect_timeout", wait()),
            heartbeat: reader.duration("broker.heartbeat", pulse),
            reconnect_min,
            reconnect_max,
            operation_timeout: reader.duration("broker.operation_timeout", wait()),
            lanes: lanes(reader),
            max_body_bytes: reader.integer("broker.max_body_bytes", 1_024..=16_777_216, "bytes"),
            delivery_limit: reader.integer("broker.delivery_limit", 3..=1_000, "returns"),
        }
    }
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
