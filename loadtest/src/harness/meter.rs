//! Looks again and again at what is used while work is done, and tells the work from its start and
//! its end.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked at what the work of seconds uses.
pub(crate) const OFTEN: Duration = Duration::from_millis(50);

/// Measures until asked for the result.
#[derive(Debug)]
pub(crate) struct Meter<R> {
    stop: oneshot::Sender<()>,
    task: JoinHandle<R>,
}

impl<R: Default + Send + 'static> Meter<R> {
    /// `take` adds to the readings what is used now, and says whether there can be more.
    pub(crate) fn start(
        every: Duration,
        mut readings: R,
        mut take: impl FnMut(&mut R) -> ControlFlow<()> + Send + 'static,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut tick = interval(every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let last = tokio::select! {
                    _ = &mut stopped => true,
                    _ = tick.tick() => false,
                };
                if take(&mut readings).is_break() || last {
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
