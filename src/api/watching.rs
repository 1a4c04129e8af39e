//! `/v1/system-events` and `/v1/metrics/hourly`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::authority::Authority;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{flag, moment, one_of, time, word};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, Severity};
use crate::ops::control::{Desks, EventFilter, HourFigures, HoursAsked, StoredEvent};
use crate::runtime::clock;

/// The span of hours that nobody names: a day.
const USUAL: SignedDuration = SignedDuration::from_hours(24);
/// The longest span of hours.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Most figures of one answer.
const MOST: usize = 10_000;

/// Something that operators should see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemEvent)]
struct ShownEvent {
    /// Its number.
    id: i64,
    /// What kind.
    r#type: String,
    /// How bad: `low`, `medium`, `high` or `critical`.
    severity: String,
    /// What happened, in words.
    description: String,
    /// More of it.
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
    /// The tenant that it is about.
    tenant_id: Option<Uuid>,
    /// The person that it is about.
    user_id: Option<Uuid>,
    /// Whether the trouble is over.
    is_resolved: bool,
    /// When it began.
    created_at: Timestamp,
    /// When it was over.
    resolved_at: Option<Timestamp>,
}

/// Hours, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HourlyMetrics)]
struct ShownHours {
    /// The hours that begin at this time or later.
    since: Timestamp,
    /// The hours that begin before this time.
    until: Timestamp,
    /// Their figures; an hour in which nothing happened has none.
    data: Vec<ShownHour>,
}

/// The figures of an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HourlyMetric)]
struct ShownHour {
    /// Its beginning.
    hour: Timestamp,
    /// The account, if they are told apart; empty for what no account was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    provider: Option<String>,
    /// The channel, if they are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    channel: Option<String>,
    /// Sent.
    sent: i64,
    /// Failed for good.
    failed: i64,
    /// While the hour runs: put off; one that waits twice counts twice. Once it is over: begun in it, and not ended
    /// at its end.
    pending: i64,
    /// From acceptance, or from the time for which it was asked, to the provider's acceptance, on average.
    average_delivery_ms: Option<i64>,
    /// The same that half of them did not exceed, right to within a fortieth; none while the hour runs.
    p50_delivery_ms: Option<i64>,
    /// That 95 % did not exceed.
    p95_delivery_ms: Option<i64>,
    /// That 99 % did not exceed.
    p99_delivery_ms: Option<i64>,
    /// Providers told of so many that they are delivered, in this hour.
    delivered: i64,
    /// That they came back, for good or for now.
    bounced: i64,
    /// That somebody complained of them.
    complained: i64,
    /// That a person opened them.
    opened: i64,
    /// That somebody followed a link in them.
    clicked: i64,
    /// That somebody unsubscribed by them.
    unsubscribed: i64,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/system-events", events)
            .named("listSystemEvents", "What operators should see, the newest first")
            .details("A tenant sees what is about it; an operator who names none sees all.")
            .scope(ApiResource::SystemEvents, ApiAction::Read)
            .query("resolved", "whether the trouble is over", bool::schema())
            .query("severity", "how bad", one_of(Severity::ALL))
            .page::<ShownEvent>("events"),
        Endpoint::get("/v1/metrics/hourly", hourly)
            .named("getHourlyMetrics", "What was sent and what failed, by the hour")
            .details(
                "The last 24 hours, unless `since` and `until` say otherwise; 31 days at most. Over all tenants for an \
                 operator who names none.",
            )
            .scope(ApiResource::Metrics, ApiAction::Read)
            .query("since", "hours that begin at this time or later", time())
            .query("until", "hours that begin before this time", time())
            .query(
                "group_by",
                "`provider`, `channel`, or both with a comma between them",
                one_of(&["provider", "channel", "provider,channel", "channel,provider"]),
            )
            .answers::<ShownHours>(200, "the hours"),
    ]
}

/// System events about a tenant; all for an operator who names none.
async fn events(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let filter = EventFilter {
        resolved: query.text("resolved", flag),
        severity: query.text("severity", word::<Severity>),
    };
    let page = query.page::<i64>("system-events", who.tenant_id);
    let page = query.finish(page)?;
    let most = page.limit + 1;
    let found = desks
        .watch
        .events(who.tenant_id, filter, page.after, most)
        .await?;
    let entries = found.into_iter().map(|it| (it.id, ShownEvent::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// The figures of a tenant's hours; of all tenants' together for an operator who names none.
async fn hourly(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let (since, until) = (query.text("since", moment), query.text("until", moment));
    let until = until.unwrap_or_else(clock::now);
    let since = since
        .or_else(|| until.checked_sub(USUAL).ok())
        .unwrap_or(until);
    if since >= until {
        query.wrong("since", "invalid", "a time before `until`");
    } else if until.duration_since(since) > LONGEST {
        query.wrong("since", "invalid", "at most 31 days before `until`");
    }
    let groups = query.text("group_by", groups);
    let (by_provider, by_channel) = groups.unwrap_or_default();
    let asked = query.finish(HoursAsked {
        since,
        until,
        by_provider,
        by_channel,
    })?;
    let figures = desks.watch.hours(who.tenant_id, asked, MOST + 1).await?;
    if figures.len() > MOST {
        let detail = format!("more than {MOST} figures: ask for a shorter span");
        return Err(Query::refused("since", detail));
    }
    Ok(HttpResponse::Ok().json(ShownHours {
        since,
        until,
        data: figures.into_iter().map(ShownHour::from).collect(),
    }))
}

/// Whether accounts are told apart, and whether channels are.
fn groups(text: &str) -> Result<(bool, bool), String> {
    let mut groups = (false, false);
    for group in text.split(',') {
        match group {
            "provider" => groups.0 = true,
            "channel" => groups.1 = true,
            _ => return Err("write `provider`, `channel`, or `provider,channel`".to_owned()),
        }
    }
    Ok(groups)
}

impl From<StoredEvent> for ShownEvent {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            r#type: event.event_type,
            severity: event.severity,
            description: event.description,
            details: event.details,
            tenant_id: event.tenant_id,
            user_id: event.user_id,
            is_resolved: event.is_resolved,
            created_at: event.created_at,
            resolved_at: event.resolved_at,
        }
    }
}

impl From<HourFigures> for ShownHour {
    fn from(figures: HourFigures) -> Self {
        Self {
            hour: figures.hour,
            provider: figures.provider,
            channel: figures.channel,
            sent: figures.sent,
            failed: figures.failed,
            pending: figures.pending,
            average_delivery_ms: figures.average_ms,
            p50_delivery_ms: figures.took.percentile(500),
            p95_delivery_ms: figures.took.percentile(950),
            p99_delivery_ms: figures.took.percentile(990),
            delivered: figures.told.delivered,
            bounced: figures.told.bounced,
            complained: figures.told.complained,
            opened: figures.told.opened,
            clicked: figures.told.clicked,
            unsubscribed: figures.told.unsubscribed,
        }
    }
}
