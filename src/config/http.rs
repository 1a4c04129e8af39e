//! Settings of the HTTP server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::Url;

use super::reader::Reader;
use super::tls;
use crate::domain::{KeyRate, Network};
use crate::tls::Files;

/// Where the API listens, and how much it takes of whom.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where probes and metrics are, if not there.
    pub metrics_bind: Option<SocketAddr>,
    /// Threads that answer.
    pub workers: usize,
    /// How others reach the API.
    pub public_url: Option<Url>,
    /// Whether mail clients are told of links to unsubscribe by although they are not HTTPS.
    pub one_click_without_tls: bool,
    /// Our certificate and its key, if we speak TLS.
    pub tls: Files,
    /// Proxies whose word about whom they pass on is taken.
    pub trusted_proxies: Vec<Network>,
    /// Pages of other origins that may ask.
    pub cors_origins: Vec<String>,
    /// Addresses that test messages may be sent to.
    pub test_addresses: Vec<String>,
    /// Longest time that the head of a request may take.
    pub head_timeout: Duration,
    /// Longest time from the head to the end of the body.
    pub body_timeout: Duration,
    /// Longest time that an answer may wait for a client that reads nothing of it.
    pub write_timeout: Duration,
    /// How long a connection is kept on which nothing is asked.
    pub keep_alive: Duration,
    /// Most connections.
    pub connections: usize,
    /// Most connections from one address; 0 is as many as there may be.
    pub connections_per_address: usize,
    /// How fast a key may ask whose row does not say; `None` is without a limit.
    pub key_rate: Option<KeyRate>,
    /// What a key may ask at once, as the time in which that much comes.
    pub key_burst: Duration,
    /// Requests of a person in a minute, on each node; 0 is without a limit.
    pub person_rate: u32,
    /// Most keys that open nothing, from one address in a minute; 0 is without a limit.
    pub failed_keys: u32,
}

impl Http {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let key_burst = reader.duration(
            "http.key_burst",
            Duration::from_millis(100)..=Duration::from_secs(3_600),
        );
        let per_second: u32 = reader.integer("http.key_rate", 0..=1_000_000, "requests a second");
        Self {
            bind: address(reader, "http.bind").unwrap_or(NOWHERE),
            metrics_bind: optional_address(reader),
            workers: reader.integer("http.workers", 1..=64, "threads"),
            public_url: public_url(reader),
            one_click_without_tls: reader.flag("http.one_click_without_tls"),
            tls: tls::listener(reader),
            trusted_proxies: super::networks::read(reader, "http.trusted_proxies"),
            cors_origins: origins(reader),
            test_addresses: test_addresses(reader),
            head_timeout: reader.duration("http.head_timeout", seconds(1, 300)),
            body_timeout: reader.duration("http.body_timeout", seconds(1, 3_600)),
            write_timeout: reader.duration("http.write_timeout", seconds(1, 3_600)),
            keep_alive: reader.duration("http.keep_alive", seconds(1, 3_600)),
            connections: reader.integer("http.connections", 1..=1_000_000, "connections"),
            connections_per_address: reader.integer(
                "http.connections_per_address",
                0..=1_000_000,
                "connections",
            ),
            key_rate: (per_second > 0).then(|| KeyRate::new(per_second, key_burst)),
            key_burst,
            person_rate: reader.integer("http.person_rate", 0..=1_000_000, "requests a minute"),
            failed_keys: reader.integer("http.failed_keys", 0..=1_000_000, "keys a minute"),
        }
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const ADDRESS: &str = "an IP address and a port, for example 127.0.0.1:8080 or [::]:8080";

const fn seconds(least: u64, most: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_secs(least)..=Duration::from_secs(most)
}

fn address(reader: &mut Reader<'_>, key: &str) -> Option<SocketAddr> {
    reader.parsed(key, ADDRESS, |text| text.parse().ok().map(Some))
}

fn optional_address(reader: &mut Reader<'_>) -> Option<SocketAddr> {
    let key = "http.metrics_bind";
    if reader.text(key).is_empty() {
        return None;
    }
    address(reader, key)
}

fn public_url(reader: &mut Reader<'_>) -> Option<Url> {
    let allowed = "an address without query, for example https://herald.example.com";
    reader.parsed("http.public_url", allowed, |text| {
        if text.is_empty() {
            return Some(None);
        }
        let url = Url::parse(text).ok()?;
        let good = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        good.then_some(Some(url))
    })
}

/// Addresses of any channel, each as one text.
fn test_addresses(reader: &mut Reader<'_>) -> Vec<String> {
    let words = reader.words("http.test_addresses").into_iter();
    let words = words.map(|word| word.trim().to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// Origins as browsers write them: scheme, host and a port that is not the usual one.
fn origins(reader: &mut Reader<'_>) -> Vec<String> {
    let key = "http.cors_origins";
    let mut origins = vec![];
    for word in reader.words(key) {
        let url = Url::parse(&word).ok();
        let origin = url.map(|url| url.origin().ascii_serialization());
        if origin.as_deref() == Some(word.as_str()) && word.starts_with("http") {
            origins.push(word);
            continue;
        }
        let allowed = "origins as browsers write them, for example [\"https://desk.example.com\"]";
        let () = reader.refuse(key, format!("\"{word}\" is no origin"), allowed);
    }
    origins
}
