//! Nobody is bothered against their preference: quiet hours, daily caps, opt-outs, suppressions, and how
//! fast a change of mind arrives.

use herald::domain::DEFAULT_TENANT;
use loadtest::simulator::{Behaviour, Provider};
use serde_json::json;

use super::hours::hours_from_now;
use crate::stage::{ANA, Stage, account, ana, envelope, envelope_with};

/// A preference of Ana's for e-mail, by the clock of UTC.
fn wish(fields: &str) -> String {
    format!(
        "[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\ntimezone = \"UTC\"\n{fields}\n"
    )
}

/// Quiet since an hour ago, for another two.
fn quiet_now() -> String {
    wish(&format!(
        "quiet_hours_start = \"{}\"\nquiet_hours_end = \"{}\"",
        hours_from_now(-1),
        hours_from_now(2)
    ))
}

async fn email_stage(wishes: &str) -> (Stage, loadtest::simulator::Simulator) {
    let mut stage = Stage::with_lanes("email.urgent,email.normal").await;
    stage.set("HERALD__POLICY__RELEASE_SPREAD", "0ms");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}\n{}\n{wishes}", ana(), account(&sendgrid)));
    (stage, sendgrid)
}

#[tokio::test(flavor = "multi_thread")]
async fn notification_in_quiet_hours_waits_for_their_end_and_urgent_ones_pass() {
    let (stage, _sendgrid) = email_stage(&quiet_now()).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    outcomes.only("pending", Some("quiet_hours")).await;
    let held = "SELECT count(*) FROM notifications
        WHERE due_at BETWEEN now() + interval '1 hour 58 minutes' AND now() + interval '2 hours'";
    assert_eq!(outcomes.count(held).await, 1);
    let urgent = json!({ "priority": "urgent" });
    publisher.publish(&envelope_with("email", urgent)).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_changes_while_a_message_is_held_counts_when_it_comes_up() {
    let (stage, _sendgrid) = email_stage(&quiet_now()).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    outcomes.only("pending", Some("quiet_hours")).await;
    // Up too early: still quiet, and held again.
    let up = "UPDATE notifications SET due_at = now() WHERE status = 'pending'";
    outcomes.execute(up).await;
    outcomes
        .until(|rows| {
            let held = |row: &crate::outcomes::Row| row.attempts.as_array().unwrap().len();
            rows.iter()
                .all(|row| row.is("pending", Some("quiet_hours")) && held(row) == 2)
        })
        .await;
    stage.apply(&wish("enabled = false"));
    outcomes.execute(up).await;
    outcomes.only("cancelled", Some("channel_disabled")).await;
    assert_eq!(stage.ledger.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_takes_effect_at_once_also_for_somebody_who_is_kept_in_memory() {
    let (stage, _sendgrid) = email_stage("").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for sent in 1..=3 {
        publisher.publish(&envelope("email")).await;
        let all = move |rows: &[crate::outcomes::Row]| {
            rows.len() == sent && rows.iter().all(|row| row.is("sent", None))
        };
        outcomes.until(all).await;
    }
    stage.apply(&wish("enabled = true"));
    // To and fro: what is published after a preference was committed follows it.
    for round in 1..=20 {
        let enabled = round % 2 == 0;
        let change = format!("UPDATE notification_preferences SET enabled = {enabled}");
        outcomes.execute(&change).await;
        publisher.publish(&envelope("email")).await;
        let rows = outcomes.until(|rows| rows.len() == 3 + round).await;
        let followed = if enabled {
            rows[2 + round].is("sent", None)
        } else {
            rows[2 + round].is("cancelled", Some("channel_disabled"))
        };
        assert!(followed, "{round}: {rows:#?}");
    }
    assert_eq!(stage.ledger.accepted(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_holds_however_its_category_is_spelt_in_the_table() {
    let (stage, _sendgrid) = email_stage("").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for (number, odd) in ["news ", "ne\u{200b}ws", "news\u{a0}"].iter().enumerate() {
        let wish = format!(
            "DELETE FROM notification_preferences; \
             INSERT INTO notification_preferences (id, tenant_id, user_id, category, enabled) \
             VALUES (gen_random_uuid(), '{DEFAULT_TENANT}', '{ANA}', '{odd}', false)"
        );
        outcomes.execute(&wish).await;
        let news = json!({ "category": "news" });
        publisher.publish(&envelope_with("email", news)).await;
        let rows = outcomes.until(|rows| rows.len() == number + 1).await;
        let is_off = rows[number].is("cancelled", Some("category_disabled"));
        assert!(is_off, "{odd:?}: {rows:#?}");
    }
    assert_eq!(stage.ledger.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_one_over_the_daily_cap_and_what_fails_is_not_counted() {
    let (stage, _sendgrid) = email_stage(&wish("frequency_cap = 3")).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    // No template can be rendered without its variables: counted, and taken out again.
    stage.apply(
        "[[templates]]\nname = \"order\"\nmessage_type = \"email\"\nsubject = \"{{ order }}\"\n\
         body = \"{{ order }}\"\nvariables = [\"order\"]\n",
    );
    let mut broken = envelope("email");
    broken.as_object_mut().unwrap().remove("content");
    broken["template"] = json!({ "name": "order", "variables": {} });
    publisher.publish(&broken).await;
    outcomes.only("failed", Some("template_error")).await;
    for _ in 0..20 {
        publisher.publish(&envelope("email")).await;
    }
    let urgent = json!({ "priority": "urgent" });
    publisher.publish(&envelope_with("email", urgent)).await;
    let rows = outcomes
        .until(|rows| rows.len() == 22 && rows.iter().all(|row| row.status != "pending"))
        .await;
    let count = |status: &str, reason| rows.iter().filter(|row| row.is(status, reason)).count();
    assert_eq!(count("sent", None), 4, "three, and the urgent one");
    assert_eq!(count("cancelled", Some("frequency_cap")), 17);
    assert_eq!(stage.ledger.accepted(), 4);
    let counted = "SELECT sum(cardinality(notification_ids)) AS count FROM frequency_counts";
    assert_eq!(outcomes.count(counted).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_cap_a_category_may_wait_for_the_next_day() {
    let wishes = format!(
        "{}\n[[categories]]\nname = \"news\"\nover_cap = \"defer\"\n",
        wish("frequency_cap = 1")
    );
    let (stage, _sendgrid) = email_stage(&wishes).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..2 {
        let message = envelope_with("email", json!({ "category": "news" }));
        publisher.publish(&message).await;
    }
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("pending", Some("frequency_cap")))
        })
        .await;
    assert!(
        stage
            .ledger
            .wait_for_accepted(1, crate::stage::PATIENCE)
            .await
    );
    let tomorrow = "SELECT count(*) FROM notifications WHERE due_at =
        (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'";
    assert_eq!(outcomes.count(tomorrow).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_defaults_hold_for_who_said_nothing_and_security_cannot_be_switched_off() {
    let wishes = "[[preferences]]\ncategory = \"marketing\"\nenabled = false\n\
        [[preferences]]\ncategory = \"security\"\nenabled = false\n\
        [[categories]]\nname = \"security\"\nmay_disable = false\n";
    let (stage, _sendgrid) = email_stage(wishes).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let of = |category| envelope_with("email", json!({ "category": category }));
    publisher.publish(&of("marketing")).await;
    outcomes.only("cancelled", Some("category_disabled")).await;
    publisher.publish(&of("security")).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    // Ana wants marketing after all.
    stage.apply(&format!(
        "[[preferences]]\nuser_id = \"{ANA}\"\ncategory = \"marketing\"\nenabled = true\n"
    ));
    publisher.publish(&of("marketing")).await;
    let sent =
        |rows: &[crate::outcomes::Row]| rows.iter().filter(|row| row.is("sent", None)).count();
    outcomes.until(move |rows| sent(rows) == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppressed_address_is_not_written_to_however_it_is_spelt() {
    let listed = "[[suppressions]]\nchannel = \"email\"\naddress = \"ANA@example.com\"\nreason = \"manual\"\n";
    let (stage, _sendgrid) = email_stage(listed).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.only("cancelled", Some("suppressed")).await;
    assert_eq!(stage.ledger.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_dead_is_never_written_to_again() {
    let stage = Stage::with_lanes("sms.normal,push.normal").await;
    // STOP, and an app that was removed.
    let twilio = stage.simulator(Provider::Twilio);
    let fcm = stage.simulator(Provider::Fcm);
    stage.apply_ana_and(&[&twilio, &fcm]);
    stage.apply(&format!(
        "[[users]]\nid = \"{ANA}\"\nphone = \"+15005550004\"\n\
         devices = [{{ token = \"unregistered-1\", platform = \"android\" }}]\n"
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("sms")).await;
    outcomes.only("failed", Some("opted_out")).await;
    let stopped = "SELECT count(*) FROM suppressions
        WHERE channel = 'sms' AND address = '+15005550004' AND reason = 'stop'";
    assert_eq!(outcomes.count(stopped).await, 1);
    publisher.publish(&envelope("sms")).await;
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("cancelled", Some("suppressed")))
        })
        .await;
    // One device of two is gone: the other got it.
    publisher.publish(&envelope("push")).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    let retired = "SELECT count(*) FROM user_devices
        WHERE token = 'unregistered-1' AND invalidated_at IS NOT NULL";
    assert_eq!(outcomes.count(retired).await, 1);
    let live = "SELECT count(*) FROM user_devices WHERE invalidated_at IS NULL";
    assert_eq!(outcomes.count(live).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_at_a_slow_account_is_rechecked_before_it_goes() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__CONCURRENCY", "1");
    let slow = loadtest::simulator::Latency::Fixed { ms: 1_500.0 };
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().latency(slow));
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    publisher.publish(&envelope("email")).await;
    // The first is under way; the second waits behind it when Ana changes her mind.
    let claimed = "SELECT count(*) FROM notification_deduplication";
    outcomes.until_count(claimed, 2).await;
    stage.apply(&wish("enabled = false"));
    let rows = outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.status != "pending"))
        .await;
    let refused = |row: &&crate::outcomes::Row| row.is("cancelled", Some("channel_disabled"));
    assert_eq!(rows.iter().filter(refused).count(), 1, "{rows:#?}");
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_about_hours_does_not_switch_on_what_the_tenant_has_off() {
    let off = "[[preferences]]\ncategory = \"marketing\"\nenabled = false\nfrequency_cap = 0\n";
    let hours = format!(
        "[[preferences]]\nuser_id = \"{ANA}\"\ncategory = \"marketing\"\n\
         quiet_hours_start = \"{}\"\nquiet_hours_end = \"{}\"\n",
        hours_from_now(3),
        hours_from_now(5)
    );
    let (stage, _sendgrid) = email_stage(&format!("{off}{hours}")).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let marketing = || envelope_with("email", json!({ "category": "marketing" }));
    publisher.publish(&marketing()).await;
    outcomes.only("cancelled", Some("category_disabled")).await;
    // She wants it, but the tenant's cap holds until she says that there is none.
    stage.apply(&format!("{hours}enabled = true\n"));
    publisher.publish(&marketing()).await;
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("cancelled", Some("frequency_cap")))
        })
        .await;
    stage.apply(&format!(
        "{hours}enabled = true\nfrequency_cap = \"none\"\n"
    ));
    publisher.publish(&marketing()).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    assert_eq!(stage.ledger.accepted(), 1);
}
