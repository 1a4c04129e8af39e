//! All providers but the one to fail over to misbehave for a while.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::load::publish_until_taken;
use crate::chaos::round::{Round, unhurried};
use crate::ledger::Ledger;
use crate::simulator::{Fault, Provider, Rule};

/// The engine's patience with providers that never answer, in seconds.
const TIMEOUT: u32 = 4;
/// Longest wait for circuits, and for mail to fail over.
const PATIENCE: Duration = Duration::from_secs(30);
/// A mail that did not fail over by then may be the one that tries whether the first is back.
const ONE_MAIL: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The accounts that misbehave, by the names in the seed file.
const ACCOUNTS: [&str; 3] = ["sendgrid-simulator", "twilio-simulator", "fcm-simulator"];

pub(super) fn status(status: u16, retry_after_seconds: Option<u32>) -> Fault {
    Fault::Status {
        status,
        retry_after_seconds,
        body: None,
    }
}

/// Whether it is a reason to leave an account alone.
fn trips(fault: &Fault) -> bool {
    match fault {
        Fault::Status { status, .. } => *status >= 500,
        Fault::Hang | Fault::Reset | Fault::DropAnswer | Fault::Dribble { .. } => true,
        // A good status is an acceptance, whatever comes after it.
        Fault::Garbage { .. } | Fault::HugeBody { .. } | Fault::Latin1 { .. } => false,
    }
}

/// Whether mail goes another way meanwhile.
fn fails_over(fault: &Fault) -> bool {
    trips(fault) || matches!(fault, Fault::Status { .. })
}

pub(super) async fn fail(spec: Spec<'_>, fault: Fault) -> Result<Finding> {
    let mut special = ordinary();
    if fault == Fault::Hang {
        special.provider_timeout = TIMEOUT;
    }
    let mut environment = spec.environment(special).await?;
    if matches!(fault, Fault::Dribble { .. }) {
        // What comes byte by byte is slow, and little else is.
        environment.set("HERALD__PROVIDERS__CIRCUIT__SLOW_AFTER", "200ms");
        environment.set("HERALD__PROVIDERS__CIRCUIT__WINDOW", "3s");
        // A slow account answers seldom: its calls at once, each over seconds on a slow machine.
        environment.set("HERALD__PROVIDERS__CIRCUIT__MINIMUM_REQUESTS", "4");
    }
    let mut round = spec.round_on(environment).await?;
    round.moment(0.1, 0.5).await;
    let healthy = unhurried();
    let failing = healthy.clone().rule(Rule::always(fault.clone()));
    // FCM's rule for a 429 without Retry-After is to wait a minute.
    let spared = round.scale.quick && fault == status(429, None);
    if spared {
        round
            .finding
            .note("FCM is left alone in the quick form: the engine would wait its minute");
    }
    // The mail server stays well: what SendGrid surely has not sent fails over to it.
    round
        .environment
        .behave(&failing, |provider| match provider {
            Provider::Smtp => false,
            Provider::Fcm => !spared,
            _ => true,
        });
    let trouble = Duration::from_millis(round.scale.choose(1_500, 4_000));
    let over = Instant::now() + trouble;
    if trips(&fault) {
        circuits(&mut round, true).await?;
    }
    if fails_over(&fault) {
        mail_goes_another_way(&mut round).await;
    }
    sleep_until(over).await;
    round.environment.behave(&healthy, |_| true);
    round.recovers(Instant::now()).await;
    if trips(&fault) {
        circuits(&mut round, false).await?;
    }
    if fault == Fault::DropAnswer {
        let unknown = round.sum("herald_attempts_total", "unknown").await?;
        round.finding.must(unknown > 0.0, || {
            "answers were lost, and no attempt was counted as unknown".into()
        });
    }
    round.finish().await
}

/// Waits until both engines' circuits of all accounts that misbehave are open, or all of them closed.
async fn circuits(round: &mut Round<'_>, open: bool) -> Result<()> {
    let wanted = if open { 1.0 } else { 0.0 };
    let deadline = Instant::now() + PATIENCE;
    let mut other_than_wanted = Vec::new();
    for engine in round.engines() {
        for account in ACCOUNTS {
            let gauge = "herald_provider_circuit_open";
            let mut found = engine.sum(gauge, account).await?;
            while found != wanted && Instant::now() < deadline {
                sleep(LOOK_EVERY).await;
                found = engine.sum(gauge, account).await?;
            }
            if found != wanted {
                let state = if open { "never opened" } else { "stays open" };
                let node = engine.name();
                other_than_wanted.push(format!("the circuit of {account} {state} on {node}"));
            }
        }
    }
    for what in other_than_wanted {
        round.finding.except(what);
    }
    Ok(())
}

/// While the trouble lasts, a mail arrives through the second account.
async fn mail_goes_another_way(round: &mut Round<'_>) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let draft = round.draft_aside();
        publish_until_taken(round.environment.vhost.url(), &draft).await;
        let by_mail_server = |ledger: &Ledger| {
            let entries = ledger.entries_of_sequence(draft.sequence);
            entries
                .iter()
                .any(|entry| entry.provider() == Provider::Smtp)
        };
        let ledger = &round.environment.ledger;
        if ledger.wait_until(ONE_MAIL, by_mail_server).await {
            return;
        }
    }
    round
        .finding
        .except("no mail arrived through the second account while the first was in trouble");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_failure_trips_nothing_and_fails_over_only_when_refused() {
        let expected = [
            (status(500, None), (true, true)),
            (status(429, Some(1)), (false, true)),
            (Fault::Hang, (true, true)),
            (Fault::Garbage { bytes: 1 }, (false, false)),
            (Fault::HugeBody { bytes: 1 }, (false, false)),
        ];
        for (fault, wanted) in expected {
            assert_eq!((trips(&fault), fails_over(&fault)), wanted, "{fault:?}");
        }
    }
}
