use super::*;
use crate::domain::{Class, Priority, ProviderEvent};

const LANE: Lane = Lane::new(Channel::Sms, Priority::Urgent);

/// Everything once, so that every metric shows.
fn used() -> Metrics {
    let metrics = Metrics::new();
    metrics.consumed(LANE, 3);
    metrics.rejected(Rejection::TooLarge);
    metrics.events_accepted(8);
    metrics.runs_ended(RunEnd::Throttled, 1);
    metrics.runs_failed_late(2);
    metrics.duplicates(Channel::Email, 1);
    let account = metrics.provider("twilio-main");
    metrics.settled(Channel::Sms, Some("twilio-main"), Status::Sent, None);
    let reason = Some(Reason::NoAddress);
    metrics.settled(Channel::Sms, None, Status::Failed, reason);
    account.attempt(Class::Accepted);
    account.request(Duration::from_millis(30));
    metrics.provider("sendgrid-main").messages(70);
    metrics.end_to_end(LANE, Duration::from_millis(40));
    metrics.in_flight(LANE).increment(2.0);
    account.circuit_open(true);
    account.throttled(Duration::from_millis(700));
    account.throttled(Duration::from_millis(700));
    account.event(ProviderEvent::Delivered);
    account.unmatched_event();
    metrics.refused_events(EventRefusal::WrongSignature);
    metrics.signed_in(SignIn::Opened);
    metrics.actor_restarted("recorder");
    metrics.dlq_unresolved(4);
    metrics.quarantined(3);
    metrics.status_waiting(6);
    metrics.desk().tickets("open", 4);
    metrics.desk().events(2, Duration::from_secs(3));
    metrics.desk().clocks_late(Duration::from_secs(1));
    metrics.deferred(Reason::QuietHours, 5);
    metrics.deferred(Reason::NoAddress, 5);
    metrics.settle_batch_rows(200);
    metrics
}

