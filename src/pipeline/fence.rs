//! A run that is not sure that it lives starts no provider call.

use tokio::sync::watch;

use crate::runtime::clock::{self, Uptime};
use crate::store::lease::RunId;

/// Open while this node's run holds its lease, by this machine's own clock. Clones share it.
///
/// Others may take over what a run holds some time after its last heartbeat. It stops earlier by
/// itself: so long after the moment at which that heartbeat was *sent*, whether or not anybody could
/// tell it. What was taken on by a run that has been taken for dead meanwhile must not be sent, though
/// this node has a new run since.
#[derive(Debug, Clone)]
pub struct Fence {
    tenure: watch::Sender<Option<Tenure>>,
}

/// A run, and until when it is sure to live.
#[derive(Debug, Clone, Copy)]
struct Tenure {
    run: RunId,
    until: Uptime,
}

impl Tenure {
    fn holds(&self) -> bool {
        clock::uptime() < self.until
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::closed()
    }
}

impl Fence {
    /// A fence that nobody may pass yet.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            tenure: watch::Sender::new(None),
        }
    }

    /// Waits until a run holds its lease (at once, nearly always), and says which it is.
    pub async fn pass(&self) -> RunId {
        loop {
            if let Some(run) = self.holder() {
                return run;
            }
            let mut tenure = self.tenure.subscribe();
            // The sender lives in `self`, so that waiting cannot fail.
            let _ = tenure
                .wait_for(|tenure| tenure.as_ref().is_some_and(Tenure::holds))
                .await;
        }
    }

    /// The run that holds its lease at this moment.
    #[must_use]
    pub fn holder(&self) -> Option<RunId> {
        let tenure = *self.tenure.borrow();
        tenure.filter(Tenure::holds).map(|tenure| tenure.run)
    }

    /// The present run, though its lease may have run out: nobody may have taken it for dead yet.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.tenure.borrow().map(|tenure| tenure.run)
    }

    /// The run is sure to live until then.
    pub fn renew(&self, run: RunId, until: Uptime) {
        self.tenure.send_replace(Some(Tenure { run, until }));
    }

    /// The run is no more.
    pub fn close(&self) {
        self.tenure.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    const RUN: RunId = RunId(7);

    #[tokio::test]
    async fn nobody_passes_once_the_lease_has_run_out_though_nobody_said_so() {
        let fence = Fence::closed();
        assert_eq!(fence.pass().now_or_never(), None);
        fence.renew(RUN, clock::uptime() + Duration::from_secs(60));
        assert_eq!(fence.pass().now_or_never(), Some(RUN));
        fence.renew(RUN, clock::uptime());
        assert_eq!(fence.pass().now_or_never(), None);
        assert_eq!((fence.holder(), fence.run()), (None, Some(RUN)));
        fence.close();
        assert_eq!(fence.run(), None);
    }

    #[tokio::test]
    async fn who_waits_passes_with_the_run_that_comes_next() {
        let fence = Fence::closed();
        fence.renew(RUN, clock::uptime());
        let waiting = fence.pass();
        let (next, renews) = (RunId(8), async {
            fence.renew(RunId(8), clock::uptime() + Duration::from_secs(60));
        });
        assert_eq!(tokio::join!(waiting, renews).0, next);
    }
}
