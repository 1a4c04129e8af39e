//! The handle that rules a running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Provider;
use super::behaviour::Behaviour;
use super::counters::{Recorded, Stats};
use super::fcm::{self, Fcm};
use super::http::base_url;
use super::state::State;
use crate::ledger::Ledger;

/// A running simulator; dropped, it closes its sockets and ends.
#[derive(Debug)]
pub struct Simulator {
    pub(super) base_url: String,
    pub(super) address: SocketAddr,
    pub(super) control_address: SocketAddr,
    pub(super) state: Arc<State>,
    pub(super) fcm: Option<Arc<Fcm>>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Which provider it stands for.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.state.provider
    }

    /// What goes into a provider's `base_url`: `http://127.0.0.1:PORT`; `smtp://...` for mail.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/_control/...` is served: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn control_url(&self) -> String {
        base_url(self.control_address)
    }

    /// The ledger it writes to.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.state.ledger
    }

    /// Its counters now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// The script at work.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        self.state.behaviour()
    }

    /// Replaces the script; what the rules have seen starts again.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.state.behave(behaviour);
    }

    /// The last requests, oldest first, when [`Builder::record`](super::Builder::record) asked for them. Control requests
    /// are not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.records.all()
    }

    /// The service-account file to configure the engine with; only FCM has one. Its key is a test
    /// key that is published with the source.
    #[must_use]
    pub fn service_account_json(&self) -> Option<String> {
        self.fcm
            .as_ref()
            .map(|_| fcm::service_account_json(&format!("{}/token", self.base_url)))
    }

    /// FCM: makes all access tokens issued so far invalid, so that the next request is a 401.
    pub fn expire_tokens(&self) {
        if let Some(fcm) = &self.fcm {
            fcm.expire_tokens();
        }
    }

    /// FCM: the lifetime of access tokens issued from now on, in seconds.
    pub fn set_token_lifetime(&self, seconds: u64) {
        if let Some(fcm) = &self.fcm {
            fcm.set_token_lifetime(seconds);
        }
    }

    /// Closes the sockets and all connections; returns when they are closed.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The receiver is gone only if the thread has ended already.
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
