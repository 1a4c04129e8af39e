//! The intervals that a run must meet.

use std::fmt;

use serde::Deserialize;

use crate::lane::{Channel, Priority};
use crate::simulator::Provider;

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Different messages accepted a second, from the first acceptance to the last.
    Throughput,
    /// Messages published a second.
    PublishedPerSecond,
    /// The most that was accepted in any one second.
    PeakPerSecond,
    /// Publish to acceptance: the median, milliseconds.
    P50Ms,
    /// Its 90th percentile.
    P90Ms,
    /// Its 99th percentile.
    P99Ms,
    /// The longest.
    MaxMs,
    /// Different messages accepted.
    Accepted,
    /// Acceptances that confirmed messages should have led to and that never came.
    Lost,
    /// Acceptances beyond the first of their message and recipient.
    SentTwice,
    /// Those that no answer lost on purpose explains.
    SentTwiceUnexcused,
    /// Acceptances before the message's `send_at`.
    Early,
    /// Messages sent although they had expired.
    SentExpired,
    /// Requests that broke a provider's description.
    Malformed,
    /// The engine's processor time for each accepted message, microseconds; all nodes together.
    CpuUs,
    /// Largest resident memory of a node, megabytes.
    RssMb,
    /// Median resident memory of all nodes in the last quarter of the run, divided by that in the
    /// second quarter.
    RssGrowth,
    /// From the start of the engine's process to the first acceptance, seconds.
    StartToFirstDeliveryS,
    /// Most requests of an account within 60 seconds, divided by its rate limit.
    Overshoot,
    /// Acceptances before the quiet hours ended.
    BeforeQuietHoursEnd,
    /// From the end of the quiet hours to the last acceptance, seconds.
    ReleasedWithinS,
    /// Most different messages that one recipient got.
    MostPerRecipient,
    /// Rows of notifications in the database at the end, those stored by the scenario left out.
    Rows,
}

/// An interval for a figure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Which figure.
    pub figure: Figure,
    /// Of this phase only; absent: of the whole run.
    pub phase: Option<String>,
    /// Divided by the same figure of this phase.
    pub against: Option<String>,
    /// Of messages of this channel only.
    pub channel: Option<Channel>,
    /// Of messages of this priority only.
    pub priority: Option<Priority>,
    /// Of this provider (`overshoot`).
    pub provider: Option<Provider>,
    /// Of rows with this status (`rows`).
    pub status: Option<String>,
    /// Of rows with this reason (`rows`).
    pub reason: Option<String>,
    /// Lower bound.
    pub at_least: Option<f64>,
    /// Upper bound.
    pub at_most: Option<f64>,
    /// Judged only when the run is scaled by at least this much; below it the figure is shown only.
    pub from_scale: Option<f64>,
}

impl Figure {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::PublishedPerSecond => "published_per_second",
            Self::PeakPerSecond => "peak_per_second",
            Self::P50Ms => "p50_ms",
            Self::P90Ms => "p90_ms",
            Self::P99Ms => "p99_ms",
            Self::MaxMs => "max_ms",
            Self::Accepted => "accepted",
            Self::Lost => "lost",
            Self::SentTwice => "sent_twice",
            Self::SentTwiceUnexcused => "sent_twice_unexcused",
            Self::Early => "early",
            Self::SentExpired => "sent_expired",
            Self::Malformed => "malformed",
            Self::CpuUs => "cpu_us",
            Self::RssMb => "rss_mb",
            Self::RssGrowth => "rss_growth",
            Self::StartToFirstDeliveryS => "start_to_first_delivery_s",
            Self::Overshoot => "overshoot",
            Self::BeforeQuietHoursEnd => "before_quiet_hours_end",
            Self::ReleasedWithinS => "released_within_s",
            Self::MostPerRecipient => "most_per_recipient",
            Self::Rows => "rows",
        }
    }
}

/// What is measured, in words: `p99_ms of urgent in "full"`.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.figure.name())?;
        let priority = self.priority.map(Priority::name);
        let channel = self.channel.map(Channel::name);
        let provider = self.provider.map(Provider::name);
        let (status, reason) = (self.status.as_deref(), self.reason.as_deref());
        let of: Vec<_> = [priority, channel, provider, status, reason]
            .into_iter()
            .flatten()
            .collect();
        if !of.is_empty() {
            write!(f, " of {}", of.join(" "))?;
        }
        if let Some(phase) = &self.phase {
            write!(f, " in \"{phase}\"")?;
        }
        if let Some(against) = &self.against {
            write!(f, " against \"{against}\"")?;
        }
        Ok(())
    }
}

impl Expect {
    /// Whether a value lies within the interval.
    #[must_use]
    pub fn allows(&self, value: f64) -> bool {
        self.at_least.is_none_or(|least| value >= least)
            && self.at_most.is_none_or(|most| value <= most)
    }

    /// The interval in words.
    #[must_use]
    pub fn interval(&self) -> String {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least == most => format!("exactly {least}"),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (None, None) => "anything".to_owned(),
        }
    }
}
