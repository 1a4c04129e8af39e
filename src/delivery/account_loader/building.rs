//! What an account's actor is built of.

use std::sync::Arc;

use super::LoaderContext;
use crate::delivery::account::{AccountContext, AccountHealth, Listeners, Reporter, Retirement};
use crate::domain::Account;
use crate::machine::delivery::AccountTerms;

impl LoaderContext {
    pub(super) fn health(&self, account: &Account) -> AccountHealth {
        let reporter = Reporter::new(
            account,
            self.node.database.clone(),
            self.node.lease_gate.clone(),
            self.node.tasks.clone(),
            self.node.phases.no_calls.clone(),
        );
        let listeners = Listeners {
            channels: self.node.channels.clone(),
            counts: self.node.metrics.provider(&account.name),
            reporter,
        };
        AccountHealth::new(account, &self.settings, listeners)
    }

    pub(super) fn account_context(
        &self,
        account: Account,
        client: Arc<dyn crate::providers::Provider>,
        health: AccountHealth,
    ) -> AccountContext {
        let terms = AccountTerms {
            id: account.id,
            name: Arc::from(account.name.as_str()),
            backoff: self.retry.of(account.channel),
            minimum_delay: client.minimum_retry_delay(),
            retry_window: client.retry_window(),
        };
        AccountContext {
            counts: self.node.metrics.provider(&account.name),
            terms,
            account,
            concurrency: client
                .most_in_flight()
                .map_or(self.settings.concurrency, |most| {
                    most.min(self.settings.concurrency)
                }),
            client,
            health,
            retirement: Retirement::default(),
            queue_wait: self.settings.queue_wait,
            dispatchers: self.dispatchers.clone(),
            node: Arc::clone(&self.node),
        }
    }
}
