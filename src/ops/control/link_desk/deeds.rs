//! What a person changes on their page: their preferences, what an unsubscribing put on the suppression list, and
//! what webhooks are told of it, in one transaction.

use jiff::civil::{Time, Weekday};
use serde_json::{Value, json};
use uuid::Uuid;

use super::choices::{self, PersonChoices};
use super::{LinkDeskError, PageDeed};
use crate::domain::preference::{Scope, Setting};
use crate::domain::webhook::LaterEvent;
use crate::domain::{Channel, PersonLink, WebhookCatalog, WebhookEvent, quiet_text};
use crate::ops::control::shown_preference;
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::preferences::{self, PreferenceFields};
use crate::store::suppressions::desk::{self, StoredSuppression};
use crate::store::{PgConnection, recipients, webhooks};
use crate::templates::person_page::PageDone;

/// What was done.
#[derive(Debug)]
pub(super) struct ActedDeed {
    /// What the page says of it.
    pub(super) done: PageDone,
    /// The webhooks that are told of it.
    pub(super) webhooks: Vec<Uuid>,
}

/// Does what a person wants, in the transaction around it. Done once more it changes nothing.
///
/// # Errors
/// There is no such person any more; or the database is out of reach.
pub(super) async fn act(
    connection: &mut PgConnection,
    link: &PersonLink,
    deed: &PageDeed,
    (by, catalog): (&DoneBy, &WebhookCatalog),
) -> Result<ActedDeed, LinkDeskError> {
    let tenant = Some(link.tenant_id);
    let held = recipients::desk::hold(connection, tenant, link.user_id).await?;
    held.ok_or(LinkDeskError::Gone)?;
    let chosen = choices::read(connection, link).await?;
    let chosen = chosen.ok_or(LinkDeskError::Gone)?;
    let own = Scope::of(Some(link.channel), link.category.clone());
    let (what, on) = match deed {
        PageDeed::OneClick => (&own, false),
        PageDeed::Switch { what, on } => (what, *on),
        PageDeed::Quiet { what, hours, days } => {
            let quiet = (*hours, &days[..]);
            be_quiet(connection, link, what, quiet, by).await?;
            return Ok(only(PageDone::Saved));
        }
        PageDeed::BadHours => return Ok(only(PageDone::BadHours)),
    };
    let is_needed = |category: &str| chosen.wants().is_required(category);
    if !on && what.category().is_some_and(is_needed) {
        return Ok(only(PageDone::Needed));
    }
    let is_changed = switch(connection, link, &chosen, (what, on), by).await?;
    let ends_theirs = !on && what.covers(link.channel, link.category.as_deref());
    let mut acted = only(PageDone::Saved);
    if is_changed && ends_theirs {
        let ids = [link.notification_id];
        let of = (link.tenant_id, link.user_id, &ids[..]);
        let told = LaterEvent::new(WebhookEvent::Unsubscribed, clock::now());
        acted.webhooks = webhooks::later::tell(connection, catalog, of, told).await?;
    }
    Ok(acted)
}

const fn only(done: PageDone) -> ActedDeed {
    ActedDeed {
        done,
        webhooks: vec![],
    }
}

/// Switches something on or off; says whether anything changed by that.
async fn switch(
    connection: &mut PgConnection,
    link: &PersonLink,
    chosen: &PersonChoices,
    (what, on): (&Scope, bool),
    by: &DoneBy,
) -> Result<bool, LinkDeskError> {
    let changes = chosen.wants().switch(what, on);
    let lifted: Vec<&StoredSuppression> = match on {
        true => lifted(chosen, what),
        false => vec![],
    };
    for entry in &lifted {
        desk::lift(connection, entry.id).await?;
        note_lifted(connection, link, entry, by).await?;
    }
    let fields = of_scopes(connection, link, changes.iter().map(|(scope, _)| scope)).await?;
    let wanted = fields.into_iter().zip(&changes).map(|(fields, (_, on))| {
        let wanted = PreferenceFields {
            enabled: Some(*on),
            ..fields.clone()
        };
        (fields, wanted)
    });
    let wanted: Vec<_> = wanted.collect();
    write(connection, link, &wanted, by).await?;
    Ok(!changes.is_empty() || !lifted.is_empty())
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

async fn be_quiet(
    connection: &mut PgConnection,
    link: &PersonLink,
    what: &Scope,
    (hours, days): (Option<(Time, Time)>, &[Weekday]),
    by: &DoneBy,
) -> Result<(), LinkDeskError> {
    let every_day = days.len() == quiet_text::DAYS.len();
    let days = match (hours, every_day) {
        (Some(_), false) => days.to_vec(),
        (None, _) | (_, true) => vec![],
    };
    let fields = of_scopes(connection, link, std::iter::once(what)).await?;
    let wanted = fields.into_iter().map(|fields| {
        let wanted = PreferenceFields {
            quiet_hours: hours.map_or(Setting::None, Setting::Value),
            quiet_hours_days: days.clone(),
            ..fields.clone()
        };
        (fields, wanted)
    });
    let wanted: Vec<_> = wanted.collect();
    write(connection, link, &wanted, by).await
}

/// What the person says of each of these, which may be nothing.
async fn of_scopes(
    connection: &mut PgConnection,
    link: &PersonLink,
    scopes: impl Iterator<Item = &Scope>,
) -> Result<Vec<PreferenceFields>, LinkDeskError> {
    let own = preferences::of(connection, link.tenant_id, link.user_id).await?;
    let fields = scopes.map(|scope| {
        let known = own.iter().find(|it| it.scope == *scope).cloned();
        known.unwrap_or_else(|| PreferenceFields {
            scope: scope.clone(),
            enabled: None,
            frequency_cap: Setting::Inherit,
            quiet_hours: Setting::Inherit,
            quiet_hours_days: vec![],
            timezone: None,
        })
    });
    Ok(fields.collect())
}

/// Writes preferences, each as it was and as it is to be, and notes what differs in the audit trail.
async fn write(
    connection: &mut PgConnection,
    link: &PersonLink,
    wanted: &[(PreferenceFields, PreferenceFields)],
    by: &DoneBy,
) -> Result<(), LinkDeskError> {
    let (tenant_id, user_id) = (link.tenant_id, link.user_id);
    let changed: Vec<_> = wanted.iter().filter(|(was, is)| was != is).collect();
    if changed.is_empty() {
        return Ok(());
    }
    for (_, is) in &changed {
        preferences::upsert(connection, tenant_id, Some(user_id), is).await?;
    }
    let (was, is): (Vec<_>, Vec<_>) = changed.iter().map(|(was, is)| (was, is)).unzip();
    let changes = AuditChanges::between(said(&was), said(&is));
    let whose = (tenant_id, user_id);
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
    link: &PersonLink,
    entry: &StoredSuppression,
    by: &DoneBy,
) -> Result<(), LinkDeskError> {
    let suppression = &entry.suppression;
    let was = json!({
        "channel": suppression.channel,
        "category": suppression.category,
        "reason": suppression.reason,
    });
    let lifted = json!({ "lifted_because": "the person wants it again" });
    let noted = AuditEntry {
        tenant_id: Some(link.tenant_id),
        action: "delete",
        resource: "suppression",
        resource_id: entry.id.to_string(),
        changes: AuditChanges::between(was, lifted),
    };
    Ok(audit::record(connection, by, noted).await?)
}
