//! Places where a test can make the engine panic, to prove that nothing is lost there.
//!
//! Without the feature `failpoints` (a release build) the calls are empty.

/// Panics here, when a test armed the point and the feature `failpoints` is on.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn hit(_point: &'static str) {}

#[cfg(feature = "failpoints")]
pub use armed::{arm, arm_all, hit, left};

#[cfg(feature = "failpoints")]
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
