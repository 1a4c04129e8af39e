//! What a run is asked for, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::books::Books;
use super::meter::Times;
use super::reading::ReadTimes;
use crate::publisher::{Mix, Progress, Published};
use crate::report::{Counts, Percentiles};

/// The load of a run, and how it is measured.
#[derive(Clone, Debug)]
pub struct Work {
    /// What is published.
    pub mix: Mix,
    /// Seed of the load: the same one publishes the same messages.
    pub seed: u64,
    /// How many messages.
    pub count: u64,
    /// Messages a second; 0 is flat out.
    pub rate: f64,
    /// Unconfirmed messages at most.
    pub window: usize,
    /// Whether everything is published before the nodes begin.
    pub backlog: bool,
    /// Whether the nodes meet a database in the midst of its day, instead of one right after a
    /// checkpoint, with every page still to be logged.
    pub warm_up: bool,
    /// Whether the servers are looked at too, and what they wrote.
    pub servers: bool,
    /// How long nothing may happen while something is missing.
    pub patience: Duration,
    /// How many read by HTTP while it is delivered.
    pub readers: usize,
    /// What is counted while it is published.
    pub progress: Arc<Progress>,
}

/// What was measured in a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The machine's load average over a minute when it began: other work shows here.
    pub load_average: f64,
    /// Acceptances a second over the middle 80 %.
    pub per_second: f64,
    /// Published to accepted.
    pub latency: Percentiles,
    /// From the start of the first process to the first acceptance, where messages were waiting.
    pub first_ms: Option<f64>,
    /// CPU time over the middle 80 %, microseconds for each acceptance.
    pub times: Times,
    /// Deliveries a second to the webhook, where there is one.
    pub told_per_second: f64,
    /// Resident memory of the largest node at most, bytes.
    pub resident_peak_bytes: u64,
    /// CPU time of RabbitMQ for taking in what is published, microseconds for each message.
    pub taking_in: f64,
    /// What tables and log held before.
    pub(super) before: Books,
    /// By how much they grew, for each message.
    pub(super) grown: Books,
    /// Bytes of full pages among the log, for each message.
    pub(super) page_bytes: f64,
    /// Acceptances for each message.
    pub acceptances_each: f64,
    /// Counts.
    pub counts: Counts,
    /// How calls by HTTP were answered.
    pub answered: Answered,
    /// What those who read meanwhile waited for.
    pub reads: ReadTimes,
    /// Why it is not good; empty when it is.
    pub faults: Vec<String>,
}

/// How calls by HTTP were answered; not numbers where there were none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Answered {
    /// Notifications accepted a second, from the first call to the last answer.
    pub per_second: f64,
    /// From a call to its answer, half of them.
    pub p50_ms: f64,
    /// The same, 99 of 100.
    pub p99_ms: f64,
}

impl Answered {
    pub(super) const NOT_A_NUMBER: Self = Self {
        per_second: f64::NAN,
        p50_ms: f64::NAN,
        p99_ms: f64::NAN,
    };

    pub(super) fn of(published: &Published) -> Self {
        let Some(answers) = &published.answer_micros else {
            return Self::NOT_A_NUMBER;
        };
        let answers = Percentiles::of(answers);
        Self {
            per_second: published.confirmed as f64 / published.answered_in.as_secs_f64(),
            p50_ms: answers.p50_ms,
            p99_ms: answers.p99_ms,
        }
    }
}
