//! Accounts that cannot send, and gateways that accept and say that they did not.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::{Round, unhurried};
use crate::simulator::{Behaviour, Fault, Provider, Rule};

pub(super) async fn refuse(spec: Spec<'_>) -> Result<Finding> {
    let environment = spec.environment(ordinary()).await?;
    let mut round = spec.round_on(environment).await?;
    round.moment(0.1, 0.3).await;
    // First of all: an account that is refused is left alone for a minute.
    let gateways = [Provider::SendGrid, Provider::Twilio, Provider::Fcm];
    trouble(
        &mut round,
        &gateways.map(|provider| (provider, accepts_and_says(504))),
    )
    .await;
    let unknown = round.sum("herald_attempts_total", "unknown").await?;
    round.finding.must(unknown > 0.0, || {
        "gateways answered 504, and no attempt was counted as unknown".into()
    });
    round.moment(0.4, 0.6).await;
    // Mail goes by the mail server; what has no other account waits.
    let elsewhere: &[_] = &[
        (Provider::SendGrid, answers(404)),
        (Provider::Twilio, answers(302)),
        (Provider::Fcm, answers(401)),
    ];
    trouble(&mut round, elsewhere).await;
    round.moment(0.7, 0.9).await;
    // Mail has no way at all.
    let greeting = Rule::always(Fault::status(554)).endpoint("connect");
    let nowhere: &[_] = &[
        (Provider::SendGrid, answers(401)),
        (Provider::Smtp, unhurried().rule(greeting)),
    ];
    trouble(&mut round, nowhere).await;
    let dead = "SELECT count(*) FROM notification_schema.notification_dlq";
    let dead = round.environment.database.count(dead).await?;
    round.finding.must(dead == 0, || {
        format!("{dead} dead letters for what accounts could not do")
    });
    round.finding.note(
        "a gateway's 504 in front of an acceptance; 404, 302, 401; a greeting of 554 and 401",
    );
    round.finish().await
}

/// Providers behave so for a while, and are well again.
async fn trouble(round: &mut Round<'_>, how: &[(Provider, Behaviour)]) {
    for (provider, behaviour) in how {
        round.environment.behave(behaviour, |one| one == *provider);
    }
    sleep(Duration::from_millis(round.scale.choose(1_500, 4_000))).await;
    round.environment.behave(&unhurried(), |_| true);
    round.recovers(Instant::now()).await;
}

fn answers(status: u16) -> Behaviour {
    unhurried().rule(Rule::always(Fault::status(status)))
}

fn accepts_and_says(status: u16) -> Behaviour {
    let mut rule = Rule::always(Fault::status(status));
    rule.accepted = Some(true);
    unhurried().rule(rule)
}
