//! `[[categories]]`

use super::fields::EntryFields;
use crate::domain::category::{Category, OverCap};

pub(super) fn read(fields: &mut EntryFields) -> Option<Category> {
    fields.required("name", "a text");
    let tenant_id = fields.tenant();
    let name = fields.comparable("name", 100);
    let may_disable = fields.flag("may_disable");
    let over_cap = fields.word("over_cap", "cancel, defer");
    let on_unknown = fields.word("on_unknown", "retry, fail_over");
    Some(Category {
        tenant_id,
        name: name?,
        may_disable,
        over_cap: over_cap.unwrap_or(OverCap::Cancel),
        on_unknown,
    })
}
