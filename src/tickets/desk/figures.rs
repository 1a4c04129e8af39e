//! What can be counted at the desk.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{TicketDesk, TicketDeskError};
use crate::store::Database;
use crate::tickets::domain::{ServiceLine, TicketPriority, TicketStatus};
use crate::tickets::store::{clock, outbox, report, tally};

/// Most events that are counted.
const MOST: i64 = 100_000;

/// What there is to be done at the desk, of all tenants.
#[derive(Debug, Clone, PartialEq)]
pub struct DeskFigures {
    /// How many tickets stand where.
    pub tickets: Vec<(TicketStatus, u64)>,
    /// Events that wait to be published, up to a hundred thousand.
    pub events: u64,
    /// For how long the eldest of them waits.
    pub oldest_event: Duration,
    /// How long ago the latest clock was to be looked at.
    pub clocks_late: Duration,
}

impl TicketDesk {
    /// What there is to be done, of all tenants. Nothing is scanned for it.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn figures(&self) -> Result<DeskFigures, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let tally = tally::whole(&mut connection).await?;
            let (events, oldest) = outbox::standing(&mut connection, MOST).await?;
            let late = clock::late(&mut connection).await?;
            let whole = |count: i64| u64::try_from(count).unwrap_or(0);
            let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let count = |status: &TicketStatus| {
                let found = tally.iter().find(|(known, _)| known == status);
                (*status, found.map_or(0, |(_, count)| whole(*count)))
            };
            Ok(DeskFigures {
                tickets: TicketStatus::ALL.iter().map(count).collect(),
                events: whole(events),
                oldest_event: span(oldest),
                clocks_late: span(late),
            })
        };
        self.with("count what is to be done", work).await
    }

    /// How many tickets of a tenant stand where; a status that is not there has none.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn tally(
        &self,
        tenant_id: Uuid,
    ) -> Result<Vec<(TicketStatus, i64)>, TicketDeskError> {
        let work = async move |database: Database| {
            Ok(tally::of(&mut *database.get().await?, tenant_id).await?)
        };
        self.with("count tickets", work).await
    }

    /// How targets were kept of the tickets that were made in a span, by category and priority.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn report(
        &self,
        tenant_id: Uuid,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<ServiceLine>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut lines = report::report(&mut *database.get().await?, tenant_id, span).await?;
            let place = |line: &ServiceLine| {
                let mut all = TicketPriority::ALL.iter();
                all.position(|one| *one == line.priority)
            };
            lines.sort_by_key(|line| (line.category.clone(), place(line)));
            Ok(lines)
        };
        self.with("report on tickets", work).await
    }
}
