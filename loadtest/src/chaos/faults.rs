//! The faults themselves, one function a row.

mod accounts;
mod broker;
mod clock;
mod crowd;
mod database;
mod disk;
mod engine;
mod lease;
mod limits;
mod network;
mod panics;
mod poison;
mod providers;
mod refusals;
mod versions;

use std::sync::Arc;

use anyhow::Result;
use rand::rngs::SmallRng;

use super::finding::Finding;
use super::play::{Play, Scale, unhurried};
use super::row::Row;
use super::scene::{Programs, Scene, Wishes};
use super::servers::Servers;
use crate::simulator::Fault;

/// What a round is played on.
pub(super) struct Ground<'a> {
    pub(super) servers: &'a Servers,
    pub(super) programs: &'a Arc<Programs>,
    pub(super) name: String,
    pub(super) scale: Scale,
    pub(super) dice: SmallRng,
}

impl<'a> Ground<'a> {
    async fn scene(&self, wishes: Wishes<'_>) -> Result<Scene> {
        Scene::build(self.servers, self.programs, &self.name, &wishes).await
    }

    /// Two engines under load on an ordinary scene.
    async fn play(self) -> Result<Play<'a>> {
        let scene = self.scene(ordinary()).await?;
        self.play_on(scene).await
    }

    async fn play_on(self, scene: Scene) -> Result<Play<'a>> {
        Play::begin(self.servers, scene, self.dice, self.scale).await
    }
}

fn ordinary<'a>() -> Wishes<'a> {
    Wishes {
        behaviour: unhurried(),
        ..Wishes::default()
    }
}

/// Plays one round of a row.
pub(super) async fn play(row: Row, ground: Ground<'_>) -> Result<Finding> {
    match row {
        Row::EngineKilled => engine::killed(ground).await,
        Row::EngineTerminated => engine::terminated(ground).await,
        Row::TwoNodes => engine::one_of_two(ground).await,
        Row::BrokerKilled => broker::killed(ground).await,
        Row::BrokerCut => broker::cut(ground).await,
        Row::BrokerCancelled => broker::cancelled(ground).await,
        Row::BrokerMemory => broker::out_of_memory(ground).await,
        Row::DatabaseKilled => database::killed(ground).await,
        Row::DatabaseTerminated => database::terminated(ground).await,
        Row::DatabasePaused => database::paused(ground).await,
        Row::DatabaseFull => database::full(ground).await,
        Row::Panics => panics::everywhere(ground).await,
        Row::Provider500 => providers::fail(ground, providers::status(500, None)).await,
        Row::Provider429 => providers::fail(ground, providers::status(429, None)).await,
        Row::ProviderRetryAfter => providers::fail(ground, providers::status(429, Some(1))).await,
        Row::ProviderHangs => providers::fail(ground, Fault::Hang).await,
        Row::ProviderResets => providers::fail(ground, Fault::Reset).await,
        Row::ProviderDrops => providers::fail(ground, Fault::DropAnswer).await,
        Row::ProviderGarbage => providers::fail(ground, Fault::Garbage { bytes: 256 }).await,
        Row::ProviderSlow => providers::fail(ground, Fault::Dribble { every_ms: 3 }).await,
        Row::ProviderHuge => {
            let bytes = 100_000_000;
            providers::fail(ground, Fault::HugeBody { bytes }).await
        }
        Row::Poison => poison::published(ground).await,
        Row::Clock => clock::jumps(ground).await,
        Row::DatabaseSwallows => network::swallows_of_database(ground).await,
        Row::BrokerSwallows => network::swallows_of_broker(ground).await,
        Row::DatabaseRefuses => refusals::outcomes(ground).await,
        Row::LeaseLost => lease::lost(ground).await,
        Row::PowerCut => network::power_cut(ground).await,
        Row::CutOff => network::cut_off(ground).await,
        Row::AccountAnswers => accounts::refuse(ground).await,
        Row::TwoVersions => versions::two(ground).await,
        Row::TenantMillion => crowd::waits(ground).await,
    }
}
