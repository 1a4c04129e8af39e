//! The board: a column for each status of what is not over, with the newest of each.

use super::shown::TicketLine;
use super::{DeskRoster, PATH, refused};
use crate::api::console::answer::ConsoleError;
use crate::api::console::figures::number;
use crate::api::console::visitor::ConsoleVisitor;
use crate::runtime::clock;
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::{TicketFilter, TicketStatus, TicketViewer};

/// Tickets of a column.
const MOST: usize = 15;

/// A column of the board.
pub(super) struct BoardColumn {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// How many there are.
    pub(super) count: String,
    pub(super) lines: Vec<TicketLine>,
    /// The list of all of them.
    pub(super) all: String,
    pub(super) goes_on: bool,
}

/// The columns, in their order.
const COLUMNS: &[(TicketStatus, &str)] = &[
    (TicketStatus::Open, "Open"),
    (TicketStatus::InProgress, "In progress"),
    (TicketStatus::Waiting, "Waiting for the requester"),
    (TicketStatus::Resolved, "Resolved"),
];

/// The board; each column is the beginning of the list of its status.
pub(super) async fn columns(
    visitor: &ConsoleVisitor,
    desk: &TicketDesk,
    roster: &DeskRoster,
) -> Result<Vec<BoardColumn>, ConsoleError> {
    let tenant_id = visitor.own_tenant();
    let tally = desk.tally(tenant_id).await.map_err(refused)?;
    let now = clock::now();
    let mut columns = vec![];
    for (status, title) in COLUMNS {
        let filter = TicketFilter {
            status: Some(*status),
            ..TicketFilter::default()
        };
        let of = (tenant_id, TicketViewer::Tenant);
        let found = desk.page(of, filter, None, MOST + 1).await;
        let found = found.map_err(refused)?;
        let counted = tally.iter().find(|(known, _)| known == status);
        let lines = found.iter().take(MOST);
        columns.push(BoardColumn {
            id: status.as_str(),
            title,
            count: number(counted.map_or(0, |(_, count)| *count)),
            goes_on: found.len() > MOST,
            lines: lines.map(|it| TicketLine::of(it, roster, now)).collect(),
            all: format!("{PATH}?status={status}"),
        });
    }
    Ok(columns)
}
