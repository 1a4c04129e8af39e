//! `[[topics]]`

use super::fields::EntryFields;
use crate::domain::topic::{self, Topic};

pub(super) fn read(fields: &mut EntryFields) -> Option<Topic> {
    fields.required("name", "a text");
    let tenant_id = fields.tenant();
    let name = fields.fit("name", topic::name);
    let description = fields.fit("description", topic::description);
    Some(Topic {
        tenant_id,
        name: name?,
        description,
    })
}
