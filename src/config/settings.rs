//! All settings of a node.

use secrecy::ExposeSecret;

use super::mistake::{ConfigError, Mistake, SettingOrigin};
use super::reader::Reader;
use super::schema::variable_of;
use super::sources::Sources;
use super::tree::Tree;
use super::{
    Broker, ConsoleConfig, DatabaseConfig, EngineConfig, EventRetention, Http, Inbox, Lanes, Log,
    Providers, RetentionConfig, Retry, Secrets, Templates, TicketsConfig, Webhooks, policy,
};
use crate::domain::GlobalPolicy;

/// The validated settings. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// RabbitMQ.
    pub broker: Broker,
    /// The HTTP server.
    pub http: Http,
    /// Operators' pages.
    pub console: ConsoleConfig,
    /// Keys for stored credentials.
    pub secrets: Secrets,
    /// The engine's own pace.
    pub engine: EngineConfig,
    /// How much each lane may hold.
    pub lanes: Lanes,
    /// Rules that hold for everybody.
    pub policy: GlobalPolicy,
    /// What all provider accounts share.
    pub providers: Providers,
    /// Waits between passes over a route.
    pub retry: Retry,
    /// Limits of rendering.
    pub templates: Templates,
    /// How webhooks are sent.
    pub webhooks: Webhooks,
    /// People's inboxes.
    pub inbox: Inbox,
    /// How long events are kept.
    pub events: EventRetention,
    /// The support desk.
    pub tickets: TicketsConfig,
    /// How long notifications are kept.
    pub retention: RetentionConfig,
    /// The log.
    pub log: Log,
}

/// A setting without a useful default, that not every command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// `database.url`.
    Database,
    /// `broker.url`.
    Broker,
    /// `secrets.key`.
    Secrets,
}

impl Required {
    /// What `serve` needs.
    pub const ALL: &'static [Self] = &[Self::Database, Self::Broker, Self::Secrets];

    const fn key(self) -> &'static str {
        match self {
            Self::Database => "database.url",
            Self::Broker => "broker.url",
            Self::Secrets => "secrets.key",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Database => "postgres://user:password@host:port/database",
            Self::Broker => "amqp://user:password@host:port/vhost",
            Self::Secrets => "32 bytes in base64: openssl rand -base64 32",
        }
    }

    fn is_set(self, settings: &Settings) -> bool {
        match self {
            Self::Database => !settings.database.url.expose_secret().is_empty(),
            Self::Broker => settings.broker.url.is_given(),
            Self::Secrets => !settings.secrets.keys.is_empty(),
        }
    }
}

impl Settings {
    /// Reads and checks every setting; `required` ones must be given.
    ///
    /// # Errors
    /// Every wrong, unknown or missing setting at once.
    pub fn load(sources: &Sources, required: &[Required]) -> Result<Self, ConfigError> {
        let (entries, mistakes) = Tree::of(sources);
        let mut reader = Reader::new(&entries, sources, mistakes);
        let settings = Self::read(&mut reader);
        let mut mistakes = reader.into_mistakes();
        for required in required {
            let already = mistakes.iter().any(|mistake| mistake.key == required.key());
            if !required.is_set(&settings) && !already {
                mistakes.push(missing(*required));
            }
        }
        ConfigError::unless_none(mistakes).map(|()| settings)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            database: DatabaseConfig::read(reader),
            broker: Broker::read(reader),
            http: Http::read(reader),
            console: ConsoleConfig::read(reader),
            secrets: Secrets::read(reader),
            engine: EngineConfig::read(reader),
            lanes: Lanes::read(reader),
            policy: policy::read(reader),
            providers: Providers::read(reader),
            retry: Retry::read(reader),
            templates: Templates::read(reader),
            webhooks: Webhooks::read(reader),
            inbox: Inbox::read(reader),
            events: EventRetention::read(reader),
            tickets: TicketsConfig::read(reader),
            retention: RetentionConfig::read(reader),
            log: Log::read(reader),
        }
    }
}

fn missing(required: Required) -> Mistake {
    let key = required.key();
    let problem = format!("is required: set {}", variable_of(key));
    Mistake::new(SettingOrigin::Default, key, problem, required.example())
}

#[cfg(test)]
mod tests;
