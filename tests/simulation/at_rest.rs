//! What must hold when nothing is left to happen.

use herald::domain::{AttemptRecord, Status};

use crate::database::Row;
use crate::ledger::Took;
use crate::wishes::{is_counted, wishes};
use crate::world::{HORIZON, World};

impl World {
    /// When nothing is left to happen.
    pub(crate) fn check_the_end(&mut self) {
        self.watch.seen.events = self.happened;
        if self.watch.broken.is_some() {
            return;
        }
        let left = self.unacknowledged().next();
        if let Some(number) = left {
            self.broken(number, "its message is still in the broker");
        }
        let clock = self.plan.at(HORIZON);
        for number in self.watch.published.clone() {
            self.watch.seen.published += 1;
            let row = self.tables.rows.get(&number);
            match row.map(|row| (row.status, row.due_at)) {
                Some((Status::Sent, _)) => self.watch.seen.sent += 1,
                Some((Status::Cancelled, _)) => self.watch.seen.cancelled += 1,
                Some((Status::Failed, _)) => self.watch.seen.failed += 1,
                // Silence on all hours: it waits for as long as the person wants.
                Some((Status::Pending, Some(due_at))) if due_at > clock => {
                    self.watch.seen.endless += 1
                }
                Some((Status::Pending, _)) => self.broken(number, "it is due and nobody takes it"),
                None => self.broken(number, "it is lost"),
            }
        }
        self.check_counters();
    }

    /// Refunds are exact: counted is what was sent or may have been.
    pub(crate) fn check_counters(&mut self) {
        let mut found: Option<(usize, String)> = None;
        for ((_, day, scope), ids) in &self.tables.books {
            for id in ids {
                let is_it = |(_, row): &(&usize, &Row)| row.notification.id == *id;
                let (number, row) = self.tables.rows.iter().find(is_it).unwrap();
                let may_be = row
                    .notification
                    .attempts
                    .iter()
                    .any(AttemptRecord::may_be_delivered);
                // What a dead node had counted stays so, unless somebody finds out.
                let excused = self.watch.bereft.contains(number);
                if row.status != Status::Pending
                    && row.status != Status::Sent
                    && !may_be
                    && !excused
                {
                    found = Some((
                        *number,
                        format!("counted for {scope} on {day} and not sent"),
                    ));
                }
            }
        }
        for request in &self.requests {
            let notification = &self.plan.published[request.number].notification;
            let counts = request.took == Took::Yes && is_counted(notification, &self.plan);
            if !counts || self.is_lost(request) {
                continue;
            }
            for wish in wishes(
                notification,
                &request.recipient,
                self.plan.rules_of(notification),
            ) {
                let key = (
                    notification.user_id,
                    wish.day(request.clock),
                    wish.scope.to_string(),
                );
                let ids = self.tables.books.get(&key);
                if wish.cap.is_some() && !ids.is_some_and(|ids| ids.contains(&notification.id)) {
                    found = Some((
                        request.number,
                        format!("sent and not counted for {}", wish.scope),
                    ));
                }
            }
        }
        if let Some((number, what)) = found {
            self.broken(number, what);
        }
    }
}
