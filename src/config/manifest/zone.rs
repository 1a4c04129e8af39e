//! Time zones as an operator may write them.

use super::fields::EntryFields;
use crate::domain::nearest::nearest;
use crate::domain::zone;

/// An IANA name in its one spelling.
pub(super) fn read(fields: &mut EntryFields, key: &'static str) -> Option<String> {
    let name = fields.line(key, 50)?;
    let allowed = "an IANA name, for example Europe/Berlin";
    let Ok(zone) = zone::find(&name) else {
        let known: Vec<String> = zone::names().collect();
        let problem = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("\"{name}\" is not a time zone, but \"{near}\" is"),
            None => format!("\"{name}\" is not a time zone"),
        };
        return fields.refuse_with(key, problem, allowed);
    };
    match zone.iana_name() {
        Some(right) if right != name => {
            let problem = format!("\"{name}\" is spelled \"{right}\"");
            fields.refuse_with(key, problem, allowed)
        }
        _ => Some(name),
    }
}
