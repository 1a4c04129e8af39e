//! Where settings come from: a file, the environment, the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything that settings are read from besides the compiled-in defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file of `--config`; replaces the profile's file.
    pub config_file: Option<PathBuf>,
    /// Where relative paths start, and where `config/<profile>.toml` is looked for.
    pub directory: PathBuf,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The host's name; the node's name unless the settings say another.
    pub hostname: String,
    /// Processor cores that may be used.
    pub cores: usize,
}

impl Sources {
    /// What this process sees. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process(config_file: Option<PathBuf>) -> Self {
        let environment: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            config_file,
            directory: PathBuf::new(),
            hostname: hostname(&environment),
            environment,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The profile that `HERALD_PROFILE` names, unless it is empty.
    pub(super) fn profile(&self) -> Option<&str> {
        self.environment
            .get("HERALD_PROFILE")
            .map(String::as_str)
            .filter(|profile| !profile.is_empty())
    }

    /// The contents of a file, relative to the directory.
    pub(super) fn read(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(self.directory.join(path))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    /// The value of an environment variable that a setting points at.
    pub(super) fn variable(&self, name: &str) -> Result<String, String> {
        self.environment
            .get(name)
            .cloned()
            .ok_or_else(|| format!("the environment variable {name} is not set"))
    }
}

/// Secrets may be in the environment: only names are shown.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("config_file", &self.config_file)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

fn hostname(environment: &BTreeMap<String, String>) -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| environment.get("HOSTNAME").cloned())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "herald".to_owned())
}
