//! Which of the operators' pages there are.

/// The pages that a process serves: those of what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleParts {
    /// Those about notifications.
    pub engine: bool,
    /// Those of the support desk.
    pub desk: bool,
}
