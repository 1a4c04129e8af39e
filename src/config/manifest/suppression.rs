//! `[[suppressions]]`

use super::fields::EntryFields;
use super::template::CHANNELS;
use super::user;
use crate::domain::suppression::{Suppression, SuppressionReason};
use crate::domain::{Channel, field};

pub(super) fn read(fields: &mut EntryFields) -> Option<Suppression> {
    fields.required("channel", CHANNELS);
    fields.required("address", "an e-mail address, a number, a token");
    let tenant_id = fields.tenant();
    let channel: Option<Channel> = fields.word("channel", CHANNELS);
    let address = match channel {
        Some(channel) => user::spelt(fields, "address", channel),
        None => fields.line("address", 2_048),
    };
    let category = fields.fit("category", field::category);
    let words = "hard_bounce, complaint, stop, unsubscribe, manual";
    let reason = fields.word("reason", words);
    Some(Suppression {
        tenant_id,
        channel: channel?,
        address: address?,
        reason: reason.unwrap_or(SuppressionReason::Manual),
        category,
    })
}
