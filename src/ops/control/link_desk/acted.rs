//! What was done by a link, and who is told of it.

use uuid::Uuid;

use super::LinkDeskError;
use crate::domain::webhook::LaterEvent;
use crate::domain::{PersonLink, WebhookCatalog, WebhookEvent};
use crate::runtime::clock;
use crate::store::{PgConnection, webhooks};
use crate::templates::person_page::PageDone;

/// What was done.
#[derive(Debug)]
pub(super) struct ActedDeed {
    /// What the page says of it.
    pub(super) done: PageDone,
    /// The webhooks that are told of it.
    pub(super) webhooks: Vec<Uuid>,
}

/// Tells webhooks that what the link is about was ended by it; answers which.
pub(super) async fn tell(
    connection: &mut PgConnection,
    link: &PersonLink,
    catalog: &WebhookCatalog,
) -> Result<Vec<Uuid>, LinkDeskError> {
    let ids = [link.notification_id];
    let of = (link.tenant_id, link.user_id, &ids[..]);
    let told = LaterEvent::new(WebhookEvent::Unsubscribed, clock::now());
    Ok(webhooks::later::tell(connection, catalog, of, told).await?)
}

pub(super) const fn only(done: PageDone) -> ActedDeed {
    ActedDeed {
        done,
        webhooks: vec![],
    }
}
