//! What the parts of the loop share. Everything runs on one thread, so that nothing needs a lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::acks::AckChannel;
use super::batch::Gathering;
use super::error::FloorError;
use super::job::{Arrival, Job, Receipt};
use super::rows::Rows;
use super::{Settings, Summary};

pub(super) struct State {
    pub(super) settings: Settings,
    /// Arrived, not claimed.
    pub(super) arrivals: Gathering<Vec<Arrival>>,
    /// Claimed, not posted.
    pub(super) jobs: RefCell<VecDeque<Job>>,
    /// Somebody may take a job.
    pub(super) job_waits: Notify,
    /// Posted, not settled.
    pub(super) outcomes: Gathering<Rows>,
    /// Arrived and not acknowledged.
    pub(super) in_hand: Cell<u64>,
    pub(super) last_arrival: Cell<Instant>,
    /// No more messages are taken.
    pub(super) ending: Cell<bool>,
    pub(super) summary: Cell<Summary>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            arrivals: Gathering::new(Vec::new(), &settings),
            outcomes: Gathering::new(Rows::new(), &settings),
            settings,
            jobs: RefCell::default(),
            job_waits: Notify::new(),
            in_hand: Cell::new(0),
            last_arrival: Cell::new(Instant::now()),
            ending: Cell::new(false),
            summary: Cell::default(),
        }
    }

    /// The next claimed message.
    pub(super) async fn next_job(&self) -> Job {
        loop {
            // The borrow must not reach over the wait.
            let job = self.jobs.borrow_mut().pop_front();
            match job {
                Some(job) => return job,
                None => self.job_waits.notified().await,
            }
        }
    }

    /// Acknowledges what is settled, as far as nothing open is before it.
    pub(super) async fn acknowledge(&self, settled: &[Receipt]) -> Result<(), FloorError> {
        let mut channels: Vec<&Rc<AckChannel>> = Vec::new();
        for receipt in settled {
            receipt.channel.settle(receipt.tag);
            if !channels
                .iter()
                .any(|known| Rc::ptr_eq(known, &receipt.channel))
            {
                channels.push(&receipt.channel);
            }
        }
        for channel in channels {
            let acknowledged = channel.acknowledge().await?;
            self.in_hand.set(self.in_hand.get() - acknowledged);
            self.count(|summary| summary.acks += u64::from(acknowledged > 0));
        }
        Ok(())
    }

    /// Changes the summary.
    pub(super) fn count(&self, change: impl FnOnce(&mut Summary)) {
        let mut summary = self.summary.get();
        change(&mut summary);
        self.summary.set(summary);
    }
}
