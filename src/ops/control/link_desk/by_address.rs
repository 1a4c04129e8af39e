//! What somebody does by the link of a message that went to their address, and not to the person's: it ends, or
//! begins again, at that address alone.

use serde_json::json;

use super::acted::{ActedDeed, only, tell};
use super::{LinkDeskError, PageDeed};
use crate::domain::preference::Scope;
use crate::domain::{PersonLink, Suppression, SuppressionReason, WebhookCatalog};
use crate::ops::control::choices::{PersonChoices, changing};
use crate::store::PgConnection;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::suppressions::desk;
use crate::templates::person_page::PageDone;

/// Does it, in the transaction around it. Nothing but what the link is about can be changed by it.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn act(
    connection: &mut PgConnection,
    (link, address, own): (&PersonLink, &str, &Scope),
    (chosen, deed): (&PersonChoices, &PageDeed),
    (by, catalog): (&DoneBy, &WebhookCatalog),
) -> Result<ActedDeed, LinkDeskError> {
    let on = match deed {
        PageDeed::OneClick => false,
        PageDeed::Switch { what, on } if what == own => *on,
        _ => return Ok(only(PageDone::Needed)),
    };
    let category = link.category.as_deref();
    if !on && category.is_some_and(|it| chosen.wants().is_required(it)) {
        return Ok(only(PageDone::Needed));
    }
    let mut acted = only(PageDone::Saved);
    if on {
        let whose = (link.tenant_id, link.user_id);
        changing::lift(connection, whose, (chosen, own), by).await?;
    } else if chosen.ended(link.channel, category).next().is_none() {
        end(connection, link, address, by).await?;
        acted.webhooks = tell(connection, link, catalog).await?;
    }
    Ok(acted)
}

async fn end(
    connection: &mut PgConnection,
    link: &PersonLink,
    address: &str,
    by: &DoneBy,
) -> Result<(), LinkDeskError> {
    let entry = Suppression {
        tenant_id: link.tenant_id,
        channel: link.channel,
        address: address.to_owned(),
        reason: SuppressionReason::Unsubscribe,
        category: link.category.clone(),
    };
    let id = desk::put(connection, &entry, None).await?;
    let is = json!({
        "channel": entry.channel,
        "category": entry.category,
        "reason": entry.reason,
    });
    let noted = AuditEntry {
        tenant_id: Some(link.tenant_id),
        action: "create",
        resource: "suppression",
        resource_id: id.to_string(),
        changes: AuditChanges::made(is),
    };
    Ok(audit::record(connection, by, noted).await?)
}
