//! Limits of template rendering.

use super::reader::Reader;

/// What one rendering may cost.
#[derive(Debug, Clone)]
pub struct Templates {
    /// Largest part that a template may render, in bytes.
    pub max_output_bytes: usize,
    /// Most steps that rendering one part may take.
    pub fuel: u64,
}

impl Templates {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let bytes = 1_024..=16_777_216;
        Self {
            max_output_bytes: reader.integer("templates.max_output_bytes", bytes, "bytes"),
            fuel: reader.integer("templates.fuel", 1_000..=100_000_000, "steps"),
        }
    }
}
