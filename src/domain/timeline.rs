//! A notification's timeline in plain words: what happened, oldest first.

mod placed;
mod told;

use jiff::Timestamp;
use uuid::Uuid;

pub use told::ToldEvent;

use self::placed::PlacedLine;
use super::reply::TOLD_LATER;
use super::suppression::StandingSuppression;
use super::{AttemptRecord, Class, Reason, Step};

/// One line of a timeline as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineLine {
    /// When; `None` where nobody noted it.
    pub at: Option<Timestamp>,
    /// The stable word for what happened: `accepted`, `attempt`, `deferred`, `sent`, and so on.
    pub event: String,
    /// One sentence.
    pub says: String,
    /// The account that it is about.
    pub provider: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's words.
    pub detail: Option<String>,
    /// The request by which somebody did it.
    pub request_id: Option<Uuid>,
}

/// A line of the stored timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum TimelineRecord {
    /// One that this version knows.
    Known(AttemptRecord),
    /// One that a newer version wrote: when, if that can be read.
    Newer(Option<Timestamp>),
}

/// Where a notification stands, with what is stored beside its timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<'a> {
    /// When the engine accepted it.
    pub created_at: Timestamp,
    /// The request by which it came; `None` for what came by AMQP.
    pub request_id: Option<Uuid>,
    /// Its status, as it is stored.
    pub status: &'a str,
    /// Why, as it is stored.
    pub reason: Option<&'a str>,
    /// The account that was asked last.
    pub provider: Option<&'a str>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When the scheduler takes it, while it waits.
    pub due_at: Option<Timestamp>,
    /// When its person read it.
    pub read_at: Option<Timestamp>,
    /// When address and content were taken out.
    pub redacted_at: Option<Timestamp>,
    /// The run that has it in hand.
    pub run: Option<i32>,
    /// What went wrong, in words.
    pub error: Option<&'a str>,
    /// The entries of the suppression list that stand against its addresses now, if that is why.
    pub suppressed_by: &'a [StandingSuppression],
}

impl TimelineLine {
    fn new(at: Option<Timestamp>, event: &str, says: impl Into<String>) -> Self {
        Self {
            at,
            event: event.to_owned(),
            says: says.into(),
            provider: None,
            code: None,
            detail: None,
            request_id: None,
        }
    }

    /// What a stored line says.
    #[must_use]
    pub fn of(record: &TimelineRecord) -> Self {
        let record = match record {
            TimelineRecord::Known(record) => record,
            TimelineRecord::Newer(at) => {
                let says = "A newer version of Herald noted something that this one cannot read.";
                return Self::new(*at, "unknown", says);
            }
        };
        let line = |event, says: String| Self::new(Some(record.at), event, says);
        match &record.step {
            Step::Attempt {
                provider,
                code: Some(code),
                ..
            } if code == TOLD_LATER => Self {
                provider: Some(provider.clone()),
                ..line(
                    "settled",
                    format!("{provider} told later that it had accepted it."),
                )
            },
            Step::Attempt {
                provider,
                class,
                code,
                detail,
                device_id,
                elapsed_ms,
                ..
            } => {
                let device = device_id.map_or_else(String::new, |id| format!(" for device {id}"));
                let says = format!(
                    "{provider} was asked{device} and {} after {elapsed_ms} ms.",
                    answered(*class)
                );
                Self {
                    provider: Some(provider.clone()),
                    code: code.clone(),
                    detail: detail.clone(),
                    ..line("attempt", says)
                }
            }
            Step::Deferred { reason, until } => line(
                "deferred",
                format!("It was put off until {until}: {}.", because(*reason)),
            ),
            Step::AccountGone { provider } => Self {
                provider: Some(provider.clone()),
                ..line(
                    "account_gone",
                    format!("{provider} was deleted; another account may be asked."),
                )
            },
            Step::Replayed {
                failed,
                detail,
                not_by,
            } => {
                let (event, says) = match not_by.last() {
                    Some(last) => (
                        "handed_back",
                        format!("{last} told late that it did not arrive: others are asked."),
                    ),
                    None => (
                        "replayed",
                        format!(
                            "It had failed ({}) and was sent on its way again.",
                            because(*failed)
                        ),
                    ),
                };
                Self {
                    provider: not_by.last().cloned(),
                    detail: detail.clone(),
                    ..line(event, says)
                }
            }
            Step::NodeDied { run } => line(
                "node_died",
                format!(
                    "Run {run} ended with it in hand: it may have been sent; another run took it over."
                ),
            ),
            Step::Cancelled { by, request_id } => Self {
                request_id: *request_id,
                ..line("cancelled", format!("It was cancelled by {by}."))
            },
        }
    }
}

