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
pub struct LeaseGate {
    lease: watch::Sender<Option<CurrentLease>>,
}

/// A run, and until when it is sure to live.
#[derive(Debug, Clone, Copy)]
struct CurrentLease {
    run: RunId,
    until: Uptime,
}

impl CurrentLease {
    fn holds(&self) -> bool {
        clock::uptime() < self.until
    }
}

impl Default for LeaseGate {
    fn default() -> Self {
        Self::closed()
    }
}

impl LeaseGate {
    /// A gate that nobody may pass yet.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            lease: watch::Sender::new(None),
        }
    }

    /// Waits until a run holds its lease (at once, nearly always), and says which it is.
    pub async fn opened(&self) -> RunId {
        loop {
            if let Some(run) = self.holding_run() {
                return run;
            }
            let mut lease = self.lease.subscribe();
            // The sender lives in `self`, so that waiting cannot fail.
            let _ = lease
                .wait_for(|lease| lease.as_ref().is_some_and(CurrentLease::holds))
                .await;
        }
    }

    /// The run that holds its lease at this moment.
    #[must_use]
    pub fn holding_run(&self) -> Option<RunId> {
        let lease = *self.lease.borrow();
        lease.filter(CurrentLease::holds).map(|lease| lease.run)
    }

    /// The present run, though its lease may have run out: nobody may have taken it for dead yet.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.lease.borrow().map(|lease| lease.run)
    }

    /// The run is sure to live until then.
    pub fn renew(&self, run: RunId, until: Uptime) {
        self.lease.send_replace(Some(CurrentLease { run, until }));
    }

    /// The run is no more.
    pub fn close(&self) {
        self.lease.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    const RUN: RunId = RunId(7);

    #[tokio::test]
    async fn lease_gate_closes_by_itself_when_the_lease_runs_out() {
        let lease_gate = LeaseGate::closed();
        assert_eq!(lease_gate.opened().now_or_never(), None);
        lease_gate.renew(RUN, clock::uptime() + Duration::from_secs(60));
        assert_eq!(lease_gate.opened().now_or_never(), Some(RUN));
        lease_gate.renew(RUN, clock::uptime());
        assert_eq!(lease_gate.opened().now_or_never(), None);
        assert_eq!(
            (lease_gate.holding_run(), lease_gate.run()),
            (None, Some(RUN))
        );
        lease_gate.close();
        assert_eq!(lease_gate.run(), None);
    }

    #[tokio::test]
    async fn lease_gate_lets_waiters_through_with_the_next_run() {
        let lease_gate = LeaseGate::closed();
        lease_gate.renew(RUN, clock::uptime());
        let waiting = lease_gate.opened();
        let (next, renews) = (RunId(8), async {
            lease_gate.renew(RunId(8), clock::uptime() + Duration::from_secs(60));
        });
        assert_eq!(tokio::join!(waiting, renews).0, next);
    }
}
