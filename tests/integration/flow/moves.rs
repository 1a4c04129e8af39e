//! A window, a clock or a cap that changes while something waits for its end: it is let go by the new
//! one.

use loadtest::simulator::{Provider, Simulator};
use serde_json::json;

use super::hours::hours_from_now;
use crate::outcomes::Row;
use crate::stage::{ANA, Stage, account, envelope, envelope_with};

/// Quiet from some hours from now until others, by a clock; Ana's preference, or the tenant's.
fn quiet(whose: &str, from: i64, until: i64, clock: &str) -> String {
    format!(
        "[[preferences]]\n{whose}\nchannel = \"email\"\n{clock}\n\
         quiet_hours_start = \"{}\"\nquiet_hours_end = \"{}\"\n",
        hours_from_now(from),
        hours_from_now(until)
    )
}

fn of_ana(from: i64, until: i64) -> String {
    quiet(
        &format!("user_id = \"{ANA}\""),
        from,
        until,
        "timezone = \"UTC\"",
    )
}

fn ana_in(zone: &str) -> String {
    format!("[[users]]\nid = \"{ANA}\"\nemail = \"ana@example.com\"\ntimezone = \"{zone}\"\n")
}

/// Waiting until so many hours from now, give or take two minutes.
fn waiting_until(hours: i64) -> String {
    format!(
        "SELECT count(*) FROM notifications WHERE status = 'pending' AND reason = 'quiet_hours'
           AND due_at BETWEEN now() + interval '{hours} hours' - interval '2 minutes'
                          AND now() + interval '{hours} hours' + interval '2 minutes'"
    )
}

async fn stage(wishes: &str) -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__POLICY__RELEASE_SPREAD", "0ms");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!(
        "{}\n{}\n{wishes}",
        ana_in("UTC"),
        account(&sendgrid)
    ));
    (stage, sendgrid)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_changes_lets_go_of_what_waits_later_or_earlier() {
    let (stage, _sendgrid) = stage(&of_ana(-1, 2)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.until_count(&waiting_until(2), 1).await;
    stage.apply(&of_ana(-1, 5));
    outcomes.until_count(&waiting_until(5), 1).await;
    assert_eq!(stage.ledger.accepted(), 0);
    stage.apply(&of_ana(2, 5));
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_notification_follows_the_recipient_to_another_zone() {
    let (stage, _sendgrid) = stage(&quiet(&format!("user_id = \"{ANA}\""), -1, 2, "")).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.until_count(&waiting_until(2), 1).await;
    // An hour to the west it is an hour longer until the end; six hours to the east it has passed.
    stage.apply(&ana_in("Etc/GMT+1"));
    outcomes.until_count(&waiting_until(3), 1).await;
    stage.apply(&ana_in("Etc/GMT-6"));
    outcomes.only("sent", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_default_that_changes_lets_go_of_all_that_waits_by_it() {
    const MESSAGES: usize = 30;
    let tenants = |until| quiet("", -1, until, "timezone = \"UTC\"");
    let (stage, _sendgrid) = stage(&tenants(2)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..MESSAGES {
        publisher.publish(&envelope("email")).await;
    }
    let many = i64::try_from(MESSAGES).unwrap();
    outcomes.until_count(&waiting_until(2), many).await;
    stage.apply(&tenants(4));
    outcomes.until_count(&waiting_until(4), many).await;
    // A preference of her own stands before it.
    stage.apply(&format!(
        "[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\nquiet_hours = \"none\"\n"
    ));
    let all = |rows: &[Row]| rows.iter().all(|row| row.is("sent", None));
    outcomes.until(all).await;
    assert_eq!(stage.ledger.accepted(), u64::try_from(MESSAGES).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_that_is_raised_lets_go_of_what_waits_for_the_next_day() {
    let capped = |cap| {
        format!(
            "[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\nfrequency_cap = {cap}\n\
             [[categories]]\nname = \"news\"\nover_cap = \"defer\"\n"
        )
    };
    let (stage, _sendgrid) = stage(&capped(1)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..2 {
        let news = envelope_with("email", json!({ "category": "news" }));
        publisher.publish(&news).await;
    }
    let waits = |row: &Row| row.is("pending", Some("frequency_cap"));
    outcomes
        .until(|rows| rows.iter().any(waits) && rows.iter().any(|row| row.is("sent", None)))
        .await;
    stage.apply(&capped(2));
    outcomes
        .until(|rows| rows.iter().all(|row| row.is("sent", None)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notification_in_an_unknown_zone_waits_until_the_zone_is_known() {
    let noon_by_utc = quiet(&format!("user_id = \"{ANA}\""), 3, 4, "");
    let (stage, _sendgrid) = stage(&noon_by_utc).await;
    let mut outcomes = stage.outcomes().await;
    outcomes
        .execute("UPDATE users SET timezone = 'Mars/Base'")
        .await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.only("pending", Some("quiet_hours")).await;
    stage.apply(&ana_in("UTC"));
    outcomes.only("sent", None).await;
}
