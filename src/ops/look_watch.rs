//! Says when it takes longer to look up whom jobs are for than what is found is believed, and when database work
//! does not succeed at all: the parts `lookups` and `database work` of `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::eligibility::Eligibility;
use crate::machine::eligibility::IN_TIME;
use crate::runtime::{Health, Shutdown, clock};
use crate::work::unfinished::UNFINISHED;

/// The part that is down while looks take too long.
const PART: &str = "lookups";
/// The part that is down while database work does not succeed.
const WORK: &str = "database work";
/// For how long it may not succeed: a lost connection is no reason, and a slow answer neither.
const DOWN_AFTER: Duration = Duration::from_secs(5);
/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(500);

/// Says so until told to stop.
#[derive(Debug)]
pub struct LookWatch {
    /// Knows how long they take.
    pub eligibility: Arc<Eligibility>,
    /// Where it is told.
    pub health: Health,
    /// Ends it.
    pub stop: Shutdown,
}

impl LookWatch {
    /// Looks until told to stop.
    pub async fn run(self) {
        let mut was_slow = false;
        while !self.stop.is_raised() {
            let too_slow = self.eligibility.pace.too_slow(clock::instant());
            match too_slow {
                Some(took) => {
                    let why = why(took);
                    if !was_slow {
                        tracing::warn!(why, "look-ups of recipients take too long");
                    }
                    self.health.down(PART, why);
                }
                None => self.health.up(PART),
            }
            was_slow = too_slow.is_some();
            match UNFINISHED.for_longer_than(DOWN_AFTER, clock::instant()) {
                Some(why) => self.health.down(WORK, why),
                None => self.health.up(WORK),
            }
            self.stop.or(tokio::time::sleep(LOOK)).await;
        }
    }
}

fn why(took: Duration) -> String {
    format!(
        "looking up whom notifications are for takes {:.1} s, and what is found is believed for {:.1} s: each is \
         sent at once after a look, and an opt-out holds as late as PostgreSQL answers",
        took.as_secs_f64(),
        IN_TIME.as_secs_f64()
    )
}
