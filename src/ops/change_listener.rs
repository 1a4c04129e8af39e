//! Listener: hears what has changed in the database, and makes this node forget what it knew.

use std::time::Duration;

use actix::Addr;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::cache::recipients::RecipientCache;
use crate::cache::{ApiKeyCache, UserTokenCache};
use crate::delivery::account_loader::AccountLoader;
use crate::runtime::{Shutdown, mailbox};
use crate::store::changes::{Change, Changes, Echo, Heard};
use crate::store::webhooks::WebhookBoard;
use crate::store::{Database, StoreError};
use crate::work::CallGates;
use crate::work::job::Wake;

/// Wait before listening is tried again, and between looks for accounts and templates meanwhile.
const PAUSE: Duration = Duration::from_secs(1);
/// Time from one echo to the next call.
const CALL_EVERY: Duration = Duration::from_millis(500);
/// Longest time from the commit of a call until it is heard.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Keeps recipients and rules as fresh as the database's notices allow.
#[derive(Debug)]
pub struct Listener {
    /// The database.
    pub database: Database,
    /// Forgets what a notice names, and everything while no notices come.
    pub recipients: RecipientCache,
    /// Forgets all keys when one has changed.
    pub api_keys: ApiKeyCache,
    /// Forgets all keys of user tokens when one has changed.
    pub user_tokens: UserTokenCache,
    /// Looks for accounts and templates at once.
    pub account_loader: Addr<AccountLoader>,
    /// Reads webhooks at once.
    pub webhooks: WebhookBoard,
    /// Calls off what this node has in hand.
    pub gates: CallGates,
    /// Ends listening.
    pub stop: Shutdown,
}

impl Listener {
    /// Listens until told to stop.
    pub async fn run(self) {
        // Whoever asks must not wait for one who has ended, however it ended.
        let _says_when_nobody_listens =
            scopeguard::guard(&self.recipients, |recipients| recipients.disconnected());
        while !self.stop.is_raised() {
            let Some(heard) = self.stop.or(self.listen()).await else {
                return;
            };
            self.recipients.disconnected();
            if let Err(error) = heard {
                tracing::warn!(%error, "the change listener is disconnected; the recipient cache is disabled");
            }
            self.stop.or(sleep(PAUSE)).await;
        }
    }

    /// Hears changes until the connection is lost, or no longer tells what is committed.
    async fn listen(&self) -> Result<(), StoreError> {
        let mut changes = self.open().await?;
        self.recipients.connected();
        // What changed while nobody listened.
        self.read_again();
        let echoes = watch::Sender::new(0);
        let mut calls = std::pin::pin!(self.call(changes.echo(), echoes.subscribe()));
        loop {
            tokio::select! {
                // What is heard first, so that a task that was late does not miss an echo.
                biased;
                heard = changes.next() => self.follow(heard?, &echoes),
                asked = self.recipients.asked() => {
                    for heard in changes.catch_up().await? {
                        self.follow(heard, &echoes);
                    }
                    asked.answer();
                }
                disconnected = &mut calls => return Err(disconnected),
            }
        }
    }

    /// Begins to listen. Accounts and templates are looked for as long as that takes.
    async fn open(&self) -> Result<Changes, StoreError> {
        let mut opening = std::pin::pin!(Changes::open(&self.database));
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                () = sleep(PAUSE) => self.read_again(),
            }
        }
    }

    fn read_again(&self) {
        mailbox::post(&self.account_loader, Wake);
        self.webhooks.erased().miss_some();
        self.webhooks.read_again();
    }

    /// Calls, through the pool that work goes through, and waits for the echo; says why when none
    /// comes. A connection may answer and tell nothing: through a pooler, or to a server that another
    /// has replaced.
    async fn call(&self, echo: Echo, mut echoes: watch::Receiver<u64>) -> StoreError {
        for number in 1.. {
            sleep(CALL_EVERY).await;
            if let Err(error) = echo.call(&self.database, number).await {
                // Nothing was committed that could be missed.
                tracing::debug!(%error, "the change listener could not send a test notice");
                continue;
            }
            let heard = echoes.wait_for(|heard| *heard >= number);
            if timeout(HEARD_WITHIN, heard).await.is_err() {
                break;
            }
        }
        StoreError::Unavailable("the connection receives no notices".to_owned())
    }

    fn follow(&self, heard: Heard, echoes: &watch::Sender<u64>) {
        match heard {
            Heard::Change(Change::Rules(tenant_id)) => self.recipients.forget_rules(tenant_id),
            Heard::Change(Change::Recipient { tenant_id, user_id }) => {
                self.recipients.forget((tenant_id, user_id));
            }
            Heard::Change(Change::People) => {
                self.recipients.disconnected();
                self.recipients.connected();
            }
            Heard::Change(Change::Accounts | Change::Templates) => {
                mailbox::post(&self.account_loader, Wake);
            }
            Heard::Change(Change::ApiKeys) => self.api_keys.forget(),
            Heard::Change(Change::TokenKeys) => self.user_tokens.forget(),
            Heard::Change(Change::Webhooks) => self.webhooks.read_again(),
            Heard::Change(Change::Erased(user_id)) => self.webhooks.erased().add(user_id),
            Heard::Change(Change::CallOff(asked)) => {
                self.gates.call_off(&[asked.id], &asked.line());
            }
            Heard::Echo(number) => {
                echoes.send_replace(number);
            }
        }
    }
}
