//! What a person wants.

use serde_json::{Value, json};

use super::{PeopleDesk, PersonOf, held, note};
use crate::domain::preference::{Scope, Setting};
use crate::domain::quiet_text;
use crate::ops::control::desk::DeskError;
use crate::store::audit::{AuditChanges, DoneBy};
use crate::store::preferences::{self, PreferenceFields};
use crate::store::recipients::desk;
use crate::store::{Database, PgConnection};

impl PeopleDesk {
    /// All that a person wants.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn preferences(
        &self,
        (tenant_id, id): PersonOf,
    ) -> Result<Vec<PreferenceFields>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let person = desk::get(&mut connection, tenant_id, id).await?;
            let person = person.ok_or(DeskError::NotFound("user"))?;
            Ok(preferences::of(&mut connection, person.tenant_id, person.id).await?)
        };
        self.desk.with("get preferences", work).await
    }

    /// Replaces all that a person wants.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn prefer(
        &self,
        of: PersonOf,
        wanted: Vec<PreferenceFields>,
        by: DoneBy,
    ) -> Result<Vec<PreferenceFields>, DeskError> {
        let work = async move |database: Database| {
            often!(database, async |connection: &mut PgConnection| {
                let person = held(connection, of).await?;
                let whose = (person.tenant_id, person.id);
                let old = preferences::of(connection, whose.0, whose.1).await?;
                preferences::replace(connection, whose, &wanted).await?;
                let new = preferences::of(connection, whose.0, whose.1).await?;
                let changes = AuditChanges::between(all(&old), all(&new));
                if !changes.is_empty() {
                    note(connection, whose, &by, "prefer", changes).await?;
                }
                Ok(new)
            })
        };
        self.desk.with("replace preferences", work).await
    }
}

/// By what each is about, so that only what differs is kept.
fn all(preferences: &[PreferenceFields]) -> Value {
    let named = preferences
        .iter()
        .map(|one| (one.scope.to_string(), shown(one)));
    Value::Object(named.collect())
}

/// A preference as `herald apply` and `PUT` take it.
#[must_use]
pub fn shown(preference: &PreferenceFields) -> Value {
    let mut shown = json!({});
    let mut say = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(fields)) = (value, shown.as_object_mut()) {
            fields.insert(name.to_owned(), value);
        }
    };
    let channel = match &preference.scope {
        Scope::All => Some(json!("all")),
        scope => scope.channel().map(|channel| json!(channel)),
    };
    say("channel", channel);
    say(
        "category",
        preference.scope.category().map(|name| json!(name)),
    );
    say("enabled", preference.enabled.map(|enabled| json!(enabled)));
    say(
        "frequency_cap",
        match preference.frequency_cap {
            Setting::Inherit => None,
            Setting::None => Some(json!("none")),
            Setting::Value(cap) => Some(json!(cap)),
        },
    );
    match preference.quiet_hours {
        Setting::Inherit => {}
        Setting::None => say("quiet_hours", Some(json!("none"))),
        Setting::Value((start, end)) => {
            say("quiet_hours_start", Some(json!(quiet_text::minute(start))));
            say("quiet_hours_end", Some(json!(quiet_text::minute(end))));
        }
    }
    let days = preference.quiet_hours_days.iter();
    let days: Vec<&str> = days.map(|day| quiet_text::word(*day)).collect();
    say("quiet_hours_days", (!days.is_empty()).then(|| json!(days)));
    say(
        "timezone",
        preference.timezone.as_ref().map(|zone| json!(zone)),
    );
    shown
}
