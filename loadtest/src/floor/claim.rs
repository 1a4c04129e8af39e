//! Claiming: what may be sent, decided by the database.

use std::collections::HashSet;
use std::rc::Rc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::column::Column;
use super::envelope::{Door, TENANT};
use super::error::FloorError;
use super::job::{Arrival, Job, Receipt};
use super::sql;
use super::state::State;

/// The floor has no run of its own among the engine's nodes.
pub(super) const OWNER: i32 = 0;

/// Opens a connection that looks where the engine's tables are.
pub(super) async fn connect(url: &str) -> Result<Client, FloorError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // What fails here fails the statement that waits for it.
    tokio::task::spawn_local(connection);
    client
        .batch_execute("SET search_path TO notification_schema")
        .await?;
    Ok(client)
}

/// Claims batch after batch.
pub(super) struct Claimer {
    state: Rc<State>,
    client: Client,
    claim: Statement,
    keys: Column,
    ids: Column,
    tenants: Column,
    channels: Column,
}

impl Claimer {
    pub(super) async fn connect(state: &Rc<State>) -> Result<Self, FloorError> {
        let client = connect(&state.settings.database).await?;
        let claim = client.prepare(sql::CLAIM).await?;
        Ok(Self {
            state: Rc::clone(state),
            client,
            claim,
            keys: Column::of(Type::BYTEA),
            ids: Column::of(Type::UUID),
            tenants: Column::of(Type::UUID),
            channels: Column::of(Type::TEXT),
        })
    }

    pub(super) async fn run(mut self) -> Result<(), FloorError> {
        let mut spare = Vec::new();
        loop {
            let mut batch = self.state.arrivals.take(spare).await;
            while !batch.is_empty() {
                // The first of many must not wait until the last are claimed.
                let size = batch.len().min(self.state.settings.batch);
                self.claim(batch.drain(..size)).await?;
            }
            spare = batch;
        }
    }

    async fn claim(&mut self, batch: impl Iterator<Item = Arrival>) -> Result<(), FloorError> {
        let (jobs, repeated) = self.fill(batch)?;
        let claimed = self.claimed(jobs.len()).await?;
        let (new, taken): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| {
            claimed
                .as_ref()
                .is_none_or(|claimed| claimed.contains(&job.key))
        });
        self.state.count(|summary| summary.claims += 1);
        for job in new {
            self.state.jobs.borrow_mut().push_back(job);
            self.state.job_waits.notify_one();
        }
        let taken = taken.into_iter().map(|job| job.arrival.receipt);
        self.give_up(taken.chain(repeated)).await
    }

    /// Puts the batch into the statement's columns. A statement cannot claim a key twice: what is in
    /// the batch again comes back apart.
    fn fill(
        &mut self,
        batch: impl Iterator<Item = Arrival>,
    ) -> Result<(Vec<Job>, Vec<Receipt>), FloorError> {
        for column in [
            &mut self.keys,
            &mut self.ids,
            &mut self.tenants,
            &mut self.channels,
        ] {
            column.clear();
        }
        let enough = self.state.settings.batch;
        let mut seen = HashSet::with_capacity(enough);
        let mut jobs = Vec::with_capacity(enough);
        let mut repeated = Vec::new();
        for arrival in batch {
            let door = Door::read(&arrival.body)?;
            let key = door.key();
            if !seen.insert(key) {
                repeated.push(arrival.receipt);
                continue;
            }
            let id = Uuid::now_v7();
            self.keys.bytes(&key);
            self.ids.uuid(id);
            self.tenants.uuid(TENANT);
            self.channels.text(door.channel);
            jobs.push(Job { id, key, arrival });
        }
        Ok((jobs, repeated))
    }

    /// The keys that are ours, or `None` when all are.
    async fn claimed(&self, asked: usize) -> Result<Option<HashSet<[u8; 32]>>, FloorError> {
        let rows = self
            .client
            .query(
                &self.claim,
                &[&self.keys, &self.ids, &self.tenants, &self.channels, &OWNER],
            )
            .await?;
        if rows.len() == asked {
            return Ok(None);
        }
        let keys = rows.iter().map(|row| {
            let key: &[u8] = row.try_get(0)?;
            Ok(key.try_into().unwrap_or_default())
        });
        let keys: Result<HashSet<[u8; 32]>, tokio_postgres::Error> = keys.collect();
        Ok(Some(keys?))
    }

    /// Acknowledges what is not ours to send.
    async fn give_up(&self, receipts: impl Iterator<Item = Receipt>) -> Result<(), FloorError> {
        let receipts: Vec<Receipt> = receipts.collect();
        self.state
            .count(|summary| summary.duplicates += receipts.len() as u64);
        self.state.acknowledge(&receipts).await
    }
}
