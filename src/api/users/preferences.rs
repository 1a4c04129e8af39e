//! `/v1/users/{id}/preferences`: all that a person wants, replaced as a whole.

use std::collections::{BTreeSet, HashSet};

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::civil::{Time, Weekday};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::authority::KeyOrPerson;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::problem::Problem;
use crate::domain::field::{self, Misfit};
use crate::domain::preference::{Scope, Setting};
use crate::domain::{ApiAction, ApiResource, Channel, OwnResource, limits, quiet_text};
use crate::ops::control::{Desks, PersonOf, PreferenceFields, shown_preference};

/// Largest body.
const MOST_BYTES: usize = 256 * 1_024;
/// Most preferences of a person.
const MOST: usize = 500;

/// What a person wants of some of what may be sent: of a channel, a category, a category on a channel, or
/// (`"channel": "all"`) everything.
#[derive(Serialize, ToSchema)]
#[schema(as = Preference)]
pub(in crate::api) struct AskedPreference {
    /// `email`, `sms`, `push`, `in_app`, `chat`, or `all`.
    #[schema(required = false, example = "email")]
    channel: Option<String>,
    /// A category's name.
    #[schema(required = false, max_length = 100)]
    category: Option<String>,
    /// Whether anything may be sent; without it the tenant's default says.
    #[schema(required = false)]
    enabled: Option<bool>,
    /// Most notifications a local day, 0 to 1,000; or `"none"`, whatever the tenant's default says.
    #[schema(required = false, value_type = Option<Value>, example = 5)]
    frequency_cap: Option<Value>,
    /// `"none"`: no quiet hours, whatever the tenant's default says.
    #[schema(required = false)]
    quiet_hours: Option<String>,
    /// First minute of silence, local time.
    #[schema(required = false, example = "22:00")]
    quiet_hours_start: Option<String>,
    /// First minute after it; before the start when the window spans midnight.
    #[schema(required = false, example = "07:00")]
    quiet_hours_end: Option<String>,
    /// Days on which a window starts: `mon` to `sun`; every day without it.
    #[schema(required = false)]
    quiet_hours_days: Option<Vec<String>>,
    /// IANA name; the person's own without it, else UTC.
    #[schema(required = false)]
    timezone: Option<String>,
}

/// All that a person wants.
#[derive(Serialize, ToSchema)]
#[schema(as = Preferences)]
struct ShownPreferences {
    /// One for each of what they are about.
    #[schema(value_type = Vec<AskedPreference>)]
    preferences: Vec<Value>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Users;
    use OwnResource::Preferences;
    vec![
        Endpoint::get("/v1/users/{id}/preferences", get)
            .named("getPreferences", "All that a person wants")
            .scope(Users, Read)
            .or_self(Preferences, Read)
            .answers::<ShownPreferences>(200, "their preferences"),
        Endpoint::put("/v1/users/{id}/preferences", put)
            .named("putPreferences", "Replaces all that a person wants")
            .details(
                "The list may also be sent bare. A person may name the categories of their choices; whoever has a key may \
                 name others.",
            )
            .scope(Users, Write)
            .or_self(Preferences, Write)
            .body::<ShownPreferences>()
            .answers::<ShownPreferences>(200, "their preferences as they are now"),
    ]
}

/// All that a person wants.
async fn get(
    who: KeyOrPerson,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let preferences = desks.people.preferences(who.of(&id)?).await?;
    Ok(HttpResponse::Ok().json(shown(&preferences)))
}

/// Replaces all that a person wants.
async fn put(
    who: KeyOrPerson,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = who.of(&id)?;
    let body = body::value(&request, payload, MOST_BYTES).await?;
    let mut known = HashSet::new();
    // Two preferences about the same contradict each other.
    let read = |item: &mut SentFields| {
        let preference = preference(item, of.1, None)?;
        if !known.insert(preference.scope.clone()) {
            item.wrong(&[], "repeated", "another preference is about the same");
        }
        Some(preference)
    };
    let (sent, wanted) = match body {
        Value::Array(list) => {
            let mut sent = SentFields::default();
            let wanted = sent.each(&[], list, MOST, read);
            (sent, Some(wanted))
        }
        Value::Object(object) => {
            let mut sent = SentFields::of(object);
            let wanted = sent.objects("preferences", MOST, read);
            let wanted = sent.required("preferences", wanted);
            (sent, wanted)
        }
        _ => return Err(body::malformed("neither a JSON list nor an object")),
    };
    let wanted = sent.finish(wanted)?;
    let preferences = desks.people.prefer(of, wanted, who.by()).await?;
    Ok(HttpResponse::Ok().json(shown(&preferences)))
}

fn shown(preferences: &[PreferenceFields]) -> ShownPreferences {
    ShownPreferences {
        preferences: preferences.iter().map(shown_preference).collect(),
    }
}

/// The categories that a person may name where they choose from what is listed. Whoever has a key may name any.
pub(super) async fn choosable(
    who: &KeyOrPerson,
    desks: &Desks,
    of: PersonOf,
) -> Result<Option<BTreeSet<String>>, Problem> {
    Ok(match who {
        KeyOrPerson::Key(_) => None,
        KeyOrPerson::Person(_) => Some(desks.people.categories(of).await?),
    })
}

