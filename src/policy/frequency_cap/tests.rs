use super::*;
use crate::domain::preference::{Scope, Setting};
use crate::domain::{
    Category, Channel, Counted, GlobalPolicy, Notification, Preference, Recipient,
};
use crate::domain::{Reason, TenantRules};
use crate::policy::decide;
use crate::policy::decide::tests::{
    GLOBAL, account, facts, notification, recipient, silent_preference,
};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::time::Duration;

fn capped(caps: &[(Scope, u32, &str)]) -> Recipient {
    let preferences = caps.iter().map(|(scope, cap, zone)| Preference {
        frequency_cap: Setting::Value(*cap),
        zone: Some(TimeZone::get(zone).unwrap().into()),
        ..silent_preference(scope.clone())
    });
    Recipient {
        preferences: preferences.collect(),
        ..recipient()
    }
}

fn message() -> Notification {
    Notification {
        category: Some("news".into()),
        ..notification(Channel::Email)
    }
}

fn says(over_cap: OverCap) -> TenantRules {
    let message = message();
    let news = Category::undeclared(message.tenant_id, "news");
    TenantRules {
        categories: vec![Category { over_cap, ..news }],
        ..TenantRules::default()
    }
}

/// What is decided when every counter holds this many.
fn with_count(
    message: &Notification,
    person: &Recipient,
    facts: Facts<'_>,
    count: u32,
) -> Decision {
    let accounts = [account("a", 0)];
    let facts = Facts {
        notification: message,
        recipient: person,
        accounts: &accounts,
        ..facts
    };
    let counted: Vec<Counted> = counters(&facts)
        .unwrap()
        .into_iter()
        .map(|counter| Counted { counter, count })
        .collect();
    decide(&Facts {
        quota: Quota::Counted(&counted),
        ..facts
    })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn deferred(until: &str) -> Decision {
    Decision::Defer {
        reason: Reason::FrequencyCap,
        until: at(until),
    }
}

#[test]
fn the_counters_are_those_of_the_caps_that_cover_on_the_day_of_their_zone() {
    let person = capped(&[
        (Scope::All, 5, "Pacific/Auckland"),
        (Scope::Category("news".into()), 2, "America/New_York"),
        (Scope::Channel(Channel::Sms), 1, "UTC"),
    ]);
    let message = message();
    let facts = facts(&message, &person, &[]);
    let auckland = Counter {
        scope: Scope::All,
        day: date(2026, 3, 2),
        cap: 5,
    };
    let new_york = Counter {
        scope: Scope::Category("news".into()),
        day: date(2026, 3, 1),
        cap: 2,
    };
    assert_eq!(counters(&facts).unwrap(), [auckland, new_york]);
}

#[test]
fn the_counters_are_asked_for_only_when_nothing_else_objects() {
    let person = capped(&[(Scope::All, 5, "UTC")]);
    let message = message();
    let accounts = [account("a", 0)];
    let asked = facts(&message, &person, &accounts);
    assert_eq!(decide(&asked), Decision::Reserve(counters(&asked).unwrap()));
    let held = counters(&asked).unwrap();
    let reserved = Facts {
        quota: Quota::Reserved(&held),
        ..asked
    };
    assert!(matches!(decide(&reserved), Decision::Deliver { .. }));
    // Midnight came between reserving and deciding: the new day counts for itself.
    let tomorrow = Facts {
        now: asked.now + SignedDuration::from_hours(24),
        ..reserved
    };
    assert_eq!(
        decide(&tomorrow),
        Decision::Reserve(counters(&tomorrow).unwrap())
    );
    let waits = decide(&facts(&message, &person, &[]));
    assert!(matches!(waits, Decision::Defer { .. }), "{waits:?}");
}

#[test]
fn over_the_cap_is_cancelled_or_waits_for_the_next_day_as_the_category_says() {
    let person = capped(&[(Scope::All, 5, "Europe/Berlin")]);
    let (message, accounts) = (message(), []);
    let base = facts(&message, &person, &accounts);
    let cancelled = Decision::Cancel(Reason::FrequencyCap);
    assert_eq!(with_count(&message, &person, base, 5), cancelled);
    let (cancel, defer) = (says(OverCap::Cancel), says(OverCap::Defer));
    let cancel = Facts {
        rules: &cancel,
        ..base
    };
    assert_eq!(with_count(&message, &person, cancel, 5), cancelled);
    let defer = Facts {
        rules: &defer,
        ..base
    };
    let tomorrow = deferred("2026-03-02T00:00:00+01:00");
    assert_eq!(with_count(&message, &person, defer, 5), tomorrow);
    let sent = with_count(&message, &person, defer, 4);
    assert!(matches!(sent, Decision::Deliver { .. }), "{sent:?}");
    let global = GlobalPolicy {
        release_spread: Duration::from_secs(40 * 60),
        ..GLOBAL.clone()
    };
    let spread = Facts {
        global: &global,
        ..defer
    };
    let later = deferred("2026-03-02T00:25:00+01:00");
    assert_eq!(with_count(&message, &person, spread, 5), later);
}

#[test]
fn the_next_day_is_a_calendar_day_however_long_this_one_is() {
    let message = message();
    let rules = says(OverCap::Defer);
    let next = |zone: &str, now: &str| {
        let person = capped(&[(Scope::All, 1, zone)]);
        let base = facts(&message, &person, &[]);
        let base = Facts {
            rules: &rules,
            now: at(now),
            ..base
        };
        with_count(&message, &person, base, 1)
    };
    // 25 hours, and 23.
    let long = next("Europe/Berlin", "2026-10-25T00:00:00+02:00");
    assert_eq!(long, deferred("2026-10-26T00:00:00+01:00"));
    let short = next("Europe/Berlin", "2026-03-29T00:00:00+01:00");
    assert_eq!(short, deferred("2026-03-30T00:00:00+02:00"));
    // Midnight of 26 April 2024 did not exist in Cairo: the day began at one.
    let gap = next("Africa/Cairo", "2024-04-25T12:00:00+02:00");
    assert_eq!(gap, deferred("2024-04-26T01:00:00+03:00"));
}

#[test]
fn several_full_counters_wait_for_the_latest_of_their_next_days() {
    let person = capped(&[
        (Scope::All, 1, "Pacific/Auckland"),
        (Scope::Channel(Channel::Email), 1, "America/New_York"),
    ]);
    let message = message();
    let rules = says(OverCap::Defer);
    let base = facts(&message, &person, &[]);
    let base = Facts {
        rules: &rules,
        ..base
    };
    // It is Monday in Auckland already.
    let latest = deferred("2026-03-03T00:00:00+13:00");
    assert_eq!(with_count(&message, &person, base, 1), latest);
}

#[test]
fn a_cap_of_zero_is_none_and_no_next_day_changes_that() {
    let person = capped(&[(Scope::All, 0, "UTC")]);
    let message = message();
    let rules = says(OverCap::Defer);
    let accounts = [account("a", 0)];
    let base = facts(&message, &person, &accounts);
    let base = Facts {
        rules: &rules,
        ..base
    };
    let cancelled = Decision::Cancel(Reason::FrequencyCap);
    assert_eq!(decide(&base), cancelled);
    assert_eq!(with_count(&message, &person, base, 0), cancelled);
}

#[test]
fn urgent_ones_pass_caps_uncounted_unless_the_operator_says_no() {
    let person = capped(&[(Scope::All, 1, "UTC")]);
    let mut urgent = message();
    urgent.lane.priority = Priority::Urgent;
    let accounts = [account("a", 0)];
    let base = facts(&urgent, &person, &accounts);
    assert!(matches!(decide(&base), Decision::Deliver { .. }));
    let global = GlobalPolicy {
        urgent_passes_caps: false,
        ..GLOBAL.clone()
    };
    let strict = Facts {
        global: &global,
        ..base
    };
    assert!(matches!(decide(&strict), Decision::Reserve(_)));
}

#[test]
fn capped_notification_that_expires_before_the_next_day_is_cancelled_at_once() {
    let person = capped(&[(Scope::All, 1, "UTC")]);
    let mut message = message();
    message.expires_at = Some(at("2026-03-02T00:00:00Z"));
    let rules = says(OverCap::Defer);
    let base = facts(&message, &person, &[]);
    let base = Facts {
        rules: &rules,
        ..base
    };
    let expired = Decision::Cancel(Reason::Expired);
    assert_eq!(with_count(&message, &person, base, 1), expired);
}

#[test]
fn on_a_calendar_that_this_node_does_not_know_nothing_is_counted_and_it_waits() {
    let mut person = capped(&[(Scope::All, 5, "UTC")]);
    person.preferences[0].zone = None;
    person.timezone = Some("Mars/Base".to_owned());
    let (message, accounts) = (message(), [account("a", 0)]);
    let asked = facts(&message, &person, &accounts);
    let until = asked.now + SignedDuration::from_mins(15);
    let reason = Reason::FrequencyCap;
    assert_eq!(decide(&asked), Decision::Defer { reason, until });
}

proptest! {
    #[test]
    fn notification_is_sent_exactly_when_every_counter_has_room(
        caps in prop::collection::vec(0..4_u32, 1..4), count in 0..4_u32, defer: bool,
        second in 1_700_000_000..1_900_000_000_i64,
    ) {
        let scopes = [Scope::All, Scope::Channel(Channel::Email), Scope::Category("news".into())];
        let zones = ["Pacific/Kiritimati", "Africa/Cairo", "America/Adak"];
        let preferences: Vec<_> =
            scopes.into_iter().zip(&caps).zip(zones).map(|((s, c), z)| (s, *c, z)).collect();
        let person = capped(&preferences);
        let message = message();
        let rules = says(if defer { OverCap::Defer } else { OverCap::Cancel });
        let base = facts(&message, &person, &[]);
        let now = Timestamp::from_second(second).unwrap();
        let base = Facts { rules: &rules, now, ..base };
        let decision = with_count(&message, &person, base, count);
        let room = caps.iter().all(|cap| count < *cap);
        prop_assert_eq!(matches!(decision, Decision::Deliver { .. }), room);
        if let Decision::Defer { until, .. } = decision {
            prop_assert!(defer && !caps.contains(&0));
            for (_, cap, zone) in &preferences {
                let zone = TimeZone::get(zone).unwrap();
                let later = local_time::day(&zone, until) > local_time::day(&zone, now);
                prop_assert!(later || count < *cap);
            }
        }
    }
}
