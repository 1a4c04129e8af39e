//! Keeps the messages whose template and account are known.

use super::Admission;
use super::message::{DecodedMessage, DeliveredMessage, RefusedMessage};
use crate::broker::envelope::Envelope;
use crate::pipeline::pointers;
use crate::work::retry::retry_until_ok;

impl Admission {
    /// Those whose template and account are known; `None` when there is no more time.
    pub(super) async fn with_pointers(
        &self,
        decoded_messages: Vec<DecodedMessage>,
        refused: &mut Vec<RefusedMessage>,
    ) -> Option<Vec<DecodedMessage>> {
        let envelopes: Vec<&Envelope> = decoded_messages.iter().map(|it| &it.envelope).collect();
        let look = || pointers::missing(&self.node, &envelopes);
        let giving_up = &self.node.phases.giving_up;
        let missing = retry_until_ok("looking for templates and accounts", giving_up, look).await?;
        let mut kept = Vec::with_capacity(decoded_messages.len());
        for (decoded, missing) in decoded_messages.into_iter().zip(missing) {
            match missing {
                None => kept.push(decoded),
                Some(refusal) => {
                    let tenant_id = Some(decoded.envelope.tenant_id);
                    refused.push(DeliveredMessage::refused(
                        decoded.arrival,
                        refusal,
                        tenant_id,
                    ));
                }
            }
        }
        Some(kept)
    }
}
