//! Settings of how long notifications are kept.

use super::bucket::FilePlace;
use super::reader::Reader;

/// For how long notifications are kept, and where they go.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Whole months beside the running one; 0 keeps them all.
    pub months: i32,
    /// Days for which addresses and contents stay once their notification is done; 0 keeps them.
    pub payload_days: i32,
    /// Days for which the audit trail is kept; 0 keeps all of it.
    pub audit_days: i32,
    /// Where a month is written before it is removed, if anywhere.
    pub export: Option<FilePlace>,
}

impl RetentionConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            months: reader.integer("retention.months", 0..=1_200, "months"),
            payload_days: reader.integer("retention.payload_days", 0..=3_650, "days"),
            audit_days: audit_days(reader),
            export: FilePlace::read(reader, "retention.export"),
        }
    }
}

/// The database refuses to forget what is younger.
const LEAST_AUDIT_DAYS: i32 = 90;

fn audit_days(reader: &mut Reader<'_>) -> i32 {
    let key = "retention.audit_days";
    let days = reader.integer(key, 0..=36_500, "days");
    if (1..LEAST_AUDIT_DAYS).contains(&days) {
        return reader.refuse(key, "is too short a time", "0, or 90 to 36500 (days)");
    }
    days
}
