//! Accounts that somebody has stopped for a while.

use std::time::Duration;

use actix::{AsyncContext, Context};

use super::AccountLoader;
use crate::domain::{Account, PauseKind};
use crate::store::accounts::{Accounts, PausedAccount};

/// How long after the end of a pause the database is asked: by its clock it has ended then.
const AFTER_A_PAUSE: Duration = Duration::from_millis(20);

impl AccountLoader {
    /// Looks again when the first pause ends.
    pub(super) fn look_when_a_pause_ends(&mut self, accounts: &Accounts, ctx: &mut Context<Self>) {
        if let Some(before) = self.resumes.take() {
            ctx.cancel_future(before);
        }
        let first = accounts.paused.iter().map(|paused| paused.left).min();
        self.resumes = first.map(|left| {
            ctx.run_later(left + AFTER_A_PAUSE, |account_loader, ctx| {
                account_loader.refresh_accounts(ctx);
            })
        });
    }
}

/// Whether it is to send what it has in hand, as it is described here, and gets nothing new.
pub(super) fn is_drained(paused: &[PausedAccount], account: &Account) -> bool {
    paused.iter().any(|paused| {
        paused.pause.kind == PauseKind::Drain
            && (paused.account.id, paused.account.updated_at) == (account.id, account.updated_at)
    })
}
