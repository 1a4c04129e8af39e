//! The scenarios that come with the program.

use std::path::Path;

use super::{Mistake, Scenario, parse};

/// A scenario of the library.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        [$(Listed {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        }),*]
    };
}

/// In the order of `--list`: from the ordinary to the extraordinary.
const ALL: [Listed; 15] = scenarios![
    "steady",
    "burst",
    "mixed",
    "bulk-with-urgent",
    "campaign",
    "slow-provider",
    "dead-provider",
    "silent-provider",
    "throttling-provider",
    "morning-release",
    "daily-cap",
    "million-waiting",
    "ten-million-stored",
    "two-nodes",
    "soak",
];

/// All scenarios of the library.
#[must_use]
pub fn library() -> &'static [Listed] {
    &ALL
}

impl Listed {
    /// The scenario itself.
    ///
    /// # Errors
    /// With the file's mistakes; a test holds that there are none.
    pub fn read(self) -> Result<Scenario, Vec<Mistake>> {
        parse(self.name, self.text)
    }
}

/// The scenario that somebody means by `wanted`: a name of the library, or the path of a file.
///
/// # Errors
/// When there is none, or with all its mistakes, one a line.
pub fn named(wanted: &str) -> Result<Scenario, String> {
    if let Some(listed) = ALL.iter().find(|listed| listed.name == wanted) {
        return listed.read().map_err(|mistakes| told(wanted, &mistakes));
    }
    let path = Path::new(wanted);
    if !wanted.contains('/') && path.extension().is_none() {
        let names = ALL.map(|listed| listed.name).join(", ");
        return Err(format!(
            "there is no scenario {wanted:?}: choose from {names}, or give the path of a file"
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("the scenario {wanted}: {error}; give a name of --list, or the path of a file")
    })?;
    let name = path
        .file_stem()
        .map_or(wanted.into(), |stem| stem.to_string_lossy());
    parse(&name, &text).map_err(|mistakes| told(wanted, &mistakes))
}

fn told(file: &str, mistakes: &[Mistake]) -> String {
    let lines: Vec<_> = mistakes
        .iter()
        .map(|mistake| format!("  {mistake}"))
        .collect();
    let many = match lines.len() {
        1 => "one mistake".to_owned(),
        many => format!("{many} mistakes"),
    };
    format!(
        "the scenario {file} has {many}; docs/performance.md describes what a scenario may say\n{}",
        lines.join("\n")
    )
}
