//! Whether a message that came often is what the runs died of that had it.

use super::super::hold::Turn;
use super::super::patience::until_done;
use super::Admission;
use super::admission::Candidate;
use crate::store::claims;

/// Runs that died with a message in hand, from which it is worked alone to its end.
const CRASHES: u16 = 3;

impl Admission {
    /// Ends the turn of a message that was only returned often: its claim says that fewer runs died of
    /// it. One that never came as far as a claim stays suspect. `None` when there is no more time.
    pub(super) async fn suspicion(
        &self,
        candidates: &[Candidate],
        turn: Option<Turn>,
    ) -> Option<Option<Turn>> {
        let (Some(turn), [candidate]) = (turn, candidates) else {
            return Some(None);
        };
        let crashes = || claims::crashes(&self.database, candidate.envelope.key);
        let crashes = until_done("counting crashes", &self.giving_up, crashes).await?;
        Some(match crashes {
            Some(crashes) if crashes < CRASHES => None,
            _ => Some(turn),
        })
    }
}
