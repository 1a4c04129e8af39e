//! Whether a message that came often is what the runs died of that had it.

use super::Admission;
use super::message::DecodedMessage;
use crate::store::claims;
use crate::work::claim_guard::SoloGuard;
use crate::work::retry::retry_until_ok;

/// Runs that died with a message in hand, from which it is worked alone to its end.
const CRASHES: u16 = 3;

impl Admission {
    /// Ends the turn of a message that was only returned often: its claim says that fewer runs died of
    /// it. One that never came as far as a claim stays suspect. `None` when there is no more time.
    pub(super) async fn suspicion(
        &self,
        decoded_messages: &[DecodedMessage],
        solo: Option<SoloGuard>,
    ) -> Option<Option<SoloGuard>> {
        let (Some(solo), [decoded]) = (solo, decoded_messages) else {
            return Some(None);
        };
        let crashes = || claims::crashes(&self.node.database, decoded.envelope.key);
        let crashes =
            retry_until_ok("counting crashes", &self.node.phases.giving_up, crashes).await?;
        Some(match crashes {
            Some(crashes) if crashes < CRASHES => None,
            _ => Some(solo),
        })
    }
}
