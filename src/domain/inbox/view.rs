//! What a reader sees of what is for all people of their tenant.

/// What is hidden from a reader, of what is for everybody. What is for them alone was theirs to refuse before it
/// came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxView {
    /// Whether they have switched the channel off.
    pub is_off: bool,
    /// The categories that they have switched off.
    pub hidden: Vec<String>,
}

impl InboxView {
    /// Whether something for everybody is hidden.
    #[must_use]
    pub fn hides(&self, category: Option<&str>) -> bool {
        self.is_off || category.is_some_and(|category| self.hidden.iter().any(|it| it == category))
    }
}
