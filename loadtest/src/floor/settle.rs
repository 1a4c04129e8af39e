//! Settling: what became of a batch, stored before it is acknowledged.

use std::rc::Rc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::batch::Batch as _;
use super::claim::{OWNER, connect};
use super::error::FloorError;
use super::rows::Rows;
use super::sql;
use super::state::State;

/// Settles batch after batch.
pub(super) struct Settler {
    state: Rc<State>,
    client: Client,
    settle: Statement,
}

impl Settler {
    pub(super) async fn connect(state: &Rc<State>) -> Result<Self, FloorError> {
        let client = connect(&state.settings.database).await?;
        let settle = client.prepare(sql::SETTLE).await?;
        Ok(Self {
            state: Rc::clone(state),
            client,
            settle,
        })
    }

    pub(super) async fn run(self) -> Result<(), FloorError> {
        let mut spare = Rows::new();
        loop {
            let mut rows = self.state.outcomes.take(spare).await;
            self.settle(&rows).await?;
            self.state.acknowledge(&rows.receipts).await?;
            rows.clear();
            spare = rows;
        }
    }

    async fn settle(&self, rows: &Rows) -> Result<(), FloorError> {
        let columns = rows
            .columns
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        let parameters: Vec<&(dyn ToSql + Sync)> =
            columns.chain([&OWNER as &(dyn ToSql + Sync)]).collect();
        let stored = self.client.execute(&self.settle, &parameters).await?;
        if stored != rows.size() as u64 {
            return Err(FloorError::Unstored {
                stored,
                settled: rows.size(),
            });
        }
        self.state.count(|summary| {
            summary.settlements += 1;
            summary.settled += stored;
        });
        Ok(())
    }
}
