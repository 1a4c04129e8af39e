//! Settings of how long notifications are kept.

use std::path::PathBuf;

use super::reader::Reader;

/// For how long notifications are kept, and where they go.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Whole months beside the running one; 0 keeps them all.
    pub months: i32,
    /// The folder into which a month is written before it is removed.
    pub export_folder: Option<PathBuf>,
}

impl RetentionConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            months: reader.integer("retention.months", 0..=1_200, "months"),
            export_folder: reader.path("retention.export_folder"),
        }
    }
}
