//! `/v1/suppressions`: addresses that nothing is sent to.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Query;
use super::parameters::{one_of, words};
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, Channel, Suppression, SuppressionReason, field};
use crate::ops::control::{Desks, StoredSuppression};
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Longest reason of a lift, in characters.
const REASON_CHARS: usize = 500;

/// An address that nothing is to be sent to.
#[derive(ToSchema)]
#[schema(as = NewSuppression)]
#[expect(dead_code, reason = "it describes what `asked` reads")]
struct AskedSuppression {
    /// `email`, `sms`, `push`, `in_app` or `chat`.
    #[schema(example = "email")]
    channel: String,
    /// In any spelling.
    #[schema(example = "ana@example.com")]
    address: String,
    /// The only category of messages that is kept from it; all are without it.
    #[schema(max_length = 100)]
    category: Option<String>,
    /// `hard_bounce`, `complaint`, `stop`, `unsubscribe` (what people may switch off alone) or `manual`, which it is
    /// without it. Each reason is an entry of its own.
    reason: Option<String>,
    /// When it ends by itself: a time ahead; never without it.
    #[schema(example = "2099-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// An entry of the list.
#[derive(Serialize, ToSchema)]
#[schema(as = Suppression)]
struct ShownSuppression<'a> {
    /// Names it in paths.
    id: Uuid,
    /// Whose list it is on.
    tenant_id: Uuid,
    /// The channel.
    #[schema(value_type = String)]
    channel: Channel,
    /// The address in its one spelling.
    address: &'a str,
    /// The only category of messages that is kept from it; null: all are.
    category: Option<&'a str>,
    /// Why.
    #[schema(value_type = String)]
    reason: SuppressionReason,
    /// When the address came on the list.
    since: Timestamp,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
    /// When it was changed last.
    updated_at: Timestamp,
    /// The provider's event that put it there; null: it was none, or it is forgotten.
    told_by: Option<ShownOrigin<'a>>,
}

/// The provider's event that put an address on the list.
#[derive(Serialize, ToSchema)]
#[schema(as = SuppressionOrigin)]
struct ShownOrigin<'a> {
    /// The account that told it.
    #[schema(example = "mail")]
    provider: &'a str,
    /// What it told.
    #[schema(example = "complaint")]
    event: &'a str,
    /// When that happened, as the provider says.
    at: Timestamp,
}

impl<'a> From<&'a StoredSuppression> for ShownSuppression<'a> {
    fn from(entry: &'a StoredSuppression) -> Self {
        let suppression = &entry.suppression;
        Self {
            id: entry.id,
            tenant_id: suppression.tenant_id,
            channel: suppression.channel,
            address: &suppression.address,
            category: suppression.category.as_deref(),
            reason: suppression.reason,
            since: entry.since,
            expires_at: entry.ends_at,
            updated_at: entry.updated_at,
            told_by: entry.told_by.as_ref().map(|told| ShownOrigin {
                provider: &told.provider,
                event: &told.event,
                at: told.at,
            }),
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Suppressions;
    vec![
        Endpoint::get("/v1/suppressions", list)
            .named("listSuppressions", "Addresses that nothing is sent to")
            .details("By falling id; also those that have ended. All for an operator who names no tenant.")
            .scope(Suppressions, Read)
            .query("channel", "only of this channel", one_of(Channel::ALL))
            .query("address", "only of this address, in any spelling; needs `channel`", words(field::ADDRESS_CHARS))
            .page::<ShownSuppression<'_>>("entries"),
        Endpoint::post("/v1/suppressions", create)
            .named("createSuppression", "Puts an address on the list")
            .details("One that is there, for the same category and reason, gets this end.")
            .scope(Suppressions, Write)
            .body::<AskedSuppression>()
            .answers::<ShownSuppression<'_>>(200, "the entry, which was there before")
            .answers::<ShownSuppression<'_>>(201, "the entry, which is new"),
        Endpoint::get("/v1/suppressions/{id}", get)
            .named("getSuppression", "One entry")
            .scope(Suppressions, Read)
            .answers::<ShownSuppression<'_>>(200, "the entry"),
        Endpoint::delete("/v1/suppressions/{id}", lift)
            .named("deleteSuppression", "Takes an entry off the list")
            .details("For its reason alone: others of the address stay. The audit trail keeps who did it, and why.")
            .scope(Suppressions, Write)
            .query("reason", "why, in up to 500 characters", words(500))
            .answers_other(204, "it is gone", None),
    ]
}

/// The list of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let channel = query.text("channel", channel);
    let address = query.text("address", |text| match channel {
        None => Err("name the `channel` that it is an address of".to_owned()),
        Some(channel) => field::address(channel, text).map_err(|unfit| unfit.to_string()),
    });
    let page = query.page("suppressions", who.tenant_id);
    let page = query.finish(page)?;
    let entries = desks
        .suppressions
        .page(
            who.tenant_id,
            (channel, address),
            page.after,
            page.limit + 1,
        )
        .await?;
    let entries = entries.iter().map(|it| (it.id, ShownSuppression::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

fn channel(word: &str) -> Result<Channel, String> {
    word.parse::<Channel>().map_err(|error| error.to_string())
}

/// One entry.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let entry = desks.suppressions.get(who.tenant_id, named(&id)?).await?;
    Ok(HttpResponse::Ok().json(ShownSuppression::from(&entry)))
}

/// Puts an address on the list.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let asked = asked(&mut sent, who.own_tenant());
    let (suppression, ends_at) = sent.finish(asked)?;
    let put = desks.suppressions.put(suppression, ends_at, who.by());
    let (entry, is_new) = put.await?;
    Ok(things::put_answer(
        is_new,
        format!("/v1/suppressions/{}", entry.id),
        ShownSuppression::from(&entry),
    ))
}

/// Takes an entry off the list.
async fn lift(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = named(&id)?;
    let mut query = Query::of(&request);
    let why = query.text("reason", |text| {
        field::line(text, REASON_CHARS).map_err(|unfit| unfit.to_string())
    });
    let why = query.finish(why)?;
    let lifted = desks.suppressions.lift((who.tenant_id, id), why, who.by());
    lifted.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is said of an entry: it, and when it ends.
pub(super) fn asked(
    sent: &mut SentFields,
    tenant_id: Uuid,
) -> Option<(Suppression, Option<Timestamp>)> {
    let channel = sent.text("channel", channel);
    let channel = sent.required("channel", channel);
    let address = sent.text("address", |text| match channel {
        Some(channel) => field::address(channel, text).map_err(|unfit| unfit.to_string()),
        // What is wrong with the channel is told already.
        None => Ok(text.to_owned()),
    });
    let address = sent.required("address", address);
    let category = sent.text("category", |text| {
        field::category(text).map_err(|unfit| unfit.to_string())
    });
    let reason = sent.text("reason", |word| {
        word.parse::<SuppressionReason>()
            .map_err(|error| error.to_string())
    });
    let now = clock::now();
    let ends_at = sent.text("expires_at", |text| {
        let moment = text.parse::<Timestamp>().ok();
        let ahead = moment.filter(|moment| *moment > now);
        ahead.ok_or_else(|| "a time ahead, as 2027-03-01T12:00:00Z is".to_owned())
    });
    let suppression = Suppression {
        tenant_id,
        channel: channel?,
        address: address?,
        reason: reason.unwrap_or(SuppressionReason::Manual),
        category,
    };
    Some((suppression, ends_at))
}

/// What is no UUID is no entry.
fn named(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "suppression")
}
