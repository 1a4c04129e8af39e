//! What a provider told later, as a line of a timeline.

use jiff::Timestamp;

use super::TimelineLine;
use crate::domain::{EventMatch, EventMisnaming, ProviderEvent};

/// What a provider told later of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEvent {
    /// When it happened, as the provider says.
    pub at: Timestamp,
    /// What: `delivered`, `bounce`, and so on.
    pub event: String,
    /// The account.
    pub provider: String,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's words.
    pub detail: Option<String>,
    /// By what it is known that it is about this notification, if not by its id.
    pub matched_by: Option<EventMatch>,
    /// Why it is not about the notification that it names.
    pub misnamed: Option<EventMisnaming>,
}

impl ToldEvent {
    /// What, if this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<ProviderEvent> {
        self.event.parse().ok()
    }

    /// The line of a timeline that it is.
    pub(super) fn line(&self) -> TimelineLine {
        let provider = &self.provider;
        let what = match self.known() {
            Some(known) => format!("{provider} reported that {}", known.says()),
            None => format!("{provider} reported: {}", self.event),
        };
        let matched = match self.matched_by {
            Some(EventMatch::Address) => "; matched by address to the last that was sent there",
            Some(EventMatch::MessageId) => "; matched by the provider's id of the message",
            Some(EventMatch::Id | EventMatch::ReturnPath) | None => "",
        };
        let misnamed = self.misnamed.map(|why| format!("; {}", why.says()));
        let misnamed = misnamed.unwrap_or_default();
        TimelineLine {
            provider: Some(provider.clone()),
            code: self.code.clone(),
            detail: self.detail.clone(),
            ..TimelineLine::new(
                Some(self.at),
                &self.event,
                format!("{what}{matched}{misnamed}."),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_plain_words_and_with_what_is_not_certain() {
        let told = |event: &str, matched_by, misnamed| {
            let told = ToldEvent {
                at: Timestamp::UNIX_EPOCH,
                event: event.to_owned(),
                provider: "main".to_owned(),
                code: Some("5.1.1".to_owned()),
                detail: None,
                matched_by,
                misnamed,
            };
            told.line().says
        };
        let says = |event, matched_by| told(event, matched_by, None);
        assert_eq!(
            says("machine_open", Some(EventMatch::Id)),
            "main reported that it was opened by a machine."
        );
        assert_eq!(
            says("bounce", Some(EventMatch::Address)),
            "main reported that it came back: there is no such address; matched by address to the last \
             that was sent there."
        );
        assert_eq!(
            told(
                "delivered",
                Some(EventMatch::Address),
                Some(EventMisnaming::OtherAccount)
            ),
            "main reported that it has arrived; matched by address to the last that was sent there; it names another \
             notification, which this account never had."
        );
        assert_eq!(says("teleported", None), "main reported: teleported.");
    }
}
