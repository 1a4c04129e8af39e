//! The faults themselves, one function a row.

mod accepting;
mod accounts;
mod broker;
mod clock;
mod crowd;
mod database;
mod desk;
mod disk;
mod engine;
mod events;
mod flows;
mod lease;
mod limits;
mod network;
mod panics;
mod poison;
mod providers;
mod refusals;
mod status;
mod versions;
mod webhooks;

use anyhow::Result;
use rand::rngs::SmallRng;

use super::environment::{Environment, Programs};
use super::finding::Finding;
use super::round::{By, Round, Scale, unhurried};
use super::row::Row;
use super::seed::Special;
use super::servers::Servers;
use crate::simulator::Fault;

/// What a round is played with.
pub(super) struct Spec<'a> {
    pub(super) servers: &'a Servers,
    pub(super) programs: &'a Programs,
    pub(super) name: String,
    pub(super) scale: Scale,
    pub(super) dice: SmallRng,
}

impl<'a> Spec<'a> {
    async fn environment(&self, special: Special<'_>) -> Result<Environment> {
        Environment::build(self.servers, self.programs, &self.name, &special).await
    }

    /// Two engines under load on an ordinary environment.
    async fn round(self) -> Result<Round<'a>> {
        let environment = self.environment(ordinary()).await?;
        self.round_on(environment).await
    }

    async fn round_on(self, environment: Environment) -> Result<Round<'a>> {
        Round::begin(self.servers, environment, self.dice, self.scale, By::Broker).await
    }
}

fn ordinary<'a>() -> Special<'a> {
    Special {
        behaviour: unhurried(),
        ..Special::default()
    }
}

/// Plays one round of a row.
pub(super) async fn play(row: Row, spec: Spec<'_>) -> Result<Finding> {
    match row {
        Row::EngineKilled => engine::killed(spec).await,
        Row::EngineTerminated => engine::terminated(spec).await,
        Row::AcceptKilled => accepting::killed(spec).await,
        Row::TwoNodes => engine::one_of_two(spec).await,
        Row::BrokerKilled => broker::killed(spec).await,
        Row::BrokerCut => broker::cut(spec).await,
        Row::BrokerCancelled => broker::cancelled(spec).await,
        Row::BrokerMemory => broker::out_of_memory(spec).await,
        Row::DatabaseKilled => database::killed(spec).await,
        Row::DatabaseTerminated => database::terminated(spec).await,
        Row::DatabasePaused => database::paused(spec).await,
        Row::DatabaseFull => database::full(spec).await,
        Row::Panics => panics::everywhere(spec).await,
        Row::Provider500 => providers::fail(spec, providers::status(500, None)).await,
        Row::Provider429 => providers::fail(spec, providers::status(429, None)).await,
        Row::ProviderRetryAfter => providers::fail(spec, providers::status(429, Some(1))).await,
        Row::ProviderHangs => providers::fail(spec, Fault::Hang).await,
        Row::ProviderResets => providers::fail(spec, Fault::Reset).await,
        Row::ProviderDrops => providers::fail(spec, Fault::DropAnswer).await,
        Row::ProviderGarbage => providers::fail(spec, Fault::Garbage { bytes: 256 }).await,
        Row::ProviderSlow => providers::fail(spec, Fault::Dribble { every_ms: 3 }).await,
        Row::ProviderHuge => {
            let bytes = 100_000_000;
            providers::fail(spec, Fault::HugeBody { bytes }).await
        }
        Row::Poison => poison::published(spec).await,
        Row::Clock => clock::jumps(spec).await,
        Row::DatabaseSwallows => network::swallows_of_database(spec).await,
        Row::BrokerSwallows => network::swallows_of_broker(spec).await,
        Row::DatabaseRefuses => refusals::outcomes(spec).await,
        Row::LeaseLost => lease::lost(spec).await,
        Row::PowerCut => network::power_cut(spec).await,
        Row::CutOff => network::cut_off(spec).await,
        Row::AccountAnswers => accounts::refuse(spec).await,
        Row::TwoVersions => versions::two(spec).await,
        Row::TenantMillion => crowd::waits(spec).await,
        Row::WebhooksKilled => webhooks::killed(spec).await,
        Row::EventsKilled => events::killed(spec).await,
        Row::FlowsKilled => flows::killed(spec).await,
        Row::DeskKilled => desk::killed(spec).await,
    }
}
