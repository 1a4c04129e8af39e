//! Open files: how many this process may have, how many it has, and how many its work wants.
//!
//! Every connection is one. Without them nothing can be asked and nobody reached, and it would look like
//! everybody else's fault.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open whatever is done: runtimes, log, listener, probes.
const ALWAYS: u64 = 64;
/// Fewer free ones than these are as good as none: each of many tasks may take one at any time.
const SPARE: u64 = 8;
/// What is asked for where there is no limit: what kernels take.
const MANY: u64 = 1 << 20;

/// Raises the process's limit to the highest that it may have; says what it is then.
///
/// # Errors
/// What the operating system says.
pub fn raise() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MANY);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    }
    Ok(limit())
}

/// How many files this process may have open.
#[must_use]
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The highest that [`raise`] can make the limit.
#[must_use]
pub fn highest() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(MANY)
}

/// How many files this process has open; `None` where that cannot be told.
#[must_use]
pub fn open() -> Option<u64> {
    match std::fs::read_dir("/proc/self/fd") {
        // One of them is this look.
        Ok(files) => u64::try_from(files.count().saturating_sub(1)).ok(),
        Err(error) if super::lack::behind(&error).is_some() => Some(limit()),
        Err(_) => None,
    }
}

/// What is had and what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many may be open.
    pub limit: u64,
    /// How many are.
    pub open: u64,
    /// Connections to the database.
    pub pool: u64,
    /// Provider accounts.
    pub accounts: u64,
    /// Requests that each account may have in flight.
    pub concurrency: u64,
}

/// How it stands with open files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileStanding {
    /// There are enough for whatever may be.
    Enough,
    /// There are enough to work with, but not for all that the settings allow at once.
    Tight(String),
    /// There are too few to work with, or nearly all are open.
    TooFew(String),
}

impl OpenFiles {
    /// The same for so many accounts.
    #[must_use]
    pub fn with_accounts(self, accounts: usize) -> Self {
        let accounts = u64::try_from(accounts).unwrap_or(u64::MAX);
        Self { accounts, ..self }
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> FileStanding {
        const MEND: &str = "raise the hard limit (LimitNOFILE in systemd, ulimit -Hn)";
        let Self { limit, open, .. } = self;
        let least = self.wanted(1);
        let most = self.wanted(self.concurrency);
        if *limit < least {
            return FileStanding::TooFew(format!(
                "the process may have {limit} open files, and needs {least} at least; {MEND}"
            ));
        }
        if open.saturating_add(SPARE) > *limit {
            return FileStanding::TooFew(format!(
                "{open} of {limit} open files are in use; {MEND}, or lower providers.concurrency"
            ));
        }
        if *limit < most {
            return FileStanding::Tight(format!(
                "the process may have {limit} open files, and all that the settings allow at once \
                 would be {most}; {MEND}, or lower providers.concurrency"
            ));
        }
        FileStanding::Enough
    }

    /// Files for so many requests of each account.
    const fn wanted(&self, requests: u64) -> u64 {
        let requests = self.accounts.saturating_mul(requests);
        requests.saturating_add(self.pool).saturating_add(ALWAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: OpenFiles = OpenFiles {
        limit: 1_024,
        open: 80,
        pool: 8,
        accounts: 2,
        concurrency: 128,
    };

    #[test]
    fn too_few_files_to_work_with_are_told_from_few_and_from_enough() {
        assert_eq!(FILES.standing(), FileStanding::Enough);
        let tight = FILES.with_accounts(8).standing();
        assert!(matches!(tight, FileStanding::Tight(why) if why.contains("1096")));
        let few = OpenFiles { limit: 73, ..FILES };
        assert!(matches!(few.standing(), FileStanding::TooFew(why) if why.contains("74 at least")));
        let full = OpenFiles {
            open: 1_020,
            ..FILES
        };
        assert!(
            matches!(full.standing(), FileStanding::TooFew(why) if why.contains("1020 of 1024"))
        );
    }

    #[test]
    fn a_file_that_is_opened_counts() {
        let before = open().unwrap();
        let files: Vec<_> = (0..50).map(|_| std::fs::File::open("/dev/null")).collect();
        assert!(open().unwrap() > before);
        drop(files);
    }
}
