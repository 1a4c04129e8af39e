//! `POST /v1/simulations`: what other rules would have done to what has come in.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::ToSpan;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::categories::{self, AskedCategory};
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::problem::Problem;
use super::users::{AskedPreference, preference};
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{ChangedRules, Desks, SimulatedTraffic, SimulationReport, preference_of};
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 256 * 1_024;
/// Most rules of a kind.
const MOST_RULES: usize = 500;
/// Most notifications that one call looks at.
const MOST: usize = 50_000;
/// Furthest that it looks back, in hours: a month.
const MOST_HOURS: i64 = 744;
/// Hours of a call that does not say how many.
const USUAL_HOURS: i64 = 24;

/// Rules to be tried: each stands for what is said of the same thing now.
#[derive(ToSchema)]
#[schema(as = NewSimulation, example = json!({
    "hours": 24,
    "preferences": [{ "channel": "all", "frequency_cap": 5 }],
    "categories": [{ "name": "news", "over_cap": "defer" }]
}))]
#[expect(dead_code, reason = "it describes what `simulate` reads")]
struct AskedSimulation {
    /// How far it looks back; 24 when it is absent.
    #[schema(minimum = 1, maximum = 744, example = 24)]
    hours: Option<i64>,
    /// The tenant's defaults, or with a `user_id` a person's wishes.
    #[schema(max_items = 500)]
    preferences: Option<Vec<AskedTriedPreference>>,
    /// Categories, all that is said of them.
    #[schema(max_items = 500)]
    categories: Option<Vec<AskedCategory>>,
}

/// What a person, or the tenant for all of them, would want.
#[derive(ToSchema)]
#[schema(as = TriedPreference)]
#[expect(dead_code, reason = "it describes what `simulate` reads")]
struct AskedTriedPreference {
    /// The person; everybody in the tenant without it.
    user_id: Option<Uuid>,
    /// What they would want.
    #[schema(inline)]
    #[serde(flatten)]
    preference: AskedPreference,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/v1/simulations", simulate)
            .named("simulate", "What other rules would have done to what has come in")
            .details(
                "Decides anew on recorded notifications of the tenant, at most 50,000, by the rules of now and by the \
                 changed ones, and counts what differs, with some ids. Sends and writes nothing. People, devices and the \
                 suppression list are as they are now, accounts are taken to be there, and daily caps begin empty.",
            )
            .scope(ApiResource::Notifications, ApiAction::Read)
            .body::<AskedSimulation>()
            .answers::<SimulationReport>(200, "what would have become of them"),
    ]
}

/// Tries rules.
async fn simulate(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let tenant_id = who.own_tenant();
    let hours = sent.integer("hours", 1..=MOST_HOURS);
    let changed = changed(&mut sent, tenant_id);
    let changed = sent.finish(Some(changed))?;
    let now = clock::now();
    let since = now.checked_sub(hours.unwrap_or(USUAL_HOURS).hours());
    let traffic = SimulatedTraffic {
        tenant_id: Some(tenant_id),
        since: since.unwrap_or(now),
        until: now,
        most: MOST,
    };
    let report = desks.simulations.simulate(changed, traffic).await?;
    Ok(HttpResponse::Ok().json(report))
}

fn changed(sent: &mut SentFields, tenant_id: Uuid) -> ChangedRules {
    let mut changed = ChangedRules::default();
    let preferences = sent.objects("preferences", MOST_RULES, |item| {
        let id = |text: &str| Uuid::parse_str(text).map_err(|_| "a UUID is expected".to_owned());
        let user_id = item.text("user_id", id);
        Some((
            user_id,
            preference_of(&preference(item, Uuid::nil(), None)?),
        ))
    });
    for (user_id, preference) in preferences.into_iter().flatten() {
        match user_id {
            Some(user_id) => changed.people.push(((tenant_id, user_id), preference)),
            None => changed.defaults.push((tenant_id, preference)),
        }
    }
    let categories = sent.objects("categories", MOST_RULES, |item| {
        categories::asked(item, tenant_id, None)
    });
    changed.categories = categories.unwrap_or_default();
    changed
}