/// What somebody wants of some of what may be sent, by the rules of `[[preferences]]`; of these categories, if only
/// some may be named.
pub(in crate::api) fn preference(
    sent: &mut SentFields,
    person: Uuid,
    choosable: Option<&BTreeSet<String>>,
) -> Option<PreferenceFields> {
    // As in a file; the path says who it is.
    sent.text("user_id", |text| match Uuid::parse_str(text) {
        Ok(id) if id == person => Ok(()),
        _ => Err("the path names another user".to_owned()),
    });
    let scope = scope(sent, choosable);
    let enabled = sent.flag("enabled");
    let frequency_cap = sent.value("frequency_cap", |value| match value.as_str() {
        Some("none") => Ok(Setting::None),
        _ => {
            let cap = value
                .as_i64()
                .filter(|cap| (0..=limits::FREQUENCY_CAP).contains(cap));
            let cap = cap
                .and_then(|cap| u32::try_from(cap).ok())
                .map(Setting::Value);
            cap.ok_or_else(|| format!("0 to {} a day, or \"none\"", limits::FREQUENCY_CAP))
        }
    });
    let (quiet_hours, quiet_hours_days) = quiet_hours(sent);
    let timezone = sent.text("timezone", |text| field::timezone(text).map_err(words));
    Some(PreferenceFields {
        scope: scope?,
        enabled,
        frequency_cap: frequency_cap.unwrap_or_default(),
        quiet_hours,
        quiet_hours_days,
        timezone,
    })
}

fn words(unfit: Misfit) -> String {
    unfit.to_string()
}

fn scope(sent: &mut SentFields, choosable: Option<&BTreeSet<String>>) -> Option<Scope> {
    let (has_channel, has_category) = (sent.has("channel"), sent.has("category"));
    let channel = sent.text("channel", |word| match word {
        "all" => Ok(None),
        word => word
            .parse::<Channel>()
            .map(Some)
            .map_err(|error| error.to_string()),
    });
    let category = sent.text("category", |text| {
        let named = field::category(text).map_err(words)?;
        match choosable.is_none_or(|them| them.contains(&named)) {
            true => Ok(named),
            false => Err("there is no such category among the person's choices".to_owned()),
        }
    });
    match (channel, category) {
        (Some(None), _) if has_category => {
            let words = "stands beside \"channel\": \"all\"; leave the channel out";
            sent.wrong(&["category"], "invalid", words);
            None
        }
        (Some(channel), category) if category.is_some() || !has_category => {
            Some(Scope::of(channel, category))
        }
        (None, Some(category)) if !has_channel => Some(Scope::Category(category)),
        (None, None) if !has_channel && !has_category => {
            let words = "a channel, a category, both, or \"channel\": \"all\"";
            sent.wrong(&["channel"], "required", words);
            None
        }
        _ => None,
    }
}

fn quiet_hours(sent: &mut SentFields) -> (Setting<(Time, Time)>, Vec<Weekday>) {
    let (has_start, has_end) = (sent.has("quiet_hours_start"), sent.has("quiet_hours_end"));
    let none = sent.text("quiet_hours", |word| match word {
        "none" if has_start || has_end => {
            Err("stands beside quiet_hours_start or quiet_hours_end".to_owned())
        }
        "none" => Ok(()),
        _ => Err("\"none\"; a window is quiet_hours_start and quiet_hours_end".to_owned()),
    });
    let times = || quiet_text::TIMES.to_owned();
    let start = sent.text("quiet_hours_start", |text| {
        quiet_text::start(text).ok_or_else(times)
    });
    let end = sent.text("quiet_hours_end", |text| {
        quiet_text::end(text).ok_or_else(times)
    });
    for (has, other, name) in [
        (has_start, has_end, "quiet_hours_start"),
        (has_end, has_start, "quiet_hours_end"),
    ] {
        if has && !other {
            sent.wrong(&[name], "invalid", "a window has a start and an end");
        }
    }
    let days = sent.texts("quiet_hours_days", |word| {
        quiet_text::day(word).ok_or_else(|| "mon, tue, wed, thu, fri, sat, sun".to_owned())
    });
    let days = days.unwrap_or_default();
    if days.iter().collect::<HashSet<_>>().len() < days.len() {
        sent.wrong(&["quiet_hours_days"], "repeated", "a day stands twice");
    }
    if !days.is_empty() && !has_start && !has_end {
        let words = "stands without quiet_hours_start and quiet_hours_end";
        sent.wrong(&["quiet_hours_days"], "invalid", words);
    }
    let hours = start.zip(end);
    if quiet_text::never_ends(hours, &days) {
        sent.wrong(&["quiet_hours_end"], "invalid", quiet_text::WITHOUT_END);
    }
    let setting = match (none, hours) {
        (Some(()), _) => Setting::None,
        (None, Some(hours)) => Setting::Value(hours),
        (None, None) => Setting::Inherit,
    };
    (setting, days)
}
