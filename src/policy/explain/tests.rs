use super::*;
use crate::domain::preference::{QuietHours, Scope, Setting};
use crate::domain::{
    AttemptRecord, Category, Channel, CircuitState, Class, Counted, Notification, OverCap,
    Preference, Priority, Recipient, Reply, TenantRules,
};
use crate::policy::decide::tests::{
    GLOBAL, account, facts, notification, now, recipient, silent_preference,
};
use crate::policy::{AccountFacts, Quota, decide, frequency_cap};
use jiff::civil::time;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

fn verdicts(explanation: &Explanation) -> Vec<(Rule, RuleVerdict)> {
    let rules = explanation.rules.iter();
    rules.map(|report| (report.rule, report.verdict)).collect()
}

#[test]
fn every_rule_is_asked_in_order_also_after_the_first_objection() {
    use RuleVerdict::{Decides, NotAsked, Passes, WouldAlso};
    let mut email = notification(Channel::Email);
    email.send_at = Some(now() + SignedDuration::from_hours(1));
    let mut person = recipient();
    person.email = None;
    person.preferences = vec![Preference {
        quiet_hours: Setting::Value(QuietHours {
            start: time(0, 0, 0, 0),
            end: time(13, 0, 0, 0),
            days: vec![],
        }),
        frequency_cap: Setting::Value(3),
        ..silent_preference(Scope::All)
    }];
    let accounts = [AccountFacts {
        available_at: Some(now() + SignedDuration::from_secs(9)),
        circuit: CircuitState::Open,
        ..account("sendgrid", 0)
    }];
    let explanation = explain(&facts(&email, &person, &accounts));
    let expected = [
        (Rule::Expiry, Passes),
        (Rule::Preference, Passes),
        (Rule::Schedule, Decides),
        (Rule::Address, WouldAlso),
        (Rule::Suppression, NotAsked),
        (Rule::QuietHours, WouldAlso),
        (Rule::Routing, WouldAlso),
        (Rule::FrequencyCap, NotAsked),
    ];
    assert_eq!(verdicts(&explanation), expected);
}

