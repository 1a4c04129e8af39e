//! What publishers and lanes need of the broker, declared again and again: whatever was deleted under
//! way is back before long.

use std::time::Duration;

use super::super::topology;
use super::Consuming;

/// Time between two looks. A deleted queue is noticed at once, by its consumer; a deleted exchange or
/// binding is not.
const AGAIN: Duration = Duration::from_secs(10);

impl Consuming<'_> {
    /// Declares everything for the first time: first the exchanges, which lanes are bound to.
    pub(super) async fn survey_all(&self) {
        self.survey_shared().await;
        for consumer in &self.consumers.lanes {
            if let Err(error) = self.declare_lane(consumer.lane).await
                && self.connection.status().connected()
            {
                self.standing.fails(consumer.lane, &error);
            }
        }
    }

    /// Declares exchanges, bindings and queues at an interval, as long as the connection lives.
    pub(super) async fn keep_surveying(&self) {
        loop {
            tokio::time::sleep(AGAIN).await;
            self.survey_shared().await;
            for consumer in &self.consumers.lanes {
                // One that is not consumed declares for itself.
                if !self.connection.status().connected() || !self.standing.works(consumer.lane) {
                    continue;
                }
                if let Err(error) = self.declare_lane(consumer.lane).await {
                    self.standing.fails(consumer.lane, &error);
                }
            }
        }
    }

    /// Declares what all lanes share.
    pub(super) async fn survey_shared(&self) {
        let _turn = self.declaring.lock().await;
        let consumers = self.consumers;
        let limit = consumers.address.operation_timeout;
        let problems = topology::declare_shared(
            self.connection,
            &self.rejected,
            consumers.delivery_limit,
            limit,
        );
        let problems = problems.await;
        // A connection that was lost says nothing of the topology.
        if self.connection.status().connected() {
            self.standing.topology(&problems);
        }
    }
}
