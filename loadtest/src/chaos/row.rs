//! The rows of the kill matrix.

use std::fmt;
use std::str::FromStr;

/// A fault that the engine must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// SIGKILL of an engine.
    EngineKilled,
    /// SIGTERM of an engine.
    EngineTerminated,
    /// SIGKILL of an engine while publishers post to it.
    AcceptKilled,
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
    /// One of two engines dies; limits and caps hold.
    TwoNodes,
    /// One engine's clock jumps.
    Clock,
    /// Its connections go silent, and new ones work.
    DatabaseSwallows,
    /// The same with RabbitMQ.
    BrokerSwallows,
    /// It lives, and refuses to store outcomes.
    DatabaseRefuses,
    /// An engine loses its lease and lives.
    LeaseLost,
    /// The machine of one engine is gone, and nobody hears of it.
    PowerCut,
    /// One engine is cut off by the network, and comes back.
    CutOff,
    /// Accounts cannot send; a gateway accepts and says 504.
    AccountAnswers,
    /// One engine is of the next version.
    TwoVersions,
    /// A tenant has very many due.
    TenantMillion,
    /// SIGKILL of an engine while a webhook is told of everything.
    WebhooksKilled,
    /// SIGKILL of an engine, RabbitMQ and PostgreSQL killed, while a provider tells what became of its messages.
    EventsKilled,
    /// SIGKILL of an engine and of PostgreSQL, while other systems say what happens and workflows tell of it.
    FlowsKilled,
    /// SIGKILL of an engine, twice, and of PostgreSQL, while people ask the support desk and are answered.
    DeskKilled,
}

impl Row {
    /// All rows, in the order of the matrix.
    pub const ALL: [Self; 37] = [
        Self::EngineKilled,
        Self::EngineTerminated,
        Self::AcceptKilled,
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
        Self::DatabaseSwallows,
        Self::BrokerSwallows,
        Self::DatabaseRefuses,
        Self::LeaseLost,
        Self::PowerCut,
        Self::CutOff,
        Self::AccountAnswers,
        Self::TwoVersions,
        Self::TenantMillion,
        Self::WebhooksKilled,
        Self::EventsKilled,
        Self::FlowsKilled,
        Self::DeskKilled,
    ];

    /// The name for `--only`, and what happens, in words.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::EngineKilled => ("engine-killed", "SIGKILL of one engine"),
            Self::EngineTerminated => ("engine-terminated", "SIGTERM of one engine under load"),
            Self::AcceptKilled => (
                "accept-killed",
                "SIGKILL of one engine, three times, while publishers post by HTTP",
            ),
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
            Self::TwoNodes => ("two-nodes", "rate limit and caps of two engines, one dies"),
            Self::Clock => ("clock", "one engine's clock jumps"),
            Self::DatabaseSwallows => (
                "postgresql-swallows",
                "connections to PostgreSQL go silent, new ones work",
            ),
            Self::BrokerSwallows => (
                "rabbitmq-swallows",
                "connections to RabbitMQ go silent, new ones work",
            ),
            Self::DatabaseRefuses => (
                "postgresql-refuses",
                "PostgreSQL refuses outcomes: grants, I/O error, another language",
            ),
            Self::LeaseLost => ("lease-lost", "one engine's lease ends while it lives"),
            Self::PowerCut => ("power-cut", "one engine's machine loses its power"),
            Self::CutOff => ("cut-off", "one engine is cut off, lives on and comes back"),
            Self::AccountAnswers => (
                "account-answers",
                "accounts answer 404, 302, 401, 554; a gateway accepts and says 504",
            ),
            Self::TwoVersions => (
                "two-versions",
                "two versions of the program on one database",
            ),
            Self::TenantMillion => (
                "tenant-million",
                "one tenant's crowd is due in the database, ten of another",
            ),
            Self::WebhooksKilled => (
                "webhooks-killed",
                "SIGKILL of one engine while a webhook that fails at first is told of everything",
            ),
            Self::EventsKilled => (
                "events-killed",
                "SIGKILL of one engine, RabbitMQ and PostgreSQL killed, while a provider tells events",
            ),
            Self::FlowsKilled => (
                "flows-killed",
                "SIGKILL of one engine, twice, and PostgreSQL killed, while events start workflows",
            ),
            Self::DeskKilled => (
                "desk-killed",
                "SIGKILL of one engine, twice, and PostgreSQL killed, while tickets are made and answered",
            ),
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
    /// does: no checkpoint of the whole server succeeds, and none of it makes a database. A million rows
    /// keep it busy, and what is punctual then is to be measured.
    pub(super) const fn is_alone(self) -> bool {
        matches!(
            self,
            Self::BrokerKilled
                | Self::BrokerMemory
                | Self::DatabaseKilled
                | Self::DatabasePaused
                | Self::DatabaseFull
                | Self::TenantMillion
                | Self::EventsKilled
                | Self::FlowsKilled
                | Self::DeskKilled
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
