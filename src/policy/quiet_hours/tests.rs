use super::*;
use crate::domain::preference::Setting;
use crate::domain::{Channel, GlobalPolicy, Notification, Preference, Recipient};
use crate::policy::decide;
use crate::policy::decide::tests::{
    GLOBAL, account, facts, notification, recipient, silent_preference,
};
use jiff::civil::time;
use std::time::Duration;

fn hours(start: (i8, i8), end: (i8, i8), days: &[Weekday]) -> QuietHours {
    QuietHours {
        start: time(start.0, start.1, 0, 0),
        end: time(end.0, end.1, 0, 0),
        days: days.to_vec(),
    }
}

fn night() -> QuietHours {
    hours((22, 0), (7, 0), &[])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Until when it is quiet in a zone, as its clock shows it with the offset.
fn until(zone: &str, hours: &QuietHours, now: &str) -> Option<String> {
    let zone = TimeZone::get(zone).unwrap();
    let window = Window {
        scope: &Scope::All,
        hours,
        zone: zone.clone(),
    };
    let end = quiet_until(&[window], at(now))?.to_zoned(zone);
    Some(end.strftime("%d %H:%M %:z").to_string())
}

fn berlin(hours: &QuietHours, now: &str) -> Option<String> {
    until("Europe/Berlin", hours, now)
}

/// A person in Berlin who wants silence then.
fn person(hours: &[QuietHours]) -> Recipient {
    let zone = Some("Europe/Berlin".to_owned());
    let scopes = [Scope::All, Scope::Channel(Channel::Email)];
    let preferences = scopes
        .into_iter()
        .zip(hours)
        .map(|(scope, hours)| Preference {
            quiet_hours: Setting::Value(hours.clone()),
            ..silent_preference(scope)
        });
    Recipient {
        timezone: zone,
        preferences: preferences.collect(),
        ..recipient()
    }
}

fn decided(
    notification: &Notification,
    person: &Recipient,
    global: &GlobalPolicy,
    now: &str,
    jitter: f64,
) -> Decision {
    let accounts = [account("a", 0)];
    decide(&Facts {
        global,
        now: at(now),
        jitter,
        ..facts(notification, person, &accounts)
    })
}

#[test]
fn the_start_belongs_to_the_window_and_the_end_does_not() {
    let day = hours((9, 0), (17, 0), &[]);
    assert_eq!(berlin(&day, "2026-06-10T08:59:59.999+02:00"), None);
    let end = Some("10 17:00 +02:00".to_owned());
    assert_eq!(berlin(&day, "2026-06-10T09:00:00+02:00"), end);
    assert_eq!(berlin(&day, "2026-06-10T16:59:59.999+02:00"), end);
    assert_eq!(berlin(&day, "2026-06-10T17:00:00+02:00"), None);
}

#[test]
fn an_overnight_window_counts_by_the_day_on_which_it_starts() {
    // 2026-06-12 is a Friday.
    let fridays = hours((22, 0), (7, 0), &[Weekday::Friday]);
    assert_eq!(berlin(&fridays, "2026-06-12T06:00:00+02:00"), None);
    let end = Some("13 07:00 +02:00".to_owned());
    assert_eq!(berlin(&fridays, "2026-06-12T23:00:00+02:00"), end);
    assert_eq!(berlin(&fridays, "2026-06-13T06:59:00+02:00"), end);
    assert_eq!(berlin(&fridays, "2026-06-13T23:00:00+02:00"), None);
}

#[test]
fn a_window_that_starts_or_ends_in_a_gap_does_so_at_the_change() {
    // 2026-03-29: 02:00 becomes 03:00 in Berlin.
    let starts = hours((2, 30), (5, 0), &[]);
    assert_eq!(berlin(&starts, "2026-03-29T01:59:00+01:00"), None);
    let end = Some("29 05:00 +02:00".to_owned());
    assert_eq!(berlin(&starts, "2026-03-29T03:00:00+02:00"), end);
    let ends = hours((22, 0), (2, 30), &[]);
    let end = Some("29 03:00 +02:00".to_owned());
    assert_eq!(berlin(&ends, "2026-03-29T01:59:00+01:00"), end);
    assert_eq!(berlin(&ends, "2026-03-29T03:00:00+02:00"), None);
    let within = hours((2, 15), (2, 45), &[]);
    assert_eq!(berlin(&within, "2026-03-29T03:00:00+02:00"), None);
    assert_eq!(berlin(&within, "2026-03-29T01:59:59+01:00"), None);
}

#[test]
fn a_window_that_starts_or_ends_in_a_fold_lasts_from_the_first_to_the_last_showing() {
    // 2026-10-25: 03:00 becomes 02:00 in Berlin.
    let ends = hours((22, 0), (2, 30), &[]);
    let end = Some("25 02:30 +01:00".to_owned());
    assert_eq!(berlin(&ends, "2026-10-25T02:15:00+02:00"), end);
    assert_eq!(berlin(&ends, "2026-10-25T02:45:00+02:00"), end);
    assert_eq!(berlin(&ends, "2026-10-25T02:30:00+01:00"), None);
    let starts = hours((2, 30), (5, 0), &[]);
    assert_eq!(berlin(&starts, "2026-10-25T02:29:00+02:00"), None);
    let end = Some("25 05:00 +01:00".to_owned());
    assert_eq!(berlin(&starts, "2026-10-25T02:30:00+02:00"), end);
    assert_eq!(berlin(&starts, "2026-10-25T02:15:00+01:00"), end);
}

#[test]
fn a_window_that_ends_where_the_clock_is_put_back_to_does_not_come_again() {
    let ends = hours((22, 0), (2, 0), &[]);
    let end = Some("25 02:00 +02:00".to_owned());
    assert_eq!(berlin(&ends, "2026-10-25T01:59:00+02:00"), end);
    assert_eq!(berlin(&ends, "2026-10-25T02:00:00+01:00"), None);
}

#[test]
fn an_equal_start_and_end_is_the_whole_day_until_the_same_time() {
    let saturday = hours((9, 0), (9, 0), &[Weekday::Saturday]);
    assert_eq!(berlin(&saturday, "2026-06-13T08:59:00+02:00"), None);
    let end = Some("14 09:00 +02:00".to_owned());
    assert_eq!(berlin(&saturday, "2026-06-13T09:00:00+02:00"), end);
    assert_eq!(berlin(&saturday, "2026-06-14T08:59:00+02:00"), end);
}

#[test]
fn windows_that_overlap_or_touch_are_one_silence() {
    let zone = TimeZone::UTC;
    let all = [
        night(),
        hours((7, 0), (8, 0), &[]),
        hours((7, 30), (9, 0), &[]),
    ];
    let windows: Vec<_> = all
        .iter()
        .map(|hours| Window {
            scope: &Scope::All,
            hours,
            zone: zone.clone(),
        })
        .collect();
    let end = quiet_until(&windows, at("2026-06-10T23:00:00Z"));
    assert_eq!(end, Some(at("2026-06-11T09:00:00Z")));
}

#[test]
fn notification_that_expires_in_quiet_hours_is_cancelled_at_once() {
    let mut code = notification(Channel::Email);
    let person = person(&[night()]);
    let now = "2026-06-10T23:00:00+02:00";
    code.expires_at = Some(at("2026-06-11T07:00:00+02:00"));
    let decision = decided(&code, &person, &GLOBAL, now, 0.0);
    assert_eq!(decision, Decision::Cancel(Reason::Expired));
    code.expires_at = Some(at("2026-06-11T07:00:01+02:00"));
    let reason = Reason::QuietHours;
    let until = at("2026-06-11T07:00:00+02:00");
    let decision = decided(&code, &person, &GLOBAL, now, 0.0);
    assert_eq!(decision, Decision::Defer { reason, until });
}

#[test]
fn the_release_is_spread_the_highest_priority_first_and_never_beyond_the_expiry() {
    let global = GlobalPolicy {
        release_spread: Duration::from_secs(40 * 60),
        ..GLOBAL.clone()
    };
    let person = person(&[night()]);
    let released = |priority, jitter, expires_at: Option<&str>| {
        let mut message = notification(Channel::Email);
        message.lane.priority = priority;
        message.expires_at = expires_at.map(at);
        let now = "2026-06-10T23:00:00+02:00";
        match decided(&message, &person, &global, now, jitter) {
            Decision::Defer { until, .. } => until,
            other => panic!("{other:?}"),
        }
    };
    let high = released(Priority::High, 0.5, None);
    assert_eq!(high, at("2026-06-11T07:15:00+02:00"));
    let normal = released(Priority::Normal, 0.5, None);
    assert_eq!(normal, at("2026-06-11T07:25:00+02:00"));
    let low = released(Priority::Low, 0.999_999, None);
    assert!(low > normal && low < at("2026-06-11T07:40:00+02:00"));
    let soon = released(Priority::Low, 0.5, Some("2026-06-11T07:04:00+02:00"));
    assert_eq!(soon, at("2026-06-11T07:03:30+02:00"));
}

#[test]
fn a_release_into_the_next_window_is_at_the_end_itself() {
    let global = GlobalPolicy {
        release_spread: Duration::from_secs(40 * 60),
        ..GLOBAL.clone()
    };
    let person = person(&[night(), hours((7, 20), (8, 0), &[])]);
    let message = notification(Channel::Email);
    let now = "2026-06-10T23:00:00+02:00";
    let until = at("2026-06-11T07:00:00+02:00");
    let reason = Reason::QuietHours;
    let decision = decided(&message, &person, &global, now, 0.5);
    assert_eq!(decision, Decision::Defer { reason, until });
}

#[test]
fn urgent_ones_pass_quiet_hours_unless_the_operator_says_no() {
    let mut urgent = notification(Channel::Email);
    urgent.lane.priority = Priority::Urgent;
    let person = person(&[night()]);
    let now = "2026-06-10T23:00:00+02:00";
    let sent = decided(&urgent, &person, &GLOBAL, now, 0.0);
    assert!(matches!(sent, Decision::Deliver { .. }), "{sent:?}");
    let global = GlobalPolicy {
        urgent_passes_quiet_hours: false,
        ..GLOBAL.clone()
    };
    let waits = decided(&urgent, &person, &global, now, 0.0);
    assert!(matches!(waits, Decision::Defer { .. }), "{waits:?}");
}

#[test]
fn a_whole_day_joins_the_nights_beside_it() {
    let sunday = hours((0, 0), (0, 0), &[Weekday::Sunday]);
    // 2026-06-14 is a Sunday.
    assert_eq!(berlin(&sunday, "2026-06-13T23:59:59+02:00"), None);
    let end = Some("15 00:00 +02:00".to_owned());
    assert_eq!(berlin(&sunday, "2026-06-14T00:00:00+02:00"), end);
    assert_eq!(berlin(&sunday, "2026-06-14T23:59:59.999+02:00"), end);
    assert_eq!(berlin(&sunday, "2026-06-15T00:00:00+02:00"), None);
    let person = person(&[sunday, night()]);
    let message = notification(Channel::Email);
    let decision = decided(&message, &person, &GLOBAL, "2026-06-13T22:00:00+02:00", 0.0);
    let (reason, until) = (Reason::QuietHours, at("2026-06-15T07:00:00+02:00"));
    assert_eq!(decision, Decision::Defer { reason, until });
}

#[test]
fn quiet_hours_in_an_unknown_zone_wait() {
    let message = notification(Channel::Email);
    let noon = "2026-06-14T12:00:00Z";
    let mut person = person(&[night()]);
    person.timezone = Some("Mars/Base".to_owned());
    let decision = decided(&message, &person, &GLOBAL, noon, 0.0);
    let (reason, until) = (Reason::QuietHours, at("2026-06-14T12:15:00Z"));
    assert_eq!(decision, Decision::Defer { reason, until });
    let mut urgent = message.clone();
    urgent.lane.priority = Priority::Urgent;
    let sent = decided(&urgent, &person, &GLOBAL, noon, 0.0);
    assert!(matches!(sent, Decision::Deliver { .. }), "{sent:?}");
    // Who has no window needs no clock.
    person.preferences.clear();
    let sent = decided(&message, &person, &GLOBAL, noon, 0.0);
    assert!(matches!(sent, Decision::Deliver { .. }), "{sent:?}");
}
