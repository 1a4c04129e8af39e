use jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::domain::preference::{Scope, Setting};
use crate::domain::{
    Body, CircuitState, Content, Device, GlobalPolicy, KeyHash, Lane, Notification, Payload,
    Preference, Priority, Recipient, TenantRules,
};
use crate::policy::{AccountFacts, Quota};

pub(in crate::policy) fn notification(channel: Channel) -> Notification {
    Notification {
        id: Uuid::from_u128(1),
        tenant_id: crate::domain::DEFAULT_TENANT,
        user_id: Uuid::from_u128(2),
        lane: Lane::new(channel, Priority::Normal),
        category: None,
        key: KeyHash([0; 32]),
        payload: Payload {
            body: Body::Content(Content {
                body: Some("hi".into()),
                ..Content::default()
            }),
            to: None,
            provider: None,
            traceparent: None,
            inbox: None,
        },
        send_at: None,
        expires_at: None,
        max_retries: 5,
        source: None,
        metadata: None,
        created_at: now(),
        attempt_count: 0,
        attempts: vec![],
        stored_attempts: 0,
    }
}

pub(in crate::policy) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(in crate::policy) fn recipient() -> Recipient {
    Recipient {
        user_id: Uuid::from_u128(2),
        tenant_id: crate::domain::DEFAULT_TENANT,
        email: Some("ana@example.com".into()),
        username: None,
        phone: Some("+4915112345678".into()),
        timezone: None,
        locale: None,
        as_of: None,
        devices: vec![
            Device {
                id: Uuid::from_u128(10),
                token: "a".into(),
            },
            Device {
                id: Uuid::from_u128(11),
                token: "b".into(),
            },
        ],
        preferences: vec![],
    }
}

pub(in crate::policy) fn account(name: &str, priority: i32) -> AccountFacts<'_> {
    AccountFacts {
        name,
        priority,
        weight: 1,
        available_at: None,
        circuit: CircuitState::Closed,
        rate_limit: None,
        needs_address: true,
        is_off: false,
        pause: None,
    }
}

/// What nobody said anything about.
pub(in crate::policy) static NO_RULES: TenantRules = TenantRules {
    categories: vec![],
    locale: None,
    defaults: vec![],
};

/// As in the default settings, but released at once.
pub(in crate::policy) static GLOBAL: GlobalPolicy = GlobalPolicy {
    urgent_passes_quiet_hours: true,
    urgent_passes_caps: true,
    release_spread: std::time::Duration::ZERO,
    fail_over_unknown: vec![],
    fail_over_undelivered: vec![],
    soft_bounces: 5,
    soft_bounce_window: std::time::Duration::from_secs(3_600),
};

pub(in crate::policy) fn facts<'a>(
    notification: &'a Notification,
    recipient: &'a Recipient,
    accounts: &'a [AccountFacts<'a>],
) -> Facts<'a> {
    Facts {
        notification,
        recipient,
        rules: &NO_RULES,
        global: &GLOBAL,
        accounts,
        suppressed: &[],
        quota: Quota::Unasked,
        now: now(),
        jitter: 0.5,
    }
}

/// A preference that changes nothing.
pub(in crate::policy) const fn silent_preference(scope: Scope) -> Preference {
    Preference {
        scope,
        enabled: Some(true),
        frequency_cap: Setting::Inherit,
        quiet_hours: Setting::Inherit,
        zone: None,
    }
}

