//! A rate limit and daily caps, which hold whatever dies.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::chaos::finding::Finding;
use crate::chaos::load::{publish_until_taken, with};
use crate::chaos::round::{ASIDE_FROM, PATIENCE, Round, Scale, aside};
use crate::chaos::seed::Strict;
use crate::lane::Priority;
use crate::ledger::{Ledger, Moment};
use crate::publisher::{Mix, Plan, Weights};
use crate::simulator::Provider;

/// Sequences of what is sent to people with a cap begin here.
const FROM: u64 = ASIDE_FROM * 2;
const CAP: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What the engine reckons with for the way of a token to the provider, and what a busy machine adds.
const MARGIN_SECONDS: f64 = 1.5 + 1.5;

/// Limits that the load of a round exceeds several times.
pub(super) fn strict(scale: Scale) -> Strict {
    Strict {
        rate_limit: scale.choose(900, 1_200),
        people: 3,
        cap: CAP,
    }
}

/// The messages to people with a cap.
pub(super) struct Capped {
    strict: Strict,
    plan: Plan,
    /// Person and sequence of each.
    published: Vec<(u32, u64)>,
}

impl Capped {
    pub(super) fn new(strict: Strict) -> Result<Self> {
        let mix = Mix {
            // Urgent ones pass caps uncounted.
            priorities: Weights::only(Priority::Normal),
            ..aside()?
        };
        Ok(Self {
            strict,
            plan: Plan::new(mix, 0, "capped").starting_at(FROM),
            published: Vec::new(),
        })
    }

    /// Publishes more to each of them than their caps allow.
    pub(super) async fn publish(&mut self, round: &Round<'_>) -> Result<()> {
        for _ in 0..=CAP {
            for person in self.strict.capped() {
                let mut draft = self.plan.draft(crate::marker::now_micros());
                let envelope = with(&draft, "user_id", json!(person.id()))?;
                draft.body = envelope.to_string().into_bytes();
                publish_until_taken(round.environment.vhost.url(), &draft).await;
                self.published.push((person.number, draft.sequence));
            }
        }
        Ok(())
    }

    /// Once all of them have their outcome, everybody has got as many as the cap allows.
    pub(super) async fn judge(&self, round: &mut Round<'_>) -> Result<()> {
        let over = "SELECT count(*) FROM notification_schema.notifications
            WHERE source_id ~ '^A-[0-9]+$' AND status IN ('sent', 'cancelled')
              AND substr(source_id, 3)::bigint >= ";
        let (over, wanted) = (format!("{over}{FROM}"), self.published.len() as u64);
        let deadline = Instant::now() + PATIENCE;
        let mut ended = round.environment.database.count(&over).await?;
        while ended < wanted && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
            ended = round.environment.database.count(&over).await?;
        }
        round.finding.must(ended == wanted, || {
            format!("{ended} of {wanted} to people with a cap came to an end")
        });
        round.finding.published += wanted;
        for person in self.strict.capped() {
            let theirs = self
                .published
                .iter()
                .filter(|(number, _)| *number == person.number);
            let got = theirs.filter(|(_, sequence)| is_sent(&round.environment.ledger, *sequence));
            let got = got.count();
            round.finding.must(got == CAP as usize, || {
                format!("somebody with a cap of {CAP} got {got} messages")
            });
        }
        Ok(())
    }
}

fn is_sent(ledger: &Ledger, sequence: u64) -> bool {
    !ledger.entries_of_sequence(sequence).is_empty()
}

/// The text messages of a round never came faster than the limit allows.
pub(super) fn judge_rate(finding: &mut Finding, ledger: &Ledger, strict: Strict) {
    let moments = ledger.moments();
    let texts: Vec<f64> = moments
        .iter()
        .filter(|moment| moment.provider == Provider::Twilio)
        .map(seconds)
        .collect();
    let excess = excess(&texts, strict.rate_limit);
    finding.must(excess <= 0.0, || {
        format!(
            "{excess:.0} text messages more than a limit of {} a minute allows",
            strict.rate_limit
        )
    });
    // Fewer would say nothing of the limit.
    let enough = texts.len() * 10 > strict.rate_limit as usize;
    finding.must(enough, || format!("only {} text messages", texts.len()));
}

fn seconds(moment: &Moment) -> f64 {
    moment.at_micros as f64 / 1_000_000.0
}

/// By how many the fullest span of time, of any length, exceeds what the limit allows in it: the
/// burst, and a token for each interval (decision 25).
fn excess(instants: &[f64], limit: u32) -> f64 {
    let burst = (limit / 60).max(1);
    let interval = 61.5 / f64::from(limit + 1 - burst);
    let allowed = |span: f64| f64::from(burst) + 1.0 + (span + MARGIN_SECONDS) / interval;
    let spans = instants.iter().enumerate().flat_map(|(from, first)| {
        let later = instants.iter().skip(from).enumerate();
        later.map(move |(more, last)| (more as f64 + 1.0, last - first))
    });
    let excess = spans.map(|(count, span)| count - allowed(span));
    excess.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_rate_is_an_excess_and_the_rate_is_none() {
        let at = |per_second: f64| -> Vec<f64> {
            (0..200)
                .map(|number| f64::from(number) / per_second)
                .collect()
        };
        assert!(excess(&at(9.6), 600) <= 0.0);
        assert!(excess(&at(19.2), 600) > 20.0);
        assert!(excess(&at(43.0), 600) > 50.0);
        assert!(excess(&[], 600) <= 0.0);
    }
}
