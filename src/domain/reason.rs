//! Why a notification stands where it stands.

use super::Status;
use super::vocabulary::vocabulary;

vocabulary! {
    /// Why a notification is not simply sent. The same word stands in the row, the log line, the
    /// metric label and the explanation. `sent` has no reason.
    Reason {
        /// `send_at` is ahead.
        Scheduled = "scheduled",
        /// Inside the person's quiet hours.
        QuietHours = "quiet_hours",
        /// A transient failure; waits for its back-off.
        Retry = "retry",
        /// Every provider of the channel is tripped, out of reach or not configured.
        WaitingForProvider = "waiting_for_provider",
        /// The person switched the channel off.
        ChannelDisabled = "channel_disabled",
        /// The person switched the category off.
        CategoryDisabled = "category_disabled",
        /// Over the daily cap.
        FrequencyCap = "frequency_cap",
        /// The address is on the suppression list.
        Suppressed = "suppressed",
        /// `expires_at` has passed.
        Expired = "expired",
        /// Cancelled through the API.
        CancelledByUser = "cancelled_by_user",
        /// No address for the channel.
        NoAddress = "no_address",
        /// The template cannot be rendered.
        TemplateError = "template_error",
        /// Every retry is used up.
        RetriesExhausted = "retries_exhausted",
        /// The provider says that the address is not one, or not reachable for good.
        InvalidRecipient = "invalid_recipient",
        /// The provider says that the device or account is gone.
        Unregistered = "unregistered",
        /// The provider says that the person opted out with it (STOP).
        OptedOut = "opted_out",
        /// The provider refused the content.
        ContentRefused = "content_refused",
        /// The message is larger than the provider takes.
        MessageTooLarge = "message_too_large",
        /// No account that may carry it can send it (region, not in the channel).
        ProviderMisconfigured = "provider_misconfigured",
        /// Refused for good for another reason.
        ProviderRefused = "provider_refused",
    }
}

impl Reason {
    /// Whether a notification may wait for this reason; what is over a daily cap waits for the next day or
    /// is cancelled, as its category says.
    #[must_use]
    pub fn may_wait(self) -> bool {
        self.status() == Status::Pending || self == Self::FrequencyCap
    }

    /// Every reason that makes a dead letter.
    pub fn failures() -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|reason| reason.status() == Status::Failed)
    }

    /// The reason of this word, if it makes a dead letter.
    ///
    /// # Errors
    /// It does not; in words, with those that do.
    pub fn failure(word: &str) -> Result<Self, String> {
        let named = Self::failures().find(|reason| reason.as_str() == word);
        named.ok_or_else(|| {
            let allowed: Vec<&str> = Self::failures().map(Self::as_str).collect();
            let allowed = allowed.join(", ");
            format!("no dead letter has this reason; allowed: {allowed}")
        })
    }

    /// The status that this reason goes with.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Scheduled | Self::QuietHours | Self::Retry | Self::WaitingForProvider => {
                Status::Pending
            }
            Self::ChannelDisabled
            | Self::CategoryDisabled
            | Self::FrequencyCap
            | Self::Suppressed
            | Self::Expired
            | Self::CancelledByUser => Status::Cancelled,
            Self::NoAddress
            | Self::TemplateError
            | Self::RetriesExhausted
            | Self::InvalidRecipient
            | Self::Unregistered
            | Self::OptedOut
            | Self::ContentRefused
            | Self::MessageTooLarge
            | Self::ProviderMisconfigured
            | Self::ProviderRefused => Status::Failed,
        }
    }
}