fn lines_with(metrics: &Metrics, wanted: impl Fn(&str) -> bool) -> String {
    let rendered = metrics.render();
    let mut lines: Vec<_> = rendered.lines().filter(|line| wanted(line)).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn every_metric_of_the_contract_is_rendered_with_its_help() {
    let help = lines_with(&used(), |line| line.starts_with('#'));
    insta::assert_snapshot!(help, @r"
        # HELP herald_actor_restarts_total Actors restarted after a panic.
        # HELP herald_attempts_total Messages put to a provider, by class of the answer.
        # HELP herald_build_info Always 1; the version is in the label.
        # HELP herald_clock_offset_seconds How far this node's own clock is ahead of the database's, which decides.
        # HELP herald_console_sign_ins_total Attempts to sign in to the console, by what became of them.
        # HELP herald_deferred Notifications waiting in PostgreSQL, by what they wait for.
        # HELP herald_dlq_unresolved Dead letters nobody has replayed or resolved.
        # HELP herald_duplicates_total Messages acknowledged without sending because their key was known.
        # HELP herald_end_to_end_seconds Time from publication to the provider's acceptance.
        # HELP herald_events_accepted_total Events of other systems accepted, repetitions left out.
        # HELP herald_in_flight Notifications this node holds now.
        # HELP herald_inbox_stream_resets_total Streams of inboxes whose client was told to ask for the list anew, for it was too far behind.
        # HELP herald_inbox_streams Streams of inboxes that are open on this node.
        # HELP herald_ledger_difference Notifications of the last two days that came in and of which nothing is known, or that did not come in; 0 when the books balance.
        # HELP herald_log_lines_lost_total Log lines of this process that standard error did not take.
        # HELP herald_messages_consumed_total Messages taken from RabbitMQ, redeliveries included.
        # HELP herald_messages_rejected_total Messages that could not be accepted and went to herald.rejected.
        # HELP herald_notifications_accepted_total Notifications accepted by HTTP, repetitions left out.
        # HELP herald_notifications_total Outcomes committed; provider is empty before a choice, reason is empty for sent.
        # HELP herald_provider_circuit_open 1 while the provider's circuit is tripped or probing, 0 while it passes.
        # HELP herald_provider_events_refused_total Calls that tell events and were not listened to.
        # HELP herald_provider_events_total Events that providers told and that are stored, repetitions left out.
        # HELP herald_provider_events_unmatched_total Stored events of which no notification was known when they came.
        # HELP herald_provider_request_messages Messages in one request to an account that takes several at once.
        # HELP herald_provider_request_seconds Time from a request to the provider's answer.
        # HELP herald_provider_throttle_seconds_total Whole seconds in which queued requests waited for the account's rate limit or pace.
        # HELP herald_quarantined Outcomes that PostgreSQL refused for their own data, and nobody has replayed or resolved.
        # HELP herald_settle_batch_rows Outcomes committed in one transaction.
        # HELP herald_status_waiting Status events that wait to be published to herald.status, up to a million.
        # HELP herald_ticket_clocks_late_seconds How long ago the latest clock of a ticket was to be looked at; 0 when none is late.
        # HELP herald_ticket_events_oldest_seconds For how long the eldest of them waits; 0 when none does.
        # HELP herald_ticket_events_waiting Events of tickets that wait to be published to herald.events, up to a hundred thousand.
        # HELP herald_ticket_mails_total Mails that were handed over to the support desk, by what became of them.
        # HELP herald_tickets Tickets of the support desk by where they stand.
        # HELP herald_unreadable_rows_total Stored notifications that this version could not read and gave back.
        # HELP herald_workflow_runs_ended_total Runs of workflows that ended, by how.
        # HELP herald_workflow_runs_failed_late_total Runs of workflows that had ended well, and failed with a message that could not be rendered.
        # TYPE herald_actor_restarts_total counter
        # TYPE herald_attempts_total counter
        # TYPE herald_build_info gauge
        # TYPE herald_clock_offset_seconds gauge
        # TYPE herald_console_sign_ins_total counter
        # TYPE herald_deferred gauge
        # TYPE herald_dlq_unresolved gauge
        # TYPE herald_duplicates_total counter
        # TYPE herald_end_to_end_seconds histogram
        # TYPE herald_events_accepted_total counter
        # TYPE herald_in_flight gauge
        # TYPE herald_inbox_stream_resets_total counter
        # TYPE herald_inbox_streams gauge
        # TYPE herald_ledger_difference gauge
        # TYPE herald_log_lines_lost_total counter
        # TYPE herald_messages_consumed_total counter
        # TYPE herald_messages_rejected_total counter
        # TYPE herald_notifications_accepted_total counter
        # TYPE herald_notifications_total counter
        # TYPE herald_provider_circuit_open gauge
        # TYPE herald_provider_events_refused_total counter
        # TYPE herald_provider_events_total counter
        # TYPE herald_provider_events_unmatched_total counter
        # TYPE herald_provider_request_messages histogram
        # TYPE herald_provider_request_seconds histogram
        # TYPE herald_provider_throttle_seconds_total counter
        # TYPE herald_quarantined gauge
        # TYPE herald_settle_batch_rows histogram
        # TYPE herald_status_waiting gauge
        # TYPE herald_ticket_clocks_late_seconds gauge
        # TYPE herald_ticket_events_oldest_seconds gauge
        # TYPE herald_ticket_events_waiting gauge
        # TYPE herald_ticket_mails_total counter
        # TYPE herald_tickets gauge
        # TYPE herald_unreadable_rows_total counter
        # TYPE herald_workflow_runs_ended_total counter
        # TYPE herald_workflow_runs_failed_late_total counter
    ");
}

#[test]
fn events_are_counted_under_the_declared_labels() {
    let shown = lines_with(&used(), |line| {
        !line.starts_with('#')
            && !line.is_empty()
            && !line.ends_with(" 0")
            && !line.contains("_bucket")
    });
    insta::assert_snapshot!(shown, @r#"
        herald_actor_restarts_total{actor="recorder"} 1
        herald_attempts_total{provider="twilio-main",result="accepted"} 1
        herald_build_info{version="0.2.0"} 1
        herald_console_sign_ins_total{result="opened"} 1
        herald_deferred{reason="quiet_hours"} 5
        herald_dlq_unresolved 4
        herald_duplicates_total{channel="email"} 1
        herald_end_to_end_seconds_count{channel="sms",priority="urgent"} 1
        herald_end_to_end_seconds_sum{channel="sms",priority="urgent"} 0.04
        herald_events_accepted_total 8
        herald_in_flight{channel="sms",priority="urgent"} 2
        herald_messages_consumed_total{channel="sms",priority="urgent"} 3
        herald_messages_rejected_total{reason="too_large"} 1
        herald_notifications_total{channel="sms",provider="",status="failed",reason="no_address"} 1
        herald_notifications_total{channel="sms",provider="twilio-main",status="sent",reason=""} 1
        herald_provider_circuit_open{provider="twilio-main"} 1
        herald_provider_events_refused_total{reason="wrong_signature"} 1
        herald_provider_events_total{provider="twilio-main",event="delivered"} 1
        herald_provider_events_unmatched_total{provider="twilio-main"} 1
        herald_provider_request_messages_count{provider="sendgrid-main"} 1
        herald_provider_request_messages_sum{provider="sendgrid-main"} 70
        herald_provider_request_seconds_count{provider="twilio-main"} 1
        herald_provider_request_seconds_sum{provider="twilio-main"} 0.03
        herald_provider_throttle_seconds_total{provider="twilio-main"} 1
        herald_quarantined 3
        herald_settle_batch_rows_count 1
        herald_settle_batch_rows_sum 200
        herald_status_waiting 6
        herald_ticket_clocks_late_seconds 1
        herald_ticket_events_oldest_seconds 3
        herald_ticket_events_waiting 2
        herald_tickets{status="open"} 4
        herald_workflow_runs_ended_total{reason="throttled"} 1
        herald_workflow_runs_failed_late_total 2
    "#);
}

#[test]
fn end_to_end_buckets_reach_from_a_millisecond_to_ten_minutes() {
    let metrics = Metrics::new();
    metrics.end_to_end(LANE, Duration::from_micros(900));
    metrics.end_to_end(LANE, Duration::from_secs(599));
    metrics.run_upkeep();
    let shown = lines_with(&metrics, |line| {
        line.starts_with("herald_end_to_end_seconds_bucket")
            && ["\"0.001\"", "\"300\"", "\"600\"", "\"+Inf\""]
                .iter()
                .any(|bound| line.contains(bound))
            && line.contains("urgent")
            && line.contains("sms")
    });
    insta::assert_snapshot!(shown, @r#"
        herald_end_to_end_seconds_bucket{channel="sms",priority="urgent",le="+Inf"} 2
        herald_end_to_end_seconds_bucket{channel="sms",priority="urgent",le="0.001"} 1
        herald_end_to_end_seconds_bucket{channel="sms",priority="urgent",le="300"} 1
        herald_end_to_end_seconds_bucket{channel="sms",priority="urgent",le="600"} 2
    "#);
}

#[test]
fn two_engines_in_one_process_count_apart() {
    let (one, other) = (used(), Metrics::new());
    assert!(one.render().contains("herald_dlq_unresolved 4"));
    assert!(other.render().contains("herald_dlq_unresolved 0"));
}

#[test]
fn accounts_come_and_go_and_their_series_go_with_them() {
    let metrics = used();
    let before = metrics.render().lines().count();
    for number in 0..120 {
        let name = format!("account-{number}");
        let account = metrics.provider(&name);
        account.attempt(Class::Accepted);
        metrics.settled(Channel::Sms, Some(&name), Status::Sent, None);
        assert!(metrics.render().contains(&name));
        metrics.forget_provider(&name);
        // Whoever still holds it counts for nobody, and what was in hand is not lost.
        account.request(Duration::from_millis(1));
        metrics.settled(Channel::Sms, Some(&name), Status::Sent, None);
    }
    let page = metrics.render();
    assert!(!page.contains("account-"), "{page}");
    let gone = r#"provider="(gone)",status="sent",reason=""} 120"#;
    assert!(page.contains(gone), "{page}");
    assert_eq!(page.lines().count(), before + 1);
}

#[test]
fn in_app_has_no_account_and_is_counted_under_its_own_name() {
    let metrics = Metrics::new();
    metrics.settled(Channel::InApp, Some("inbox"), Status::Sent, None);
    assert!(
        metrics
            .render()
            .contains(r#"provider="inbox",status="sent",reason=""} 1"#)
    );
}
