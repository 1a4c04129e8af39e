//! What operators look at first.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::Reason;
use crate::runtime::clock;
use crate::store::Database;
use crate::store::metrics::hours::{self, HourFigures, HoursAsked};
use crate::store::overview::standing::{self, NodeStanding};
use crate::store::overview::{self, AccountStanding, LaneBacklog, MinuteFigures};
use crate::store::system_events::told::{self, EventFilter, StoredEvent};
use crate::telemetry::Metrics;

/// Span of the minutes, in seconds.
const HOUR: f64 = 3_600.0;
/// Span of the hours.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Most events.
const MOST_EVENTS: usize = 20;

/// Looks at everything at once. Clones share it.
#[derive(Debug, Clone)]
pub struct OverviewDesk {
    /// Does the work.
    pub desk: Desk,
    /// What is counted every few seconds anyway.
    pub metrics: Arc<Metrics>,
}

/// What is to be looked at: the key's scopes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverviewAsked {
    /// The tenant; `None` is all.
    pub tenant_id: Option<Uuid>,
    /// What was sent and what waits.
    pub figures: bool,
    /// Dead letters.
    pub letters: bool,
    /// Accounts: for operators.
    pub accounts: bool,
    /// Nodes: for operators.
    pub nodes: bool,
    /// System events.
    pub events: bool,
}

/// What there is to be seen; what was not asked for is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewLook {
    /// When it was looked.
    pub at: Timestamp,
    /// The last hour by minutes in which anything ended.
    pub minutes: Vec<MinuteFigures>,
    /// The last day by hours in which anything happened, the newest first.
    pub hours: Vec<HourFigures>,
    /// What waits in the database, counted no further than to a bound.
    pub backlog: Vec<LaneBacklog>,
    /// The same over all lanes and tenants without a bound, as it was counted some seconds ago; for operators.
    pub waiting: Vec<(Reason, u64)>,
    /// Dead letters that nobody has dealt with, counted no further than to a bound.
    pub letters: Option<i64>,
    /// Outcomes that the database refused, over all tenants; for operators.
    pub quarantined: Option<u64>,
    /// Accounts.
    pub accounts: Vec<AccountStanding>,
    /// Nodes that have not ended.
    pub nodes: Vec<NodeStanding>,
    /// System events that are not over, the newest first.
    pub events: Vec<StoredEvent>,
}

impl OverviewDesk {
    /// How many dead letters of a tenant, of all without one, nobody has dealt with for each reason, the most
    /// frequent first, counted up to a bound.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn letter_reasons(
        &self,
        tenant_id: Option<Uuid>,
    ) -> Result<Vec<(String, i64)>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(overview::letter_reasons(&mut connection, tenant_id).await?)
        };
        self.desk.with("count dead letters by reason", work).await
    }

    /// Looks.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn look(&self, asked: OverviewAsked) -> Result<OverviewLook, DeskError> {
        let mut look = OverviewLook {
            at: clock::now(),
            minutes: vec![],
            hours: vec![],
            backlog: vec![],
            waiting: vec![],
            letters: None,
            quarantined: None,
            accounts: vec![],
            nodes: vec![],
            events: vec![],
        };
        let tenant_id = asked.tenant_id;
        if asked.nodes && tenant_id.is_none() {
            look.waiting = self.metrics.backlog();
            look.quarantined = Some(self.metrics.quarantined_now());
        }
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let connection = &mut *connection;
            if asked.figures {
                look.minutes = overview::minutes(connection, tenant_id, HOUR).await?;
                let span = day(look.at);
                look.hours = hours::hours(connection, tenant_id, &span, usize::MAX).await?;
                look.backlog = overview::backlog(connection, tenant_id).await?;
            }
            if asked.letters {
                look.letters = Some(overview::letters(connection, tenant_id).await?);
            }
            if asked.accounts {
                look.accounts = overview::accounts(connection).await?;
            }
            if asked.nodes {
                look.nodes = standing::nodes(connection).await?;
            }
            if asked.events {
                let open = EventFilter {
                    resolved: Some(false),
                    severity: None,
                };
                look.events = told::page(connection, tenant_id, open, None, MOST_EVENTS).await?;
            }
            Ok(look)
        };
        self.desk.with("look at the overview", work).await
    }
}

/// The last day, without what is told apart.
fn day(now: Timestamp) -> HoursAsked {
    HoursAsked {
        since: now.checked_sub(DAY).unwrap_or(now),
        until: now,
        by_provider: false,
        by_channel: false,
    }
}
