//! Where jobs are decided on: one dispatcher a channel.

use std::sync::Arc;

use actix::Recipient;

use super::job::{Dispatch, Job};
use crate::domain::Channel;
use crate::runtime::mailbox;

/// The dispatchers of all channels. Clones share them.
#[derive(Clone)]
pub struct Dispatchers {
    by_channel: Arc<[Recipient<Dispatch>]>,
}

impl std::fmt::Debug for Dispatchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dispatchers")
    }
}

impl Dispatchers {
    /// In the order of [`Channel::ALL`].
    #[must_use]
    pub fn new(by_channel: Vec<Recipient<Dispatch>>) -> Self {
        Self {
            by_channel: by_channel.into(),
        }
    }

    /// Sends jobs to the dispatchers of their channels.
    pub fn dispatch(&self, jobs: Vec<Job>) {
        let mut by_channel: Vec<Vec<Job>> = Channel::ALL.iter().map(|_| vec![]).collect();
        for job in jobs {
            if let Some(list) = by_channel.get_mut(job.notification.lane.channel.index()) {
                list.push(job);
            }
        }
        for (dispatcher, jobs) in self.by_channel.iter().zip(by_channel) {
            if !jobs.is_empty() {
                mailbox::post_to(dispatcher, Dispatch(jobs));
            }
        }
    }
}
