//! What `herald.status` was told: everything, at least once, and in order for each notification.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::chaos::environment::Environment;
use crate::chaos::round::{PATIENCE, Round};

const EXCHANGE: &str = "herald.status";
/// The queue that keeps what is published.
const QUEUE: &str = "chaos.status";
const WAITING: &str = "SELECT count(*) FROM notification_schema.status_outbox";
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What must have been told of whom.
const EXPECTED: &str = "SELECT id::text, 'notification.sent' FROM notification_schema.notifications
        WHERE status = 'sent'
    UNION
    SELECT notification_id::text, CASE event WHEN 'delivered' THEN 'notification.delivered'
        WHEN 'open' THEN 'notification.opened' ELSE 'notification.clicked' END
    FROM notification_schema.email_logs
    WHERE tenant_id IS NOT NULL AND event IN ('delivered', 'open', 'click')";

/// Lets the engines that start from now on publish status events, and keeps these.
pub(super) async fn listen(environment: &mut Environment) -> Result<()> {
    environment.set("HERALD__BROKER__PUBLISH_STATUS", "true");
    environment.vhost.keep_all_of(EXCHANGE, QUEUE).await
}

/// What was heard, in its order.
#[derive(Debug, Default)]
struct Heard {
    events: usize,
    /// What was told under each id.
    bodies: HashMap<String, Vec<u8>>,
    /// What was told of each notification, each kind where it came first.
    kinds: HashMap<String, Vec<String>>,
    /// How many were told twice under one id, and were not the same.
    changed: usize,
}

impl Heard {
    fn of(bodies: Vec<Vec<u8>>) -> Result<Self> {
        let mut heard = Self {
            events: bodies.len(),
            ..Self::default()
        };
        for body in bodies {
            let event: Value = serde_json::from_slice(&body).context("a status event")?;
            let field = |name: &str| {
                let field = event.get(name).and_then(serde_json::Value::as_str);
                field.unwrap_or_default().to_owned()
            };
            let kinds = heard.kinds.entry(field("subject")).or_default();
            let kind = field("type");
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            let before = heard.bodies.insert(field("id"), body.clone());
            heard.changed += usize::from(before.is_some_and(|it| it != body));
        }
        Ok(heard)
    }

    /// Notifications of which something came too early.
    fn out_of_order(&self) -> usize {
        let ranks = |kinds: &Vec<String>| {
            let ranks = kinds.iter().filter_map(|kind| rank(kind));
            ranks.is_sorted()
        };
        self.kinds.values().filter(|it| !ranks(it)).count()
    }
}

/// The order in which a notification's events happen, as far as they have one.
fn rank(kind: &str) -> Option<u8> {
    match kind {
        "notification.accepted" => Some(0),
        "notification.sent" => Some(1),
        "notification.delivered" | "notification.opened" | "notification.clicked" => Some(2),
        _ => None,
    }
}

impl Round<'_> {
    /// Waits until so many status events wait to be published.
    pub(super) async fn status_waits(&mut self, many: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = 0;
        while waiting < many && Instant::now() < deadline {
            waiting = self.environment.database.count(WAITING).await?;
            sleep(LOOK_EVERY).await;
        }
        self.finding.must(waiting >= many, || {
            format!("{waiting} status events wait while RabbitMQ is away, not {many}")
        });
        self.finding
            .note(format!("{waiting} status events waited for RabbitMQ"));
        self.hears_status = true;
        Ok(())
    }

    /// Waits until all status events are published, and judges what was heard.
    pub(in crate::chaos) async fn status_is_heard(&mut self) -> Result<()> {
        if !self.hears_status {
            return Ok(());
        }
        let database = &self.environment.database;
        let deadline = Instant::now() + PATIENCE;
        while database.count(WAITING).await? > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        let waiting = database.count(WAITING).await?;
        let expected = database.ask(EXPECTED).await?;
        let heard = Heard::of(self.environment.vhost.take_all(QUEUE).await?)?;
        let told: HashSet<(&str, &str)> = heard
            .kinds
            .iter()
            .flat_map(|(id, kinds)| kinds.iter().map(|kind| (id.as_str(), kind.as_str())))
            .collect();
        let untold = expected.iter().filter(|row| match row.as_slice() {
            [id, kind] => !told.contains(&(id.as_str(), kind.as_str())),
            _ => true,
        });
        let untold = untold.count();
        self.finding
            .must(untold == 0 && !expected.is_empty() && waiting == 0, || {
                let all = expected.len();
                format!("{untold} of {all} status events were not heard, {waiting} wait")
            });
        let (out_of_order, changed) = (heard.out_of_order(), heard.changed);
        self.finding.must(out_of_order == 0 && changed == 0, || {
            format!("status events came out of order for {out_of_order} notifications, {changed} changed")
        });
        self.finding.note(format!(
            "{} status events, {} of them heard more than once",
            heard.events,
            heard.events - heard.bodies.len()
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_twice_counts_once_and_what_comes_too_early_is_seen() {
        let told = |id: &str, kind: &str, more: &str| {
            format!(r#"{{"id":"{id}","subject":"s","type":"notification.{kind}","data":"{more}"}}"#)
                .into_bytes()
        };
        let good = [
            told("1", "accepted", ""),
            told("2", "sent", ""),
            told("1", "accepted", ""),
            told("3", "opened", ""),
            told("4", "delivered", ""),
        ];
        let heard = Heard::of(good.to_vec()).unwrap();
        assert_eq!((heard.events, heard.bodies.len()), (5, 4));
        assert_eq!((heard.out_of_order(), heard.changed), (0, 0));
        let early = Heard::of(vec![told("3", "opened", ""), told("2", "sent", "")]).unwrap();
        assert_eq!(early.out_of_order(), 1);
        let changed = Heard::of(vec![told("1", "sent", "a"), told("1", "sent", "b")]).unwrap();
        assert_eq!(changed.changed, 1);
    }
}