fn decide_with(
    notification: &Notification,
    recipient: &Recipient,
    accounts: &[AccountFacts<'_>],
) -> Decision {
    decide(&facts(notification, recipient, accounts))
}

fn hours(n: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(n)
}

#[test]
fn the_plain_case_is_delivered_by_the_highest_priority_first() {
    let accounts = [account("second", 1), account("first", 10)];
    let decision = decide_with(&notification(Channel::Email), &recipient(), &accounts);
    let Decision::Deliver { route, targets, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(route, [1, 0]);
    assert_eq!(targets[0].address, "ana@example.com");
}

#[test]
fn an_expired_one_is_cancelled_whatever_else_holds() {
    let mut late = notification(Channel::Email);
    late.expires_at = Some(now());
    late.send_at = Some(now() + hours(1));
    assert_eq!(
        decide_with(&late, &recipient(), &[]),
        Decision::Cancel(Reason::Expired)
    );
}

#[test]
fn a_scheduled_one_waits_and_one_that_would_expire_first_does_not() {
    let mut later = notification(Channel::Email);
    later.send_at = Some(now() + hours(2));
    let until = now() + hours(2);
    assert_eq!(
        decide_with(&later, &recipient(), &[account("a", 0)]),
        Decision::Defer {
            reason: Reason::Scheduled,
            until
        }
    );
    later.expires_at = Some(now() + hours(1));
    assert_eq!(
        decide_with(&later, &recipient(), &[account("a", 0)]),
        Decision::Cancel(Reason::Expired)
    );
}

#[test]
fn what_waits_for_an_account_that_may_be_back_before_waits_until_it_expires() {
    let mut message = notification(Channel::Email);
    let decision = |message: &Notification| decide_with(message, &recipient(), &[]);
    let waits = |until| Decision::Defer {
        reason: Reason::WaitingForProvider,
        until,
    };
    let Decision::Defer { until, .. } = decision(&message) else {
        panic!("there is no account");
    };
    message.expires_at = Some(until);
    assert_eq!(decision(&message), waits(until));
    let soon = now() + SignedDuration::from_secs(1);
    message.expires_at = Some(soon);
    assert_eq!(decision(&message), waits(soon));
}

#[test]
fn a_disabled_channel_or_category_cancels_even_urgent_ones() {
    let mut person = recipient();
    person.preferences.push(Preference {
        enabled: Some(false),
        ..silent_preference(Scope::Channel(Channel::Email))
    });
    let mut urgent = notification(Channel::Email);
    urgent.lane.priority = Priority::Urgent;
    assert_eq!(
        decide_with(&urgent, &person, &[account("a", 0)]),
        Decision::Cancel(Reason::ChannelDisabled)
    );
    let mut sms = notification(Channel::Sms);
    let delivered = decide_with(&sms, &person, &[account("a", 0)]);
    assert!(
        matches!(delivered, Decision::Deliver { .. }),
        "{delivered:?}"
    );
    sms.category = Some("marketing".into());
    person.preferences.push(Preference {
        enabled: Some(false),
        ..silent_preference(Scope::Category("marketing".into()))
    });
    assert_eq!(
        decide_with(&sms, &person, &[account("a", 0)]),
        Decision::Cancel(Reason::CategoryDisabled)
    );
}

#[test]
fn push_goes_to_the_devices_that_have_not_accepted() {
    use crate::domain::{AttemptRecord, Reply};
    let mut push = notification(Channel::Push);
    let accepted = Reply::accepted("200", None);
    push.attempts.push(AttemptRecord::of_reply(
        now(),
        "fcm",
        Some(Uuid::from_u128(10)),
        &accepted,
        3,
    ));
    let decision = decide_with(&push, &recipient(), &[account("fcm", 0)]);
    let Decision::Deliver { targets, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].address, "b");
}

#[test]
fn a_device_that_was_refused_is_not_asked_again_because_another_has_a_retry() {
    use crate::domain::{AttemptRecord, Reply, Step};
    let mut push = notification(Channel::Push);
    let refused = Reply::permanent(Reason::ContentRefused, "400", "no");
    let device = |id| Some(Uuid::from_u128(id));
    push.attempts.push(AttemptRecord::of_reply(
        now(),
        "fcm",
        device(10),
        &refused,
        3,
    ));
    let asked = |push: &_, person: &_| decide_with(push, person, &[account("fcm", 0)]);
    let addresses = |decision| match decision {
        Decision::Deliver { targets, .. } => targets
            .into_iter()
            .map(|target| target.address)
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(addresses(asked(&push, &recipient())), ["b"]);
    // The other one is gone meanwhile.
    let mut person = recipient();
    person
        .devices
        .retain(|device| device.id == Uuid::from_u128(10));
    assert_eq!(asked(&push, &person), Decision::Fail(Reason::NoAddress));
    // An operator wants it to be tried again.
    let failed = Reason::RetriesExhausted;
    let step = Step::Replayed {
        failed,
        detail: None,
        not_by: vec![],
    };
    push.attempts.push(AttemptRecord { at: now(), step });
    assert_eq!(addresses(asked(&push, &recipient())), ["a", "b"]);
}

#[test]
fn push_accepted_by_one_device_is_sent_when_the_other_devices_are_gone() {
    use crate::domain::{AttemptRecord, Reply};
    let mut push = notification(Channel::Push);
    let accepted = Reply::accepted("200", None);
    let gone = Some(Uuid::from_u128(99));
    push.attempts
        .push(AttemptRecord::of_reply(now(), "fcm", gone, &accepted, 3));
    let mut person = recipient();
    person.devices.clear();
    let sent = Decision::Deliver {
        left_out: false,
        gone: None,
        route: vec![],
        targets: vec![],
        valid_until: now() + jiff::SignedDuration::from_secs(1),
    };
    assert_eq!(decide_with(&push, &person, &[account("fcm", 0)]), sent);
    push.expires_at = Some(now());
    assert_eq!(decide_with(&push, &person, &[account("fcm", 0)]), sent);
}

#[test]
fn without_an_address_it_fails_unless_the_provider_needs_none() {
    let mut person = recipient();
    person.email = None;
    let email = notification(Channel::Email);
    assert_eq!(
        decide_with(&email, &person, &[account("a", 0)]),
        Decision::Fail(Reason::NoAddress)
    );
    let chat = notification(Channel::Chat);
    let webhook = AccountFacts {
        needs_address: false,
        ..account("hook", 0)
    };
    assert!(matches!(
        decide_with(&chat, &person, &[webhook]),
        Decision::Deliver { .. }
    ));
    assert_eq!(
        decide_with(&chat, &person, &[account("bot", 0)]),
        Decision::Fail(Reason::NoAddress)
    );
}

#[test]
fn without_an_account_it_waits() {
    let decision = decide_with(&notification(Channel::Email), &recipient(), &[]);
    assert!(
        matches!(
            decision,
            Decision::Defer {
                reason: Reason::WaitingForProvider,
                ..
            }
        ),
        "{decision:?}"
    );
}
