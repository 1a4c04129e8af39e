//! `/v1/users/{id}/choices`: what a person may choose from, and how it stands; changed one by one.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::preferences::{AskedPreference, choosable, preference};
use crate::api::authority::KeyOrPerson;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource, OwnResource, field};
use crate::ops::control::{ChosenChange, Desks};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

/// What a person chooses anew; what is absent stays as it is.
#[derive(Serialize, ToSchema)]
#[schema(as = ChoiceChange)]
struct AskedChange {
    /// What they say of a channel, a category, a category on a channel, or everything.
    #[schema(required = false)]
    preference: Option<AskedPreference>,
    /// Their time zone: an IANA name.
    #[schema(required = false, example = "Europe/Berlin")]
    timezone: Option<String>,
}

/// What there is to choose from, and how it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Choices)]
struct Choices {
    /// Whether anything is sent at all.
    enabled: bool,
    /// The person's time zone.
    timezone: Option<String>,
    /// The channels by which something may come.
    channels: Vec<ChannelChoice>,
    /// Quiet hours: of everything, and of whatever else has its own.
    quiet_hours: Vec<ChosenQuietHours>,
}

/// A channel, with the categories that may come by it.
#[derive(Serialize, ToSchema)]
struct ChannelChoice {
    /// `email`, `sms`, `push`, `in_app` or `chat`.
    channel: String,
    /// Whether it is on.
    enabled: bool,
    /// Whether nothing comes, for a reason that is not the person's to change: a complaint, or an address that is dead.
    stopped: bool,
    /// The categories.
    categories: Vec<CategoryChoice>,
}

/// A category on a channel.
#[derive(Serialize, ToSchema)]
struct CategoryChoice {
    /// Its name.
    category: String,
    /// Whether it comes.
    enabled: bool,
    /// Whether it cannot be switched off.
    required: bool,
}

/// When it is quiet.
#[derive(Serialize, ToSchema)]
struct ChosenQuietHours {
    /// A channel, or `all`.
    channel: String,
    /// Of which category; of all without it.
    #[schema(required = false)]
    category: Option<String>,
    /// First minute of silence, `HH:MM`; null without quiet hours.
    start: Option<String>,
    /// First minute after it.
    end: Option<String>,
    /// Days on which they begin.
    days: Vec<String>,
    /// The zone of these times.
    timezone: String,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Users;
    use OwnResource::Preferences;
    vec![
        Endpoint::get("/v1/users/{id}/choices", get)
            .named("getChoices", "What a person may choose from, and how it stands")
            .details("What their preferences and the tenant's defaults come to, as their page shows it.")
            .scope(Users, Read)
            .or_self(Preferences, Read)
            .answers::<Choices>(200, "their choices"),
        Endpoint::patch("/v1/users/{id}/choices", patch)
            .named("patchChoices", "Changes one of a person's choices")
            .details(
                "What `preference` says of something is kept beside what is known of it. Switching on lifts a suppression \
                 whose reason is `unsubscribe`. A person may name the categories that are listed; whoever has a key may \
                 name others.",
            )
            .scope(Users, Write)
            .or_self(Preferences, Write)
            .body::<AskedChange>()
            .answers::<Choices>(200, "their choices as they are now")
            .problem(409, "category_required"),
    ]
}

async fn get(
    who: KeyOrPerson,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(desks.people.choices(who.of(&id)?).await?))
}

async fn patch(
    who: KeyOrPerson,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = who.of(&id)?;
    let choosable = choosable(&who, &desks, of).await?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let has_any = sent.has("preference") || sent.has("timezone");
    let preference = sent.within("preference", |item| {
        preference(item, of.1, choosable.as_ref())
    });
    let timezone = sent.text("timezone", |text| {
        field::timezone(text).map_err(|unfit| unfit.to_string())
    });
    if !has_any {
        sent.wrong(
            &["preference"],
            "required",
            "a preference, a timezone, or both",
        );
    }
    let change = sent.finish(Some(ChosenChange {
        preference,
        timezone,
    }))?;
    let choices = desks.people.choose(of, change, who.by()).await?;
    Ok(HttpResponse::Ok().json(choices))
}
