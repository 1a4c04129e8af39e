//! Who works at the desk.

use uuid::Uuid;

use super::StaffRole;

/// The highest level that a ticket is brought to.
pub const HIGHEST_LEVEL: i16 = 3;

/// Somebody who works at the desk.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StaffMember {
    /// The person's id: events name them by it.
    pub id: Uuid,
    /// How colleagues know them.
    pub name: String,
    /// What they may see.
    pub role: StaffRole,
    /// What they are good at, or where they work.
    pub domain: Option<String>,
    /// Where escalation looks for them: 1 to 3.
    pub level: i16,
    /// Whether they are given tickets.
    pub is_active: bool,
}
