//! Places where a test can make the engine panic, to prove that nothing is lost there; and switches: one
//! that makes it store what only its next version would, one that ends the process with what is about a
//! certain thing.
//!
//! In a release build, which has no debug assertions, the calls are empty.

/// Panics here, when a test armed the point, in a debug build.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn hit(_point: &'static str) {}

/// Ends the process here, when a test said that what is about this is deadly.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn die_of(_about: Option<&str>) {}

#[cfg(debug_assertions)]
pub use armed::{arm, arm_all, hit, left};
#[cfg(debug_assertions)]
pub use machine::{die_of, set_deadly};
#[cfg(debug_assertions)]
pub use version::{NextVersion, act_as_next, next_version};

#[cfg(debug_assertions)]
mod armed {
    use std::collections::HashMap;
    use std::sync::{Mutex, OnceLock, PoisonError};

    static POINTS: OnceLock<Mutex<HashMap<String, Point>>> = OnceLock::new();

    struct Point {
        skip: u32,
        times: u32,
    }

    /// Panics here, when a test armed the point.
    #[expect(clippy::panic, reason = "that is what it is for")]
    pub fn hit(point: &'static str) {
        let Some(points) = POINTS.get() else { return };
        let fires = {
            let mut points = points.lock().unwrap_or_else(PoisonError::into_inner);
            points.get_mut(point).is_some_and(Point::fires)
        };
        if fires {
            panic!("failpoint `{point}`");
        }
    }

    /// Arms a point: after `skip` passes it panics `times` times.
    pub fn arm(point: &str, skip: u32, times: u32) {
        let points = POINTS.get_or_init(Mutex::default);
        let mut points = points.lock().unwrap_or_else(PoisonError::into_inner);
        points.insert(point.to_owned(), Point { skip, times });
    }

    /// Arms several points: `name:skip:times`, separated by commas; what cannot be read is returned.
    ///
    /// # Errors
    /// With the part that is no such point.
    pub fn arm_all(points: &str) -> Result<(), String> {
        for part in points.split(',').filter(|part| !part.is_empty()) {
            let mut fields = part.split(':');
            let name = fields.next().unwrap_or_default();
            let mut number = || fields.next()?.parse().ok();
            let (Some(skip), Some(times), None) = (number(), number(), fields.next()) else {
                return Err(format!("{part:?} is not name:skip:times"));
            };
            arm(name, skip, times);
        }
        Ok(())
    }

    /// How often an armed point will still panic.
    #[must_use]
    pub fn left(point: &str) -> u32 {
        let Some(points) = POINTS.get() else { return 0 };
        let points = points.lock().unwrap_or_else(PoisonError::into_inner);
        points.get(point).map_or(0, |point| point.times)
    }

    impl Point {
        fn fires(&mut self) -> bool {
            if self.skip > 0 {
                self.skip -= 1;
                return false;
            }
            let fires = self.times > 0;
            self.times = self.times.saturating_sub(1);
            fires
        }
    }
}

#[cfg(debug_assertions)]
mod machine {
    use std::sync::OnceLock;

    static DEADLY: OnceLock<String> = OnceLock::new();

    /// Has the process end by what is about this; an empty word changes nothing.
    pub fn set_deadly(about: &str) {
        if !about.is_empty() {
            // Said twice, the first counts.
            let _ = DEADLY.set(about.to_owned());
        }
    }

    /// Ends the process here, as when there is no more memory, if a test said that this is deadly.
    pub fn die_of(about: Option<&str>) {
        if about.is_some() && about == DEADLY.get().map(String::as_str) {
            std::process::abort();
        }
    }
}

#[cfg(debug_assertions)]
mod version {
    use std::sync::OnceLock;

    static NEXT: OnceLock<NextVersion> = OnceLock::new();

    /// How the next version behaves that this process acts as.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum NextVersion {
        /// Its rows say that a reader must know its form.
        Announced,
        /// Its rows have parts that this version does not know, and do not say so.
        Silent,
    }

    /// Has this process act as its own next version from now on: `announced` or `silent`; an empty
    /// word changes nothing.
    ///
    /// # Errors
    /// With a word that is neither, and when it acts so already.
    pub fn act_as_next(word: &str) -> Result<(), String> {
        let version = match word {
            "" => return Ok(()),
            "announced" => NextVersion::Announced,
            "silent" => NextVersion::Silent,
            other => return Err(format!("{other:?} is neither `announced` nor `silent`")),
        };
        NEXT.set(version)
            .map_err(|_| "it acts as the next version already".to_owned())
    }

    /// Whether this process acts as its own next version, and how.
    #[must_use]
    pub fn next_version() -> Option<NextVersion> {
        NEXT.get().copied()
    }
}
