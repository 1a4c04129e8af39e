//! Looks again and again at what is used while work is done, and tells the work from its start and
//! its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::ledger::Ledger;

const EVERY: Duration = Duration::from_millis(50);

/// Measures until asked for the result.
pub(crate) struct Meter<R> {
    stop: oneshot::Sender<()>,
    task: JoinHandle<R>,
}

impl<R: Default + Send + 'static> Meter<R> {
    /// `take` adds to the readings what is used when so many different messages are accepted, and
    /// says whether there can be more.
    pub(crate) fn start(
        ledger: Arc<Ledger>,
        mut take: impl FnMut(&mut R, u64) -> ControlFlow<()> + Send + 'static,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut readings = R::default();
            let mut tick = interval(EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let last = tokio::select! {
                    _ = &mut stopped => true,
                    _ = tick.tick() => false,
                };
                if take(&mut readings, ledger.distinct()).is_break() || last {
                    return readings;
                }
            }
        });
        Self { stop, task }
    }

    pub(crate) async fn finish(self) -> R {
        // A task that has ended already has all there is.
        let _ = self.stop.send(());
        self.task.await.unwrap_or_default()
    }
}

/// What stood at the beginning and at the end of the middle 80 % of `expected` acceptances, and how
/// many lie between; `None` when none do. The points ascend.
pub(crate) fn middle<T: Copy>(points: &[(u64, T)], expected: u64) -> Option<(T, T, u64)> {
    let (from, to) = (expected / 10, expected - expected / 10);
    let (began, before) = *points.iter().find(|(distinct, _)| *distinct >= from)?;
    let (ended, after) = *points.iter().rfind(|(distinct, _)| *distinct <= to)?;
    (ended > began).then(|| (before, after, ended - began))
}
