//! `[[suppressions]]`

use super::fields::Fields;
use super::template::CHANNELS;
use crate::domain::suppression::{Suppression, SuppressionReason};
use crate::domain::{Channel, address};

pub(super) fn read(fields: &mut Fields) -> Option<Suppression> {
    fields.required("channel", CHANNELS);
    fields.required("address", "an e-mail address, a number, a token");
    let tenant_id = fields.tenant();
    let channel: Option<Channel> = fields.word("channel", CHANNELS);
    let address = fields.line("address", 2_048);
    let words = "hard_bounce, complaint, stop, unsubscribe, manual";
    let reason = fields.word("reason", words);
    let (channel, address) = (channel?, address?);
    match channel {
        Channel::Email if !address::is_email(&address) => {
            return fields.refuse("address", "is not an e-mail address");
        }
        Channel::Sms if !address::is_e164(&address) => {
            return fields.refuse_with("address", "is not a number in E.164", "+4915112345678");
        }
        _ => {}
    }
    Some(Suppression {
        tenant_id,
        channel,
        address: Suppression::address(channel, &address),
        reason: reason.unwrap_or(SuppressionReason::Manual),
    })
}
