//! What is wrong with a definition.

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowMistake {
    /// Where it is: a JSON pointer (RFC 6901) into the definition.
    pub pointer: String,
    /// What kind of mistake: `required`, `unknown_field`, `wrong_type` or `invalid`.
    pub code: &'static str,
    /// What is wrong, and what would be right.
    pub detail: String,
}
