use super::*;
use crate::domain::{Category, Channel};
use crate::policy::decide::tests::{notification, recipient, wish};
use proptest::prelude::*;

fn quiet(start: i8) -> QuietHours {
    QuietHours {
        start: jiff::civil::time(start, 0, 0, 0),
        end: jiff::civil::time(7, 0, 0, 0),
        days: vec![],
    }
}

#[test]
fn what_a_person_left_open_is_the_tenants_default_for_the_same_scope() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let scope = Scope::Channel(Channel::Email);
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.preferences = vec![Preference {
        quiet_hours: Some(quiet(23)),
        ..wish(scope.clone())
    }];
    let rules = TenantRules {
        defaults: vec![
            Preference {
                enabled: false,
                frequency_cap: Some(3),
                quiet_hours: Some(quiet(20)),
                zone: Some(zone),
                ..wish(scope.clone())
            },
            Preference {
                frequency_cap: Some(9),
                ..wish(Scope::All)
            },
            wish(Scope::Channel(Channel::Sms)),
        ],
        ..TenantRules::default()
    };
    let found: Vec<_> = wishes(&email, &person, &rules).collect();
    let own = Wish {
        scope: &scope,
        enabled: true,
        frequency_cap: Some(3),
        quiet_hours: person.preferences[0].quiet_hours.as_ref(),
        // The person lives in their own zone.
        zone: None,
    };
    assert_eq!(found[0], own);
    assert_eq!(
        (found[1].scope, found[1].frequency_cap),
        (&Scope::All, Some(9))
    );
    assert_eq!(found.len(), 2);
    assert_eq!(switched_off(&email, &person, &rules), None);
    let silent = recipient();
    let off = switched_off(&email, &silent, &rules).map(|(reason, _)| reason);
    assert_eq!(off, Some(Reason::ChannelDisabled));
}

#[test]
fn an_unknown_zone_counts_as_utc_and_a_wish_without_one_has_the_persons() {
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.preferences = vec![wish(Scope::All)];
    let rules = TenantRules::default();
    let zone = |person: &Recipient| wishes(&email, person, &rules).next().unwrap().zone(person);
    assert_eq!(zone(&person), TimeZone::UTC);
    person.timezone = Some("Mars/Base".into());
    assert_eq!(zone(&person), TimeZone::UTC);
    person.timezone = Some("Asia/Kathmandu".into());
    assert_eq!(zone(&person).iana_name(), Some("Asia/Kathmandu"));
}

#[test]
fn a_category_that_may_not_be_switched_off_is_sent_unless_the_channel_is_off() {
    let mut receipt = notification(Channel::Email);
    receipt.category = Some("receipts".into());
    let mut person = recipient();
    for scope in [
        Scope::Category("receipts".into()),
        Scope::ChannelCategory(Channel::Email, "receipts".into()),
    ] {
        person.preferences.push(Preference {
            enabled: false,
            ..wish(scope)
        });
    }
    let mut rules = TenantRules::default();
    let reason = |person: &Recipient, rules: &TenantRules| {
        switched_off(&receipt, person, rules).map(|(reason, _)| reason)
    };
    assert_eq!(reason(&person, &rules), Some(Reason::CategoryDisabled));
    rules.categories.push(Category {
        may_disable: false,
        ..Category::undeclared(receipt.tenant_id, "receipts")
    });
    assert_eq!(reason(&person, &rules), None);
    person.preferences.push(Preference {
        enabled: false,
        ..wish(Scope::All)
    });
    assert_eq!(reason(&person, &rules), Some(Reason::ChannelDisabled));
}

fn scope() -> impl Strategy<Value = Scope> {
    let channel = prop::option::of(prop::sample::select(Channel::ALL));
    let category = prop::option::of(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]));
    (channel, category).prop_map(|(channel, category)| Scope::of(channel, category))
}

proptest! {
    #[test]
    fn every_covering_scope_speaks_once(
        own in prop::collection::btree_set(scope(), 0..8),
        defaults in prop::collection::btree_set(scope(), 0..8),
    ) {
        let mut message = notification(Channel::Push);
        message.category = Some("a".into());
        let mut person = recipient();
        person.preferences = own.iter().cloned().map(wish).collect();
        let rules = TenantRules {
            defaults: defaults.iter().cloned().map(wish).collect(),
            ..TenantRules::default()
        };
        let mut found: Vec<_> = wishes(&message, &person, &rules).map(|w| w.scope.clone()).collect();
        found.sort();
        let covering: Vec<_> = own
            .union(&defaults)
            .filter(|scope| scope.covers(Channel::Push, Some("a")))
            .cloned()
            .collect();
        prop_assert_eq!(found, covering);
    }
}
