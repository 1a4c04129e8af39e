//! What is wrong in a scenario file, and how it is told.

use std::fmt;

/// One thing that is wrong in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands, for example `load[1].rate`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Mistake {
    pub(super) fn new(key: &str, problem: &str) -> Self {
        Self {
            key: key.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.problem),
            key => write!(f, "{key}: {}", self.problem),
        }
    }
}
