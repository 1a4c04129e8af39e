//! The rows of the kill matrix.

use std::fmt;
use std::str::FromStr;

/// A fault that the engine must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// SIGKILL of the engine.
    EngineKilled,
    /// SIGTERM of the engine.
    EngineTerminated,
    /// RabbitMQ killed and started.
    BrokerKilled,
    /// Its connections closed.
    BrokerCut,
    /// A consumer cancelled.
    BrokerCancelled,
    /// Its memory alarm.
    BrokerMemory,
    /// PostgreSQL killed and started.
    DatabaseKilled,
    /// Its connections terminated.
    DatabaseTerminated,
    /// It stands still.
    DatabasePaused,
    /// Its disk is full.
    DatabaseFull,
    /// A panic in each actor and each unit of work.
    Panics,
    /// A provider answers 500.
    Provider500,
    /// It answers 429 without `Retry-After`.
    Provider429,
    /// It answers 429 with it.
    ProviderRetryAfter,
    /// It never answers.
    ProviderHangs,
    /// It resets connections.
    ProviderResets,
    /// It accepts, and its answers are lost.
    ProviderDrops,
    /// It answers garbage.
    ProviderGarbage,
    /// It answers byte by byte.
    ProviderSlow,
    /// It answers with 100 MB.
    ProviderHuge,
    /// Messages that cannot be accepted, or that hurt.
    Poison,
    /// Two engines, of which one dies.
    TwoNodes,
    /// The engine's clock jumps.
    Clock,
}

impl Row {
    /// All rows, in the order of the matrix.
    pub const ALL: [Self; 23] = [
        Self::EngineKilled,
        Self::EngineTerminated,
        Self::BrokerKilled,
        Self::BrokerCut,
        Self::BrokerCancelled,
        Self::BrokerMemory,
        Self::DatabaseKilled,
        Self::DatabaseTerminated,
        Self::DatabasePaused,
        Self::DatabaseFull,
        Self::Panics,
        Self::Provider500,
        Self::Provider429,
        Self::ProviderRetryAfter,
        Self::ProviderHangs,
        Self::ProviderResets,
        Self::ProviderDrops,
        Self::ProviderGarbage,
        Self::ProviderSlow,
        Self::ProviderHuge,
        Self::Poison,
        Self::TwoNodes,
        Self::Clock,
    ];

    /// The name for `--only`, and what happens, in words.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::EngineKilled => ("engine-killed", "SIGKILL of the engine"),
            Self::EngineTerminated => ("engine-terminated", "SIGTERM under load"),
            Self::BrokerKilled => ("rabbitmq-killed", "RabbitMQ killed and started"),
            Self::BrokerCut => (
                "rabbitmq-cut",
                "connections to RabbitMQ closed, three times",
            ),
            Self::BrokerCancelled => ("rabbitmq-cancelled", "a consumer cancelled by RabbitMQ"),
            Self::BrokerMemory => ("rabbitmq-memory", "memory alarm of RabbitMQ"),
            Self::DatabaseKilled => ("postgresql-killed", "PostgreSQL killed and started"),
            Self::DatabaseTerminated => (
                "postgresql-terminated",
                "connections to PostgreSQL terminated, three times",
            ),
            Self::DatabasePaused => ("postgresql-paused", "PostgreSQL stands still"),
            Self::DatabaseFull => ("postgresql-full", "PostgreSQL's disk full"),
            Self::Panics => ("panics", "a panic in each actor and each unit of work"),
            Self::Provider500 => ("provider-500", "providers answer 500"),
            Self::Provider429 => ("provider-429", "providers answer 429 without Retry-After"),
            Self::ProviderRetryAfter => (
                "provider-retry-after",
                "providers answer 429 with Retry-After",
            ),
            Self::ProviderHangs => ("provider-hangs", "providers never answer"),
            Self::ProviderResets => ("provider-resets", "providers reset connections"),
            Self::ProviderDrops => (
                "provider-drops",
                "providers accept, and the answers are lost",
            ),
            Self::ProviderGarbage => ("provider-garbage", "providers answer garbage"),
            Self::ProviderSlow => ("provider-slow", "providers answer byte by byte"),
            Self::ProviderHuge => ("provider-huge", "providers answer with 100 MB"),
            Self::Poison => ("poison", "messages that cannot be accepted, or that hurt"),
            Self::TwoNodes => ("two-nodes", "two engines, one dies"),
            Self::Clock => ("clock", "the engine's clock jumps"),
        }
    }

    /// The name for `--only`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// What happens, in words.
    #[must_use]
    pub const fn fault(self) -> &'static str {
        self.words().1
    }

    /// Whether it hits a whole server, so that no other round may be played meanwhile. A full disk
    /// does: no checkpoint of the whole server succeeds, and none of it makes a database.
    pub(super) const fn is_alone(self) -> bool {
        matches!(
            self,
            Self::BrokerKilled
                | Self::BrokerMemory
                | Self::DatabaseKilled
                | Self::DatabasePaused
                | Self::DatabaseFull
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|row| row.name() == name)
            .ok_or_else(|| format!("there is no row {name:?}: see --list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_own_name() {
        for row in Row::ALL {
            assert_eq!(row.name().parse(), Ok(row));
            assert!(!row.fault().is_empty());
        }
        assert!("nothing".parse::<Row>().unwrap_err().contains("--list"));
    }
}
