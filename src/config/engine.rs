//! Settings of the engine's own pace.

use std::time::Duration;

use super::reader::Reader;

/// How this node works.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Name of this node; the host's when none is set.
    pub node_name: String,
    /// Threads for database, broker and provider connections, and the most on which each channel
    /// renders; never 0.
    pub io_threads: usize,
    /// Longest that an orderly end may take.
    pub shutdown_deadline: Duration,
    /// Most notifications claimed in one transaction.
    pub claim_batch: usize,
    /// Longest wait for a batch of claims to fill.
    pub claim_linger: Duration,
    /// Most outcomes settled in one transaction.
    pub settle_batch: usize,
    /// Longest wait for a batch of outcomes to fill.
    pub settle_linger: Duration,
    /// How often the scheduler looks for what is due.
    pub scheduler_poll: Duration,
    /// How often providers, templates and categories are looked up for changes.
    pub reload_interval: Duration,
    /// Most people that are kept in memory.
    pub recipient_cache_size: usize,
    /// Longest that a person or a tenant's rules are believed in without a look.
    pub recipient_cache_ttl: Duration,
    /// How long a key is remembered.
    pub deduplication_window: Duration,
    /// Most people a second that a fan-out tells which says nothing of it.
    pub fan_out_rate: u32,
    /// How long this node goes on after it last said that it lives.
    pub lease: Duration,
    /// How often this node says that it lives; at most a third of the lease.
    pub heartbeat: Duration,
}

impl EngineConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let linger = || Duration::ZERO..=second;
        let lease = reader.duration("engine.lease", second..=second * 30);
        let heartbeat = reader.duration("engine.heartbeat", millisecond * 100..=second * 60);
        let io_threads = reader.integer("engine.io_threads", 0..=256, "threads, 0 = one a core");
        Self {
            node_name: node_name(reader),
            io_threads: match io_threads {
                0 => reader.sources().cores.max(1),
                threads => threads,
            },
            shutdown_deadline: reader.duration("engine.shutdown_deadline", second..=second * 3_600),
            claim_batch: reader.integer("engine.claim_batch", 1..=10_000, "notifications"),
            claim_linger: reader.duration("engine.claim_linger", linger()),
            settle_batch: reader.integer("engine.settle_batch", 1..=10_000, "notifications"),
            settle_linger: reader.duration("engine.settle_linger", linger()),
            scheduler_poll: reader
                .duration("engine.scheduler_poll", millisecond * 10..=second * 60),
            reload_interval: reader
                .duration("engine.reload_interval", millisecond * 50..=second * 300),
            recipient_cache_size: reader.integer(
                "engine.recipient_cache_size",
                1..=10_000_000,
                "people",
            ),
            recipient_cache_ttl: reader
                .duration("engine.recipient_cache_ttl", second..=second * 3_600),
            deduplication_window: reader.duration(
                "engine.deduplication_window",
                second * 60..=second * 2_592_000,
            ),
            fan_out_rate: reader.integer("engine.fan_out_rate", 1..=1_000_000, "people a second"),
            lease,
            heartbeat: heartbeat.min(lease / 3),
        }
    }
}

fn node_name(reader: &mut Reader<'_>) -> String {
    let name = reader.text("engine.node_name");
    if name.is_empty() {
        return reader.sources().hostname.clone();
    }
    if name.chars().count() > 255 || name.chars().any(char::is_control) {
        let allowed = "up to 255 characters on one line";
        return reader.refuse("engine.node_name", "is not a name", allowed);
    }
    name
}
