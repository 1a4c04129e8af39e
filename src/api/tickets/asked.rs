//! What is said of a ticket: every mistake at once.

use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::who::TicketCaller;
use crate::api::fields::SentFields;
use crate::api::parameters::{uuid, word};
use crate::domain::{field, storable};
use crate::tickets::domain::{TicketPriority, TicketViewer};
use crate::tickets::policy::{NewTicket, TicketEdit};

/// Longest subject and place, in characters.
const LINE_CHARS: usize = 255;
/// Longest description and comment, in characters.
pub(in crate::api) const TEXT_CHARS: usize = 100_000;
/// Largest metadata, in bytes of JSON.
const METADATA_BYTES: usize = 64 * 1_024;
/// Most followers.
const FOLLOWERS: usize = 100;

/// A ticket that is to be made.
#[derive(ToSchema)]
#[schema(as = NewTicket)]
#[expect(dead_code, reason = "it describes what `ticket` reads")]
pub(super) struct AskedTicket {
    /// In a line.
    #[schema(max_length = 255, example = "The printer on the second floor burns")]
    subject: String,
    /// In full.
    #[schema(max_length = 100_000, example = "Since this morning there is smoke.")]
    description: String,
    /// `urgent`, `high`, `normal` (without it) or `low`.
    #[schema(example = "high")]
    priority: Option<String>,
    /// Who asks. A person with a user token asks for themselves, and need not say it.
    #[schema(example = "0190c1a0-0000-7000-8000-000000000001")]
    requester_id: Uuid,
    /// What it is about: any name; rules are found by it.
    #[schema(max_length = 100, example = "hardware")]
    category: Option<String>,
    /// Where it is about.
    #[schema(max_length = 255)]
    location: Option<String>,
    /// Who wants to be told of it, beside requester and assignee.
    #[schema(max_items = 100)]
    followers: Option<Vec<Uuid>>,
    /// What other systems say of it: up to 64 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Who makes it; the requester without it.
    actor_id: Option<Uuid>,
}

/// What is to be different of a ticket; `null` takes a field away.
#[derive(ToSchema)]
#[schema(as = ChangedTicket)]
#[expect(dead_code, reason = "it describes what `edit` reads")]
pub(super) struct ChangedTicketFields {
    /// In a line.
    #[schema(max_length = 255, example = "The printer on the third floor burns")]
    subject: Option<String>,
    /// In full.
    #[schema(max_length = 100_000)]
    description: Option<String>,
    /// `urgent`, `high`, `normal` or `low`.
    priority: Option<String>,
    /// What it is about.
    #[schema(max_length = 100)]
    category: Option<String>,
    /// Where it is about.
    #[schema(max_length = 255)]
    location: Option<String>,
    /// Who wants to be told of it: all of them.
    #[schema(max_items = 100)]
    followers: Option<Vec<Uuid>>,
    /// What other systems say of it: all of it.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Who changes it, where a server asks.
    actor_id: Option<Uuid>,
}

/// A ticket.
pub(super) fn ticket(sent: &mut SentFields, caller: &TicketCaller) -> Option<NewTicket> {
    let subject = sent.text("subject", line);
    let description = sent.text("description", |text| prose(text, TEXT_CHARS));
    let requester_id = sent.text("requester_id", person);
    let requester_id = match caller.viewer {
        TicketViewer::Requester(own) => {
            if requester_id.is_some_and(|said| said != own) {
                let why = "a person asks for themselves: leave it out";
                sent.wrong(&["requester_id"], "invalid", why);
            }
            Some(own)
        }
        _ => sent.required("requester_id", requester_id),
    };
    let subject = sent.required("subject", subject);
    let description = sent.required("description", description);
    let priority: Option<TicketPriority> = sent.text("priority", word);
    let category = sent.text("category", category);
    let followers = followers(sent);
    if followers.is_some() && !caller.viewer.sees_internal() {
        let why = "whoever works on the ticket says who else is told of it: leave it out";
        sent.wrong(&["followers"], "invalid", why);
    }
    let location = sent.text("location", line);
    let metadata = metadata(sent);
    Some(NewTicket {
        subject: subject?,
        description: description?,
        priority: priority.unwrap_or(TicketPriority::Normal),
        category,
        requester_id: requester_id?,
        followers: followers.unwrap_or_default(),
        location,
        metadata: metadata.unwrap_or_default(),
    })
}

/// What is to be different.
pub(super) fn edit(sent: &mut SentFields) -> TicketEdit {
    TicketEdit {
        subject: sent.text("subject", line),
        description: sent.text("description", |text| prose(text, TEXT_CHARS)),
        priority: sent.text("priority", word),
        category: sent.said("category", category),
        followers: followers(sent),
        location: sent.said("location", line),
        metadata: metadata(sent),
    }
}

/// Who does it, where a server says so; a person does it themselves.
pub(super) fn actor(sent: &mut SentFields, caller: &TicketCaller) -> Option<Uuid> {
    let said = sent.text("actor_id", person);
    if let (Some(said), Some(own)) = (said, caller.viewer.person())
        && said != own
    {
        sent.wrong(
            &["actor_id"],
            "invalid",
            "a person does it themselves: leave it out",
        );
    }
    caller.viewer.person().or(said)
}

/// A person's id; the nil UUID is nobody's.
pub(in crate::api) fn person(text: &str) -> Result<Uuid, String> {
    match uuid(text)? {
        id if id.is_nil() => Err("the nil UUID is nobody's".to_owned()),
        id => Ok(id),
    }
}

/// A category's name, in its one spelling.
pub(in crate::api) fn category(text: &str) -> Result<String, String> {
    field::category(text).map_err(|unfit| unfit.to_string())
}

/// A text on one line.
pub(super) fn line(text: &str) -> Result<String, String> {
    field::line(text, LINE_CHARS).map_err(|unfit| unfit.to_string())
}

/// A text of several lines.
pub(in crate::api) fn prose(text: &str, most: usize) -> Result<String, String> {
    if text.trim().is_empty() || text.contains('\0') || text.chars().count() > most {
        return Err(format!(
            "write 1 to {most} characters, none of which is NUL"
        ));
    }
    Ok(text.to_owned())
}

fn followers(sent: &mut SentFields) -> Option<Vec<Uuid>> {
    let mut followers = sent.texts("followers", person)?;
    if followers.len() > FOLLOWERS {
        sent.wrong(&["followers"], "too_many", format!("at most {FOLLOWERS}"));
    }
    followers.sort_unstable();
    followers.dedup();
    Some(followers)
}

fn metadata(sent: &mut SentFields) -> Option<Map<String, Value>> {
    sent.value("metadata", |value| {
        let Value::Object(object) = value else {
            return Err("an object is expected".to_owned());
        };
        let text = value.to_string();
        if text.len() > METADATA_BYTES {
            return Err(format!("at most {METADATA_BYTES} bytes of JSON"));
        }
        storable::check(value).map_err(|unfit| unfit.to_string())?;
        Ok(object.clone())
    })
}
