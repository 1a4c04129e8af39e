//! How the recorder is woken by the queues before it, which are there first.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// How the recorder is woken, once it is known. Clones share it.
#[derive(Clone, Default)]
pub struct RecorderWake(Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>);

impl fmt::Debug for RecorderWake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecorderWake")
    }
}

impl RecorderWake {
    /// Says how; the first to say it counts.
    pub fn set(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second recorder would be a mistake of `app`; the first goes on.
        let _ = self.0.set(Box::new(wake));
    }

    /// Wakes it; what comes before it is known, it finds when it starts.
    pub(super) fn wake(&self) {
        if let Some(wake) = self.0.get() {
            wake();
        }
    }
}
