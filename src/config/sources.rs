//! Where settings come from: a file, the environment, the machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// More than any file of settings has; a device would never end.
const MOST_BYTES: u64 = 256 << 20;

/// Everything that settings are read from besides the compiled-in defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file of `--config`; replaces the profile's file.
    pub config_file: Option<PathBuf>,
    /// Where relative paths start, and where `config/<profile>.toml` is looked for.
    pub directory: PathBuf,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Names of environment variables whose values are not UTF-8, and so cannot be read.
    pub unreadable: Vec<String>,
    /// The host's name; the node's name unless the settings say another.
    pub hostname: String,
    /// Processor cores that may be used.
    pub cores: usize,
}

impl Sources {
    /// What this process sees.
    #[must_use]
    pub fn of_process(config_file: Option<PathBuf>) -> Self {
        let (mut environment, mut unreadable) = (BTreeMap::new(), vec![]);
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => drop(environment.insert(name, value)),
                Err(_) => unreadable.push(name),
            }
        }
        Self {
            config_file,
            directory: PathBuf::new(),
            hostname: hostname(&environment),
            environment,
            unreadable,
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

    /// The text in a file, relative to the directory; without the mark that some editors put before it.
    pub(super) fn read(&self, path: &Path) -> Result<String, String> {
        let unreadable =
            |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
        let mut bytes = vec![];
        let read = File::open(self.directory.join(path))
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Err(error) => Err(unreadable(&error)),
            Ok(count) if count as u64 > MOST_BYTES => Err(unreadable(&"it is larger than 256 MiB")),
            Ok(_) => text(bytes).map_err(|why| unreadable(&why)),
        }
    }

    /// The value of an environment variable that a setting points at.
    pub(super) fn variable(&self, name: &str) -> Result<String, String> {
        match self.environment.get(name) {
            Some(value) => Ok(value.clone()),
            None if self.unreadable.iter().any(|unreadable| unreadable == name) => {
                Err(format!("the environment variable {name} is not UTF-8"))
            }
            None => Err(format!("the environment variable {name} is not set")),
        }
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

/// Text as editors write it: UTF-8, perhaps with a byte order mark.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("it is UTF-16; save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let breaks = before
            .unwrap_or_default()
            .iter()
            .filter(|byte| **byte == b'\n');
        format!("it is not UTF-8, on line {}", breaks.count() + 1)
    })?;
    Ok(match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn hostname(environment: &BTreeMap<String, String>) -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| environment.get("HOSTNAME").cloned())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "herald".to_owned())
}
