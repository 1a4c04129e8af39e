//! Changing what a person has chosen, in the transaction around it, with a line in the audit trail.

use serde_json::{Value, json};
use uuid::Uuid;

use super::PersonChoices;
use crate::domain::Channel;
use crate::domain::preference::{Scope, Setting};
use crate::ops::control::desk::DeskError;
use crate::ops::control::shown_preference;
use crate::store::PgConnection;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::preferences::{self, PreferenceFields};
use crate::store::suppressions::desk::{self, StoredSuppression};

/// Switches something on or off; says whether anything changed by that.
pub(in crate::ops::control) async fn switch(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    chosen: &PersonChoices,
    (what, on): (&Scope, bool),
    by: &DoneBy,
) -> Result<bool, DeskError> {
    let changes = chosen.wants().switch(what, on);
    let is_lifted = on && lift(connection, whose, (chosen, what), by).await?;
    let fields = of_scopes(connection, whose, changes.iter().map(|(scope, _)| scope)).await?;
    let wanted = fields.into_iter().zip(&changes).map(|(fields, (_, on))| {
        let wanted = PreferenceFields {
            enabled: Some(*on),
            ..fields.clone()
        };
        (fields, wanted)
    });
    let wanted: Vec<_> = wanted.collect();
    write(connection, whose, &wanted, by).await?;
    Ok(!changes.is_empty() || is_lifted)
}

/// Takes off the list what ended something that is wanted again; says whether there was any.
pub(in crate::ops::control) async fn lift(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    (chosen, what): (&PersonChoices, &Scope),
    by: &DoneBy,
) -> Result<bool, DeskError> {
    let lifted = lifted(chosen, what);
    for entry in &lifted {
        desk::lift(connection, entry.id).await?;
        note_lifted(connection, whose, entry, by).await?;
    }
    Ok(!lifted.is_empty())
}

/// Entries by which the person ended what they want again.
fn lifted<'a>(chosen: &'a PersonChoices, what: &'a Scope) -> Vec<&'a StoredSuppression> {
    let channels = Channel::ALL
        .iter()
        .filter(|channel| what.channel().is_none_or(|it| it == **channel));
    let of = |channel: &Channel| {
        let of_category = what.category().is_some();
        let category = chosen.ended(*channel, what.category());
        // All of a channel was ended, by what is older than categories: none of them comes else.
        let all = of_category.then(|| chosen.ended(*channel, None));
        category
            .chain(all.into_iter().flatten())
            .collect::<Vec<_>>()
    };
    channels.flat_map(of).collect()
}

/// Writes what a person says of something, as far as they say it; whether it comes is [`switch`]'s.
///
/// # Errors
/// The database is out of reach.
pub(in crate::ops::control) async fn say(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    said: &PreferenceFields,
    by: &DoneBy,
) -> Result<(), DeskError> {
    let fields = of_scopes(connection, whose, std::iter::once(&said.scope)).await?;
    let wanted = fields.into_iter().map(|fields| {
        let mut wanted = fields.clone();
        if said.frequency_cap != Setting::Inherit {
            wanted.frequency_cap = said.frequency_cap;
        }
        if said.quiet_hours != Setting::Inherit {
            wanted.quiet_hours = said.quiet_hours;
            wanted.quiet_hours_days.clone_from(&said.quiet_hours_days);
        }
        if said.timezone.is_some() {
            wanted.timezone.clone_from(&said.timezone);
        }
        (fields, wanted)
    });
    let wanted: Vec<_> = wanted.collect();
    write(connection, whose, &wanted, by).await
}

/// What a person says of something of which they say nothing.
pub(in crate::ops::control) const fn unsaid(scope: Scope) -> PreferenceFields {
    PreferenceFields {
        scope,
        enabled: None,
        frequency_cap: Setting::Inherit,
        quiet_hours: Setting::Inherit,
        quiet_hours_days: vec![],
        timezone: None,
    }
}

/// What the person says of each of these, which may be nothing.
async fn of_scopes(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    scopes: impl Iterator<Item = &Scope>,
) -> Result<Vec<PreferenceFields>, DeskError> {
    let own = preferences::of(connection, whose.0, whose.1).await?;
    let fields = scopes.map(|scope| {
        let known = own.iter().find(|it| it.scope == *scope).cloned();
        known.unwrap_or_else(|| unsaid(scope.clone()))
    });
    Ok(fields.collect())
}

/// Writes preferences, each as it was and as it is to be, and notes what differs in the audit trail.
async fn write(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    wanted: &[(PreferenceFields, PreferenceFields)],
    by: &DoneBy,
) -> Result<(), DeskError> {
    let (tenant_id, user_id) = whose;
    let changed: Vec<_> = wanted.iter().filter(|(was, is)| was != is).collect();
    if changed.is_empty() {
        return Ok(());
    }
    for (_, is) in &changed {
        preferences::upsert(connection, tenant_id, Some(user_id), is).await?;
    }
    let (was, is): (Vec<_>, Vec<_>) = changed.iter().map(|(was, is)| (was, is)).unzip();
    let changes = AuditChanges::between(said(&was), said(&is));
    audit::record_of(connection, by, "user", whose, "prefer", changes).await?;
    Ok(())
}

/// By what each is about.
fn said(preferences: &[&PreferenceFields]) -> Value {
    let named = preferences
        .iter()
        .map(|one| (one.scope.to_string(), shown_preference(one)));
    Value::Object(named.collect())
}

async fn note_lifted(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    entry: &StoredSuppression,
    by: &DoneBy,
) -> Result<(), DeskError> {
    let suppression = &entry.suppression;
    let was = json!({
        "channel": suppression.channel,
        "category": suppression.category,
        "reason": suppression.reason,
    });
    let lifted = json!({ "lifted_because": "the person wants it again" });
    let noted = AuditEntry {
        tenant_id: Some(whose.0),
        action: "delete",
        resource: "suppression",
        resource_id: entry.id.to_string(),
        changes: AuditChanges::between(was, lifted),
    };
    Ok(audit::record(connection, by, noted).await?)
}
