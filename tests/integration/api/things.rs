//! Things of one tenant, made by the examples of the document: what its paths name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::Operation;
use crate::api::door::{OTHER, ask_as};
use crate::database::lines;
use crate::stage::Stage;

/// Whom a `PUT` by an id makes.
const STAFF: &str = "0190c1a0-0000-7000-8000-00000000abce";

/// What is there, by the path that names it: `/v1/webhooks/{id}`.
#[derive(Debug)]
pub(super) struct Things(BTreeMap<String, String>);

impl Things {
    /// Makes one of each: by `POST` where things of its kind are made, else by `PUT` where it is.
    pub(super) async fn make(stage: &Stage, key: &str, operations: &[Operation]) -> Self {
        let mut things = Self(BTreeMap::new());
        for method in ["POST", "PUT"] {
            for it in operations.iter().filter(|it| it.method == method) {
                things.make_by(stage, key, it, operations).await;
            }
        }
        things.seed(stage).await;
        things
    }

    /// What no request of the tenant's makes.
    async fn seed(&mut self, stage: &Stage) {
        let mut owner = stage.database.owner().await;
        let letter = format!(
            "INSERT INTO notification_schema.notification_dlq (tenant_id, notification_id, failure_reason)
             VALUES ('{OTHER}', gen_random_uuid(), 'no_address') RETURNING id::text AS text"
        );
        let job = format!(
            "INSERT INTO notification_schema.jobs (id, tenant_id, kind, state, filter, rate, planned)
             VALUES (gen_random_uuid(), '{OTHER}', 'dlq_replay', 'paused', '{{}}', 1, 1)
             RETURNING id::text AS text"
        );
        let reader = &self.0["/v1/users/{id}"];
        let item = format!(
            "INSERT INTO notification_schema.inbox_items
                 (id, user_id, tenant_id, arrival, sequence, delivered_at, actions)
             VALUES (gen_random_uuid(), '{reader}', '{OTHER}', 1, 1, now(), '[{{\"id\":\"ok\",\"label\":\"OK\"}}]')
             RETURNING id::text AS text"
        );
        let ticket = &self.0["/v1/tickets/{id}"];
        let file = format!(
            "INSERT INTO ticket_schema.ticket_attachments
                 (id, tenant_id, ticket_id, author_id, name, content_type, size, created_at)
             SELECT gen_random_uuid(), tenant_id, id, requester_id, 'a.txt', 'text/plain', 1, now()
             FROM ticket_schema.support_tickets WHERE id = '{ticket}' RETURNING id::text AS text"
        );
        let event = &self.0["/v1/events/{id}"];
        let run = format!(
            "INSERT INTO notification_schema.workflow_runs (id, tenant_id, workflow_id, workflow, event_id, status)
             SELECT gen_random_uuid(), '{OTHER}', id, name, '{event}', 'waiting'
             FROM notification_schema.workflows WHERE tenant_id = '{OTHER}' LIMIT 1
             RETURNING id::text AS text"
        );
        let category = format!(
            "INSERT INTO ticket_schema.ticket_categories (tenant_id, id, name)
             VALUES ('{OTHER}', gen_random_uuid(), 'of-another') RETURNING id::text AS text"
        );
        for (thing, made) in [
            ("/v1/workflow-runs/{id}", run),
            ("/v1/ticket-categories/{id}", category),
            ("/v1/tickets/{id}/attachments/{attachment}", file),
            ("/v1/dlq/{id}", letter),
            ("/v1/jobs/{id}", job),
            ("/v1/inbox/{id}", item),
        ] {
            let made = lines(&mut owner, &made).await.concat();
            self.0.insert(thing.to_owned(), made);
        }
        for (thing, name) in [
            ("/v1/tenants/{id}", OTHER),
            ("/inbox/{version}", "1"),
            ("/inbox/{version}/{file}", "host.js"),
            ("/v1/inbox/{id}/actions/{action}", "ok"),
            ("/v1/providers/{name}", "of-nobody"),
            ("/hooks/smtp/{provider}", "of-nobody"),
            ("/v1/templates/{name}/versions/{version}", "1"),
            (
                "/v1/topics/{name}/subscribers/{user_id}",
                "0190c1a0-0000-7000-8000-000000000001",
            ),
        ] {
            self.0.insert(thing.to_owned(), name.to_owned());
        }
    }

    async fn make_by(&mut self, stage: &Stage, key: &str, by: &Operation, all: &[Operation]) {
        let below = match by.method.as_str() {
            "PUT" => by.path.clone(),
            _ => format!("{}/{{", by.path),
        };
        let made = all.iter().flat_map(Operation::things).filter(|thing| {
            let end = thing.rfind("/{").unwrap_or_default();
            let is_made = match by.method.as_str() {
                "PUT" => *thing == below,
                _ => thing[..end] == by.path,
            };
            is_made && !self.0.contains_key(thing)
        });
        let mut made: Vec<String> = made.collect();
        made.sort_unstable();
        made.dedup();
        // A file is no example of a body.
        if made.is_empty() || by.is_operators || by.path.ends_with("/attachments") {
            return;
        }
        if by.method == "PUT" {
            let name = match below.ends_with("/{id}") {
                true => STAFF,
                false => "of-another",
            };
            self.0.insert(below, name.to_owned());
        }
        let Ok(path) = self.path(by) else { return };
        let body = by.body_text();
        let answer = ask_as(stage, key, &by.method, &path, &body).await;
        let text = answer.text();
        // Another example may have made the same: the one of a notification describes its person.
        assert!(
            (200..300).contains(&answer.status) || answer.status == 409,
            "the example of {} does not do: {text}\n{body}",
            by.name
        );
        let (said, sent): (Value, Value) = (
            serde_json::from_str(&text).unwrap_or_default(),
            serde_json::from_str(&body).unwrap_or_default(),
        );
        for thing in made {
            let name = thing.rsplit("/{").next().unwrap().trim_end_matches('}');
            let mut named = [&said[name], &sent[name], &said["id"]].into_iter();
            if let Some(value) = named.find_map(Value::as_str) {
                self.0.insert(thing, value.to_owned());
            }
        }
    }

    /// What a path names from now on.
    pub(super) fn name(&mut self, thing: &str, value: &str) {
        self.0.insert(thing.to_owned(), value.to_owned());
    }

    /// The path of an operation, with what it names.
    pub(super) fn path(&self, operation: &Operation) -> Result<String, String> {
        let mut path = String::new();
        let mut from = 0;
        for thing in operation.things() {
            let Some(value) = self.0.get(&thing) else {
                return Err(format!(
                    "{} {}: nothing is known for {thing}: make one in things.rs",
                    operation.method, operation.path
                ));
            };
            let end = thing.rfind("/{").unwrap_or_default();
            path.push_str(&operation.path[from..=end]);
            path.push_str(value);
            from = thing.len();
        }
        path.push_str(&operation.path[from..]);
        Ok(path)
    }

    /// Whatever names one thing alone: others may choose the same words.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let is_id = |it: &&str| it.parse::<uuid::Uuid>().is_ok();
        self.0.values().map(String::as_str).filter(is_id)
    }
}
