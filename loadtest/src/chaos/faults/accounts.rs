//! Accounts that cannot send, and gateways that accept and say that they did not.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::{Play, unhurried};
use crate::simulator::{Behaviour, Fault, Provider, Rule};

pub(super) async fn refuse(ground: Ground<'_>) -> Result<Finding> {
    let scene = ground.scene(ordinary()).await?;
    let mut play = ground.play_on(scene).await?;
    play.moment(0.1, 0.3).await;
    // First of all: an account that is refused is left alone for a minute.
    let gateways = [Provider::SendGrid, Provider::Twilio, Provider::Fcm];
    trouble(
        &mut play,
        &gateways.map(|provider| (provider, accepts_and_says(504))),
    )
    .await;
    let unknown = play.sum("herald_attempts_total", "unknown").await?;
    play.finding.must(unknown > 0.0, || {
        "gateways answered 504, and no attempt was counted as unknown".into()
    });
    play.moment(0.4, 0.6).await;
    // Mail goes by the mail server; what has no other account waits.
    let elsewhere: &[_] = &[
        (Provider::SendGrid, answers(404)),
        (Provider::Twilio, answers(302)),
        (Provider::Fcm, answers(401)),
    ];
    trouble(&mut play, elsewhere).await;
    play.moment(0.7, 0.9).await;
    // Mail has no way at all.
    let greeting = Rule::always(Fault::status(554)).endpoint("connect");
    let nowhere: &[_] = &[
        (Provider::SendGrid, answers(401)),
        (Provider::Smtp, unhurried().rule(greeting)),
    ];
    trouble(&mut play, nowhere).await;
    let dead = "SELECT count(*) FROM notification_schema.notification_dlq";
    let dead = play.scene.database.count(dead).await?;
    play.finding.must(dead == 0, || {
        format!("{dead} dead letters for what accounts could not do")
    });
    play.finding.note(
        "a gateway's 504 in front of an acceptance; 404, 302, 401; a greeting of 554 and 401",
    );
    play.finish().await
}

/// Providers behave so for a while, and are well again.
async fn trouble(play: &mut Play<'_>, how: &[(Provider, Behaviour)]) {
    for (provider, behaviour) in how {
        play.scene.behave(behaviour, |one| one == *provider);
    }
    sleep(Duration::from_millis(play.scale.choose(1_500, 4_000))).await;
    play.scene.behave(&unhurried(), |_| true);
    play.recovers(Instant::now()).await;
}

fn answers(status: u16) -> Behaviour {
    unhurried().rule(Rule::always(Fault::status(status)))
}

fn accepts_and_says(status: u16) -> Behaviour {
    let mut rule = Rule::always(Fault::status(status));
    rule.accepted = Some(true);
    unhurried().rule(rule)
}
