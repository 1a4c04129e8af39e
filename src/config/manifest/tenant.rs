//! `[[tenants]]`

use uuid::Uuid;

use super::fields::EntryFields;
use super::template;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Its unique name.
    pub name: String,
    /// The language of messages to people of whom none is known.
    pub locale: Option<String>,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<Tenant> {
    fields.required("id", "a UUID");
    fields.required("name", "a text");
    let (id, name) = (fields.uuid("id"), fields.line("name", 100));
    let locale = template::locale(fields);
    Some(Tenant {
        id: id?,
        name: name?,
        locale,
    })
}
