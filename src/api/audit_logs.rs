//! `/v1/audit-logs`.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{LONGEST, moment, plain, time, words};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, TimePlace};
use crate::ops::control::{AuditFilter, Desks, StoredAudit};
use crate::runtime::clock;

/// Entries that an export reads at once.
const PART: usize = 500;

/// A change, and who made it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditLog)]
struct ShownAudit {
    /// Its id.
    id: Uuid,
    /// Whose thing it is; null for what belongs to no tenant.
    tenant_id: Option<Uuid>,
    /// The id of the API key, or what acted on the command line.
    actor: Option<String>,
    /// What was done: `create`, `update`, `delete`, or another verb.
    action: String,
    /// To what kind of thing.
    resource_type: String,
    /// To which one.
    resource_id: Option<String>,
    /// From where.
    ip_address: Option<String>,
    /// By which request: its `Herald-Request-Id`.
    request_id: Option<Uuid>,
    /// The fields that differ, as they were (`old`) and as they are (`new`); secrets are not among them.
    #[schema(value_type = Option<Object>)]
    changes: Option<Value>,
    /// When.
    created_at: Timestamp,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        filtered(Endpoint::get("/v1/audit-logs", list))
            .named("listAuditLogs", "Who changed what, the newest first")
            .details("Of all tenants, and of what belongs to none, for an operator who names none.")
            .page::<ShownAudit>("changes"),
        filtered(Endpoint::get("/v1/audit-logs/export", export))
            .named("exportAuditLogs", "All of it, a JSON object a line, the newest first")
            .details("A connection that ends before the last line break was complete says that something failed.")
            .answers_other(200, "a line for each change", Some("application/x-ndjson")),
    ]
}

fn filtered(endpoint: Endpoint) -> Endpoint {
    let text = || words(LONGEST);
    endpoint
        .scope(ApiResource::AuditLogs, ApiAction::Read)
        .query("actor", "by this API key, or `command line`", text())
        .query("action", "this verb", text())
        .query("resource_type", "of this kind of thing", text())
        .query("resource_id", "of this thing", text())
        .query("since", "at this time or later", time())
        .query("until", "before this time", time())
}

fn filter(query: &mut Query) -> AuditFilter {
    AuditFilter {
        actor: query.text("actor", plain),
        action: query.text("action", plain),
        resource_type: query.text("resource_type", plain),
        resource_id: query.text("resource_id", plain),
        since: query.text("since", moment),
        until: query.text("until", moment),
    }
}

/// Who changed what of a tenant's things; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let filter = filter(&mut query);
    let page = query.page::<TimePlace>("audit-logs", who.tenant_id);
    let page = query.finish(page)?;
    let most = page.limit + 1;
    let found = desks
        .watch
        .audit(who.tenant_id, filter, page.after, most)
        .await?;
    let entries = found
        .into_iter()
        .map(|it| (it.place(), ShownAudit::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// The same, a part at a time, for as long as there is some: nothing of it is kept.
async fn export(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let mut filter = filter(&mut query);
    query.finish(())?;
    // What comes meanwhile would never end.
    let now = clock::now();
    filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
    let (watch, tenant_id) = (desks.watch.clone(), who.tenant_id);
    let first = watch.audit(tenant_id, filter.clone(), None, PART).await?;
    let parts = stream::try_unfold(Some(first), move |part| {
        let (watch, filter) = (watch.clone(), filter.clone());
        async move {
            let Some(part) = part else { return Ok(None) };
            let Some(last) = part.last().map(StoredAudit::place) else {
                return Ok(None);
            };
            let next = match part.len() {
                PART => Some(watch.audit(tenant_id, filter, Some(last), PART).await?),
                _ => None,
            };
            Ok::<_, Problem>(Some((lines(part)?, next)))
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .streaming(parts))
}

fn lines(part: Vec<StoredAudit>) -> Result<Bytes, Problem> {
    let mut text = vec![];
    for entry in part {
        let written = serde_json::to_writer(&mut text, &ShownAudit::from(entry));
        written.map_err(|_| Problem::internal())?;
        text.push(b'\n');
    }
    Ok(text.into())
}

impl From<StoredAudit> for ShownAudit {
    fn from(stored: StoredAudit) -> Self {
        Self {
            id: stored.id,
            tenant_id: stored.tenant_id,
            actor: stored.actor,
            action: stored.action,
            resource_type: stored.resource_type,
            resource_id: stored.resource_id,
            ip_address: stored.address,
            request_id: stored.request_id,
            changes: stored.changes,
            created_at: stored.created_at,
        }
    }
}
