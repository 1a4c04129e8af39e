//! What a person changes on their page: their preferences, what an unsubscribing put on the suppression list, and
//! what webhooks are told of it, in one transaction.

use jiff::civil::{Time, Weekday};

use super::acted::{ActedDeed, only, tell};
use super::by_address;
use super::{LinkDeskError, PageDeed};
use crate::domain::preference::{Scope, Setting};
use crate::domain::{PersonLink, WebhookCatalog, quiet_text};
use crate::ops::control::choices::{self, changing};
use crate::store::audit::DoneBy;
use crate::store::preferences::PreferenceFields;
use crate::store::{PgConnection, recipients};
use crate::templates::person_page::PageDone;

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
    let whose = (link.tenant_id, link.user_id);
    let chosen = choices::read_by(connection, link).await?;
    let chosen = chosen.ok_or(LinkDeskError::Gone)?;
    let own = Scope::of(Some(link.channel), link.category.clone());
    if let Some(address) = &link.to {
        let of = (link, address.as_str(), &own);
        return by_address::act(connection, of, (&chosen, deed), (by, catalog)).await;
    }
    if let PageDeed::Switch { what, .. } | PageDeed::Quiet { what, .. } = deed {
        // Whoever has the link may make up names, and each would stay on the page.
        let category = what.category();
        let is_there =
            category.is_none_or(|it| chosen.categories(link.category.as_deref()).contains(it));
        is_there.then_some(()).ok_or(LinkDeskError::NotThere)?;
    }
    let (what, on) = match deed {
        PageDeed::OneClick => (&own, false),
        PageDeed::Switch { what, on } => (what, *on),
        PageDeed::Quiet { what, hours, days } => {
            let said = quiet(what, *hours, days);
            changing::say(connection, whose, &said, by).await?;
            return Ok(only(PageDone::Saved));
        }
        PageDeed::BadHours => return Ok(only(PageDone::BadHours)),
    };
    let is_needed = |category: &str| chosen.wants().is_required(category);
    if !on && what.category().is_some_and(is_needed) {
        return Ok(only(PageDone::Needed));
    }
    let is_changed = changing::switch(connection, whose, &chosen, (what, on), by).await?;
    let ends_theirs = !on && what.covers(link.channel, link.category.as_deref());
    let mut acted = only(PageDone::Saved);
    if is_changed && ends_theirs {
        acted.webhooks = tell(connection, link, catalog).await?;
    }
    Ok(acted)
}

/// Quiet hours, as a preference says them.
fn quiet(what: &Scope, hours: Option<(Time, Time)>, days: &[Weekday]) -> PreferenceFields {
    let every_day = days.len() == quiet_text::DAYS.len();
    let days = match (hours, every_day) {
        (Some(_), false) => days.to_vec(),
        (None, _) | (_, true) => vec![],
    };
    PreferenceFields {
        quiet_hours: hours.map_or(Setting::None, Setting::Value),
        quiet_hours_days: days,
        ..changing::unsaid(what.clone())
    }
}
