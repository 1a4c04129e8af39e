//! Trying database work again until it succeeds: nothing is acknowledged meanwhile, and the broker
//! keeps the rest.

use std::time::Duration;

use crate::resilience::Backoff;
use crate::runtime::Shutdown;
use crate::store::StoreError;
use crate::work::unfinished::UNFINISHED;

/// First and longest wait.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Does database work again and again until it succeeds; `None` once `giving_up` is raised.
///
/// Every failure is tried again, also one that does not look passing: to go on without the work
/// would lose something, and the log says what is wrong.
pub async fn retry_until_ok<T, F>(
    doing: &'static str,
    giving_up: &Shutdown,
    mut work: impl FnMut() -> F,
) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let unfinished = UNFINISHED.begin(doing);
    let mut failures = 0;
    loop {
        match giving_up.or(work()).await? {
            Ok(done) => return Some(done),
            Err(error) => {
                unfinished.failed(&error);
                let wait = BACKOFF.ceiling(failures);
                if failures.is_power_of_two() || failures == 0 {
                    tracing::warn!(%error, failures, doing, "the database failed; trying again");
                }
                failures = failures.saturating_add(1);
                giving_up.or(tokio::time::sleep(wait)).await?;
            }
        }
    }
}
