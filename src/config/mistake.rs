//! What an operator got wrong, and how it is told.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// One wrong setting or entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Where it stands.
    pub origin: SettingOrigin,
    /// The setting, `section.key`; for a declarative file the entry and its key. Empty when the
    /// file as a whole is meant.
    pub key: String,
    /// What is wrong with it; never the value of a secret.
    pub problem: String,
    /// What would be right, where that can be said.
    pub allowed: Option<String>,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingOrigin {
    /// In no place: the compiled-in default stands.
    Default,
    /// In a file.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line of it, from 1; 0 when the whole file is meant.
        line: usize,
    },
    /// In an environment variable.
    Environment {
        /// Its name.
        name: String,
    },
}

/// Everything that is wrong, in the order of the places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
pub struct ConfigError {
    /// The mistakes, at least one.
    pub mistakes: Vec<Mistake>,
}

impl Mistake {
    /// A mistake with what is allowed instead.
    #[must_use]
    pub fn new(
        origin: SettingOrigin,
        key: impl Into<String>,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self {
            allowed: Some(allowed.into()),
            ..Self::plain(origin, key, problem)
        }
    }

    /// A mistake whose problem says it all.
    #[must_use]
    pub fn plain(
        origin: SettingOrigin,
        key: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            origin,
            key: key.into(),
            problem: problem.into(),
            allowed: None,
        }
    }
}

impl ConfigError {
    /// The error of these mistakes, or `Ok` when there are none.
    pub(crate) fn unless_none(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() {
            return Ok(());
        }
        // Stable: mistakes of one line stay in the order in which they were found.
        mistakes.sort_by(|a, b| a.origin.cmp(&b.origin));
        Err(Self { mistakes })
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("not set"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => write!(f, "environment variable {name}"),
        }
    }
}

impl Serialize for SettingOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the configuration:")?;
        self.mistakes
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}
