//! What the machine allows this process: looked at all the time, told by `/readyz` and the log.

use std::time::Duration;

use super::context::EngineContext;
use crate::config::Settings;
use crate::runtime::files::{self, FileStanding, OpenFiles};

/// How often.
const LOOK: Duration = Duration::from_secs(2);
/// What `/readyz` calls it.
const PART: &str = "open files";

/// Looks at the open files until the run ends.
pub(super) fn watch(settings: &Settings, context: &EngineContext) {
    let (health, stop) = (context.health.clone(), context.phases.end_of_run.clone());
    let (pool, concurrency) = wanted(settings);
    context.tasks.spawn("watch open files", async move {
        let mut told = FileStanding::Enough;
        loop {
            let accounts = health.parts();
            let accounts = accounts.keys().filter(|part| part.starts_with("provider "));
            let files = OpenFiles {
                limit: files::limit(),
                open: files::open().unwrap_or_default(),
                pool,
                concurrency,
                accounts: 0,
            };
            let standing = files.with_accounts(accounts.count()).standing();
            match &standing {
                FileStanding::TooFew(why) => health.down(PART, why.as_str()),
                FileStanding::Enough | FileStanding::Tight(_) => health.up(PART),
            }
            tell(&standing, &told);
            told = standing;
            if stop.or(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
        }
    });
}

/// What a node of these settings has and wants, if the user of this process starts it.
pub(super) fn of_this_user(settings: &Settings) -> OpenFiles {
    let (pool, concurrency) = wanted(settings);
    OpenFiles {
        limit: files::highest(),
        open: 0,
        pool,
        concurrency,
        accounts: 0,
    }
}

fn wanted(settings: &Settings) -> (u64, u64) {
    let concurrency = u64::try_from(settings.providers.concurrency).unwrap_or(u64::MAX);
    (u64::from(settings.database.pool_size), concurrency)
}

/// The numbers change all the time: told is what kind of trouble it is.
fn tell(now: &FileStanding, before: &FileStanding) {
    if std::mem::discriminant(now) == std::mem::discriminant(before) {
        return;
    }
    match now {
        FileStanding::Enough => tracing::info!("the process has enough open files again"),
        FileStanding::Tight(why) => tracing::warn!(why, "the process may run out of open files"),
        FileStanding::TooFew(why) => tracing::error!(why, "the process has too few open files"),
    }
}
