//! Why a run of a workflow has ended, in the words that rows, answers and metrics share.

use super::vocabulary::vocabulary;

vocabulary! {
    /// How a run ended.
    RunEnd {
        /// It came to its last step.
        Completed = "completed",
        /// A step said so.
        Stopped = "stopped",
        /// A condition was false.
        Condition = "condition",
        /// A message before had the effect that a step waited for.
        Reached = "reached",
        /// There were more than a step allows.
        Throttled = "throttled",
        /// What it is about is told in a digest with others.
        JoinedDigest = "joined_digest",
        /// Its digest gathered less than it should.
        BelowMinimum = "below_minimum",
        /// Every item of its digest was taken back.
        NothingLeft = "nothing_left",
        /// Nobody is to be told.
        EmptyAudience = "empty_audience",
        /// There is no such person.
        UnknownUser = "unknown_user",
        /// Something that an expression uses is missing or does not fit.
        ExpressionFailed = "expression_failed",
        /// A recipient is no user id.
        BadRecipient = "bad_recipient",
        /// More people than a workflow tells without a topic.
        TooManyRecipients = "too_many_recipients",
        /// What a digest is about is null.
        NullKey = "null_key",
        /// A step waits for no moment.
        DelayInvalid = "delay_invalid",
        /// A step waits for longer than a year.
        DelayTooLong = "delay_too_long",
        /// The tenant has none of these topics, of several that it tells.
        UnknownTopic = "unknown_topic",
        /// Workflows started each other too often.
        TooDeep = "too_deep",
        /// Its version cannot be read.
        Unreadable = "unreadable",
        /// The database refuses its data.
        Unstorable = "unstorable",
        /// A message of it cannot be rendered.
        TemplateError = "template_error",
        /// An event of its `cancel_on` came.
        CancelledByEvent = "cancelled_by_event",
        /// Somebody asked for it.
        CancelledByRequest = "cancelled_by_request",
    }
}

/// What a run's end says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// It did what it should.
    Finished,
    /// It could not.
    Failed,
    /// It was stopped from outside.
    Cancelled,
}

impl RunEnd {
    /// What it says of the run.
    #[must_use]
    pub const fn outcome(self) -> RunOutcome {
        match self {
            Self::Completed
            | Self::Stopped
            | Self::Condition
            | Self::Reached
            | Self::Throttled
            | Self::JoinedDigest
            | Self::BelowMinimum
            | Self::NothingLeft
            | Self::EmptyAudience => RunOutcome::Finished,
            Self::UnknownUser
            | Self::ExpressionFailed
            | Self::BadRecipient
            | Self::TooManyRecipients
            | Self::NullKey
            | Self::DelayInvalid
            | Self::DelayTooLong
            | Self::UnknownTopic
            | Self::TooDeep
            | Self::Unreadable
            | Self::Unstorable
            | Self::TemplateError => RunOutcome::Failed,
            Self::CancelledByEvent | Self::CancelledByRequest => RunOutcome::Cancelled,
        }
    }
}

impl RunOutcome {
    /// The word of it, as in `status`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