/// The whole timeline: acceptance, every step, what providers told later, and where it stands.
#[must_use]
pub fn timeline(
    standing: &Standing<'_>,
    records: &[TimelineRecord],
    told: &[ToldEvent],
) -> Vec<TimelineLine> {
    let accepted = TimelineLine {
        request_id: standing.request_id,
        ..TimelineLine::new(Some(standing.created_at), "accepted", "Herald accepted it.")
    };
    let mut placed = vec![PlacedLine::at_its_time(accepted)];
    // Each was noted behind the one before, whatever a provider's clock says.
    let mut before = Timestamp::MIN;
    for record in records {
        let line = PlacedLine::behind(before, TimelineLine::of(record));
        before = line.place.unwrap_or(before);
        placed.push(line);
    }
    let is_cancelled = placed.iter().any(|it| it.line.event == "cancelled");
    let standing_line = standing
        .line()
        .filter(|line| !(is_cancelled && line.event == "cancelled"));
    let reported = told.iter().map(|it| PlacedLine::told(it, &placed));
    let reported: Vec<PlacedLine> = reported.collect();
    placed.extend(standing_line.map(|line| PlacedLine::behind(before, line)));
    placed.extend(reported);
    let read = |at| TimelineLine::new(Some(at), "read", "Its person read it.");
    placed.extend(standing.read_at.map(read).map(PlacedLine::at_its_time));
    let redacted = |at| {
        let says = "Its address, its content and the words of providers were redacted.";
        TimelineLine::new(Some(at), "redacted", says)
    };
    placed.extend(
        standing
            .redacted_at
            .map(redacted)
            .map(PlacedLine::at_its_time),
    );
    // What has no time is the last that is known.
    placed.sort_by_key(|it| (it.place.is_none(), it.place));
    placed.into_iter().map(|it| it.line).collect()
}

impl Standing<'_> {
    fn line(&self) -> Option<TimelineLine> {
        let reason = self.reason.map(|word| match word.parse::<Reason>() {
            Ok(reason) => because(reason).to_owned(),
            Err(_) => word.to_owned(),
        });
        let because = reason.unwrap_or_else(|| "no reason was noted".to_owned());
        Some(match self.status {
            "sent" => {
                let through = self
                    .provider
                    .map_or_else(String::new, |it| format!(" by {it}"));
                let mut line = TimelineLine::new(
                    self.sent_at,
                    "sent",
                    format!("It was accepted for delivery{through}."),
                );
                line.provider = self.provider.map(str::to_owned);
                line
            }
            "failed" => {
                let mut line = TimelineLine::new(
                    self.failed_at,
                    "failed",
                    format!("It failed for good: {because}."),
                );
                line.detail = self.error.map(str::to_owned);
                line
            }
            "cancelled" => {
                let entries = self.suppressed_by.iter().map(StandingSuppression::says);
                let entries: Vec<String> = entries.collect();
                let entries = match (self.reason, entries.is_empty()) {
                    (Some("suppressed"), true) => " (it is not there any more)".to_owned(),
                    (_, true) => String::new(),
                    (_, false) => format!(": {}", entries.join("; ")),
                };
                let says = format!("It was cancelled: {because}{entries}.");
                TimelineLine::new(None, "cancelled", says)
            }
            _ => match (self.run, self.due_at) {
                (Some(run), _) => {
                    TimelineLine::new(None, "in_hand", format!("Run {run} has it in hand."))
                }
                (None, Some(due_at)) => {
                    let why = self
                        .reason
                        .map_or_else(String::new, |_| format!(": {because}"));
                    TimelineLine::new(None, "waiting", format!("It waits until {due_at}{why}."))
                }
                (None, None) => return None,
            },
        })
    }
}

/// What a provider did, in words, to stand behind its name.
#[must_use]
pub const fn answered(class: Class) -> &'static str {
    match class {
        Class::Accepted => "accepted it",
        Class::Permanent => "refused it for good",
        Class::NotByAccount => "said that this account cannot send it",
        Class::AccountRefused => "refused the account",
        Class::Transient => "could not take it now",
        Class::Throttled => "asked to wait",
        Class::Unknown => "gave no usable answer: it may have been sent",
    }
}

/// The reason in words, to stand behind a colon.
const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Scheduled => "its time has not come",
        Reason::QuietHours => "the person's quiet hours",
        Reason::Retry => "it is tried again after a failure",
        Reason::WaitingForProvider => "no account of the channel can take it now",
        Reason::ChannelDisabled => "the person has switched the channel off",
        Reason::CategoryDisabled => "the person has switched the category off",
        Reason::FrequencyCap => "the person has had as many as they want for the day",
        Reason::Suppressed => "the address is on the suppression list",
        Reason::Expired => "it came too late",
        Reason::CancelledByUser => "somebody called it off",
        Reason::NoAddress => "the person has no address for the channel",
        Reason::TemplateError => "its template cannot be rendered",
        Reason::RetriesExhausted => "all its retries are used up",
        Reason::InvalidRecipient => "the provider says that the address is none",
        Reason::Unregistered => "the provider says that the device or account is gone",
        Reason::OptedOut => "the person opted out at the provider",
        Reason::ContentRefused => "the provider refused the content",
        Reason::MessageTooLarge => "it is larger than the provider takes",
        Reason::ProviderMisconfigured => "no account that may carry it can send it",
        Reason::ProviderRefused => "the provider refused it",
    }
}

#[cfg(test)]
mod tests;
