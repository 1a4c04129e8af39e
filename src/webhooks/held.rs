//! Rows in hand: each ends with a result, or goes back.

use std::sync::Arc;

use super::endpoint::WebhookEndpoint;
use super::results::WebhookResults;
use crate::domain::RunId;
use crate::store::webhooks::deliveries::{TakenDelivery, WebhookResult};

/// A row that this node has taken. Dropped without a result (a panic, the end), it goes back.
pub(super) struct HeldDelivery {
    row: TakenDelivery,
    run: RunId,
    endpoint: Arc<WebhookEndpoint>,
    results: Arc<WebhookResults>,
    has_ended: bool,
}

impl HeldDelivery {
    pub(super) fn new(
        row: TakenDelivery,
        run: RunId,
        endpoint: Arc<WebhookEndpoint>,
        results: Arc<WebhookResults>,
    ) -> Self {
        endpoint.hold();
        Self {
            row,
            run,
            endpoint,
            results,
            has_ended: false,
        }
    }

    pub(super) const fn row(&self) -> &TakenDelivery {
        &self.row
    }

    pub(super) const fn run(&self) -> RunId {
        self.run
    }

    pub(super) fn endpoint(&self) -> Arc<WebhookEndpoint> {
        Arc::clone(&self.endpoint)
    }

    /// It has ended so.
    pub(super) fn end(mut self, result: WebhookResult) {
        self.has_ended = true;
        self.results.push(self.run, result);
    }
}

impl Drop for HeldDelivery {
    fn drop(&mut self) {
        if !self.has_ended {
            self.results.give_back(self.run, self.row.id);
        }
        self.endpoint.let_go();
    }
}
