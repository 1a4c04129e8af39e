//! Closing digests: one run carries each on, and the others end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::Flows;
use super::book::KnownWorkflow;
use super::starting::{said, written};
use crate::domain::RunEnd;
use crate::runtime::failpoint;
use crate::store::runs::digests::closing::{self, DigestCarrier, DueDigest};
use crate::store::{PgConnection, StoreError};
use crate::templates::workflow::Deed;

/// Most digests that are closed in one transaction.
const MOST: u16 = 50;

impl Flows {
    /// Closes digests that are due; says how many.
    pub(super) async fn close(&self) -> Result<usize, StoreError> {
        let database = &self.context.node.database;
        let closed = database.transaction(async |connection| self.close_within(connection).await);
        let (closed, ended) = closed.await?;
        failpoint::hit("digests.stored");
        self.count_ended(&ended);
        Ok(closed)
    }

    /// How many digests it closes, and how runs end by it.
    async fn close_within(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(usize, Vec<RunEnd>), StoreError> {
        let due = closing::close_due(connection, MOST).await?;
        if due.is_empty() {
            return Ok((0, vec![]));
        }
        let tenants = due.iter().map(|it| it.tenant_id).collect();
        let published = self.context.book.published(connection, tenants).await?;
        let mut own: Vec<Uuid> = vec![];
        for digest in &due {
            own.extend(digest.runs.iter().map(|(_, version)| *version));
        }
        let own = self.context.book.versions(connection, &own).await?;
        let mut ended = vec![];
        for digest in &due {
            let newest = published
                .iter()
                .find(|it| it.tenant_id == digest.tenant_id && it.name == digest.workflow);
            ended.extend(close_one(connection, digest, (newest, &own)).await?);
        }
        failpoint::hit("digests.closed");
        Ok((due.len(), ended))
    }
}

/// Lets one run carry a digest on, and ends the others: how each has ended.
async fn close_one(
    connection: &mut PgConnection,
    digest: &DueDigest,
    (newest, own): (
        Option<&Arc<KnownWorkflow>>,
        &HashMap<Uuid, Arc<KnownWorkflow>>,
    ),
) -> Result<Vec<RunEnd>, StoreError> {
    let Some(((carrier, version), others)) = digest.runs.split_first() else {
        return Ok(vec![]);
    };
    let found = goes_on_with(newest, own.get(version), &digest.slot);
    let now = digest.now;
    let Some((workflow_id, step, least)) = found else {
        let lines = line(now, "its version cannot be read".to_owned());
        return closing::end(connection, &ids(&digest.runs), RunEnd::Unreadable, &lines).await;
    };
    let items = digest.items;
    if items == 0 || items < least {
        let end = if items == 0 {
            RunEnd::NothingLeft
        } else {
            RunEnd::BelowMinimum
        };
        let words = format!(
            "the digest closes with {items} items, at least {least} were wanted: nothing is sent"
        );
        return closing::end(connection, &ids(&digest.runs), end, &line(now, words)).await;
    }
    let carrier = DigestCarrier {
        run_id: *carrier,
        digest_id: digest.id,
        workflow_id,
        step,
        lines: line(now, format!("the digest closes with {items} items")),
    };
    closing::carry(connection, &carrier).await?;
    if others.is_empty() {
        return Ok(vec![]);
    }
    let run_id = carrier.run_id;
    let words = format!("it is told with {items} items by the run {run_id}");
    let lines = line(now, words);
    closing::end(connection, &ids(others), RunEnd::JoinedDigest, &lines).await
}

/// The version that goes on behind a digest: what was published meanwhile, if it has this digest, else the one that
/// gathered. With the next move, and how many items it takes at least.
fn goes_on_with(
    newest: Option<&Arc<KnownWorkflow>>,
    own: Option<&Arc<KnownWorkflow>>,
    slot: &str,
) -> Option<(Uuid, usize, u64)> {
    let versions = newest.into_iter().chain(own);
    let mut found = versions.filter_map(|version| {
        let workflow = version.workflow.as_ref().ok()?;
        let step = workflow.after_digest(slot)?;
        let least = match &workflow.moves.get(step.checked_sub(1)?)?.deed {
            Deed::Digest(rule) => u64::from(rule.least),
            _ => 1,
        };
        Some((version.id, step, least))
    });
    found.next()
}

fn ids(runs: &[(Uuid, Uuid)]) -> Vec<Uuid> {
    runs.iter().map(|(id, _)| *id).collect()
}

fn line(at: Timestamp, words: String) -> String {
    written(&[said(at, words)])
}