#[test]
fn explanation_shows_the_inputs_of_a_rule_and_what_would_change_it() {
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.timezone = Some("Europe/Berlin".into());
    person.preferences = vec![Preference {
        quiet_hours: Setting::Value(QuietHours {
            start: time(12, 0, 0, 0),
            end: time(14, 0, 0, 0),
            days: vec![jiff::civil::Weekday::Sunday],
        }),
        ..silent_preference(Scope::Channel(Channel::Email))
    }];
    let explanation = explain(&facts(&email, &person, &[account("sendgrid", 0)]));
    let quiet = &explanation.rules[Rule::QuietHours.index()];
    insta::assert_json_snapshot!(quiet, @r#"
    {
      "rule": "quiet_hours",
      "verdict": "decides",
      "outcome": {
        "status": "pending",
        "reason": "quiet_hours"
      },
      "until": "2026-03-01T13:00:00Z",
      "says": "It is 2026-03-01 13:00 in Europe/Berlin, within the quiet hours of `email/*` that end at 2026-03-01T13:00:00Z. It waits until 2026-03-01T13:00:00Z.",
      "said_by": {
        "kind": "preference",
        "of": "person",
        "channel": "email",
        "category": null,
        "field": "quiet_hours_start"
      },
      "beside": [
        {
          "kind": "user",
          "id": "00000000-0000-0000-0000-000000000002",
          "field": "timezone"
        },
        {
          "kind": "setting",
          "key": "policy.release_spread",
          "value": "0s"
        }
      ],
      "inputs": {
        "until": "2026-03-01T13:00:00Z",
        "urgent_passes": true,
        "windows": [
          {
            "days": [
              "sun"
            ],
            "end": "14:00",
            "local_time": "2026-03-01 13:00",
            "open_until": "2026-03-01T13:00:00Z",
            "scope": "email/*",
            "start": "12:00",
            "zone": "Europe/Berlin"
          }
        ]
      },
      "would_change": "the end of quiet hours, or the priority `urgent`"
    }
    "#);
    let json = serde_json::to_value(&explanation).unwrap();
    let decision = serde_json::json!({
        "defer": { "reason": "quiet_hours", "until": "2026-03-01T13:00:00Z" }
    });
    assert_eq!(json["decision"], decision);
}

#[test]
fn a_webhook_is_told_to_have_a_place_of_its_own() {
    let mut chat = notification(Channel::Chat);
    chat.payload.to = Some("C0123456789".into());
    let person = recipient();
    let webhook = [AccountFacts {
        needs_address: false,
        ..account("hook", 0)
    }];
    let says = |chat: &Notification| {
        let explanation = explain(&facts(chat, &person, &webhook));
        let routing = |report: &&RuleReport| report.rule == Rule::Routing;
        let report = explanation.rules.iter().find(routing).unwrap();
        (report.verdict, report.says.clone())
    };
    let (verdict, words) = says(&chat);
    assert_eq!(verdict, RuleVerdict::Decides);
    assert!(words.contains("its own channel"), "{words}");
    chat.payload.provider = Some("hook".into());
    let (_, words) = says(&chat);
    assert!(
        words.contains("`hook`") && words.contains("a place of its own"),
        "{words}"
    );
}

/// Facts by chance, few of each kind, so that they meet.
#[derive(Debug, Clone)]
struct World {
    notification: Notification,
    person: Recipient,
    rules: TenantRules,
    available: Vec<bool>,
    suppressed: bool,
    quota: u8,
    count: u32,
    jitter: f64,
}

impl World {
    /// Asks both and compares.
    fn check(&self) -> Result<(), TestCaseError> {
        let out = |free: &bool| (!free).then(|| now() + SignedDuration::from_secs(5));
        let accounts: Vec<_> = self
            .available
            .iter()
            .map(|free| AccountFacts {
                available_at: out(free),
                ..account("a", 0)
            })
            .collect();
        let suppressed: &[String] = &["ana@example.com".into(), "a".into(), "b".into()];
        let facts = Facts {
            rules: &self.rules,
            suppressed: if self.suppressed { suppressed } else { &[] },
            jitter: self.jitter,
            ..facts(&self.notification, &self.person, &accounts)
        };
        let counters = frequency_cap::counters(&facts).unwrap();
        let counted: Vec<_> = counters
            .iter()
            .cloned()
            .map(|counter| Counted {
                counter,
                count: self.count,
            })
            .collect();
        let quota = match self.quota {
            0 => Quota::Unasked,
            1 => Quota::Reserved(&counters),
            _ => Quota::Counted(&counted),
        };
        let facts = Facts { quota, ..facts };
        let explanation = explain(&facts);
        prop_assert_eq!(&explanation.decision, &decide(&facts));
        let decides = |report: &&RuleReport| report.verdict == RuleVerdict::Decides;
        let deciding = explanation.rules.iter().filter(decides).count();
        match explanation.decision {
            Decision::Reserve(_) => prop_assert_eq!(deciding, 0),
            Decision::Deliver { ref targets, .. } => {
                prop_assert_eq!(deciding, usize::from(targets.is_empty()));
            }
            _ => prop_assert_eq!(deciding, 1),
        }
        prop_assert!(serde_json::to_string(&explanation).is_ok());
        Ok(())
    }
}

fn a_wish() -> impl Strategy<Value = Preference> {
    let channel = prop::option::of(prop::sample::select(vec![Channel::Email, Channel::Push]));
    let category = prop::option::of(Just("news".to_owned()));
    let quiet = prop::option::weighted(0.3, (0..24_i8, 0..24_i8));
    let cap = prop::option::weighted(0.3, 0..3_u32);
    let enabled = prop::option::weighted(0.7, prop::bool::weighted(0.9));
    (channel, category, enabled, cap, quiet).prop_map(
        |(channel, category, enabled, frequency_cap, quiet)| Preference {
            enabled,
            frequency_cap: frequency_cap.map_or(Setting::Inherit, Setting::Value),
            quiet_hours: quiet.map_or(Setting::None, |(start, end)| {
                Setting::Value(QuietHours {
                    start: time(start, 0, 0, 0),
                    end: time(end, 0, 0, 0),
                    days: vec![],
                })
            }),
            ..silent_preference(Scope::of(channel, category))
        },
    )
}

fn a_moment() -> impl Strategy<Value = Option<Timestamp>> {
    let hours = (-2..30_i64).prop_map(|hours| now() + SignedDuration::from_hours(hours));
    prop::option::weighted(0.2, hours)
}

fn a_notification() -> impl Strategy<Value = Notification> {
    let channels = vec![Channel::Email, Channel::Push, Channel::InApp, Channel::Chat];
    let attempts = prop::collection::vec((prop::sample::select(Class::ALL), 10..13_u128), 0..2);
    (
        prop::sample::select(channels),
        prop::sample::select(Priority::ALL),
        prop::option::of(Just("news".to_owned())),
        (a_moment(), a_moment()),
        attempts,
    )
        .prop_map(
            |(channel, priority, category, (send_at, expires_at), attempts)| {
                let mut made = notification(channel);
                made.lane.priority = priority;
                (made.category, made.send_at, made.expires_at) = (category, send_at, expires_at);
                let record = |(class, device): (Class, u128)| {
                    let reply = Reply::of(class, None, None);
                    AttemptRecord::of_reply(now(), "a", Some(Uuid::from_u128(device)), &reply, 3)
                };
                made.attempts = attempts.into_iter().map(record).collect();
                made
            },
        )
}

fn world() -> impl Strategy<Value = World> {
    let preferences = || prop::collection::vec(a_wish(), 0..3);
    (
        a_notification(),
        (preferences(), preferences()),
        (any::<bool>(), prop::bool::weighted(0.9)),
        prop::collection::vec(prop::bool::weighted(0.7), 0..3),
        prop::bool::weighted(0.2),
        (0..3_u8, 0..3_u32),
        0.0..1.0_f64,
    )
        .prop_map(
            |(
                notification,
                (own, defaults),
                (defers, known),
                available,
                suppressed,
                quota,
                jitter,
            )| {
                let mut person = recipient();
                person.preferences = own;
                person.email = person.email.filter(|_| known);
                let over_cap = if defers {
                    OverCap::Defer
                } else {
                    OverCap::Cancel
                };
                let news = Category::undeclared(notification.tenant_id, "news");
                World {
                    notification,
                    person,
                    rules: TenantRules {
                        categories: vec![Category { over_cap, ..news }],
                        defaults,
                        ..TenantRules::default()
                    },
                    available,
                    suppressed,
                    quota: quota.0,
                    count: quota.1,
                    jitter,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_explanation_always_tells_the_decision(world in world()) {
        world.check()?;
    }
}

#[test]
fn the_rules_of_the_house_are_told() {
    let mut urgent = notification(Channel::Email);
    urgent.lane.priority = Priority::Urgent;
    let mut person = recipient();
    person.preferences = vec![Preference {
        frequency_cap: Setting::Value(3),
        ..silent_preference(Scope::All)
    }];
    let accounts = [account("a", 0)];
    let explanation = explain(&facts(&urgent, &person, &accounts));
    let cap = &explanation.rules[Rule::FrequencyCap.index()];
    assert_eq!(cap.verdict, RuleVerdict::Passes);
    assert_eq!(cap.inputs["urgent_passes"], GLOBAL.urgent_passes_caps);
}
