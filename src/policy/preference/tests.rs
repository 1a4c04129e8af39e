use super::*;
use crate::domain::preference::Setting;
use crate::domain::{Category, Channel, UnknownZone};
use crate::policy::decide::tests::{notification, recipient, silent_preference};
use proptest::prelude::*;

fn quiet(start: i8) -> QuietHours {
    QuietHours {
        start: jiff::civil::time(start, 0, 0, 0),
        end: jiff::civil::time(7, 0, 0, 0),
        days: vec![],
    }
}

#[test]
fn open_fields_of_a_preference_take_the_tenants_default_of_the_same_scope() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let scope = Scope::Channel(Channel::Email);
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.preferences = vec![Preference {
        quiet_hours: Setting::Value(quiet(23)),
        ..silent_preference(scope.clone())
    }];
    let rules = TenantRules {
        defaults: vec![
            Preference {
                enabled: Some(false),
                frequency_cap: Setting::Value(3),
                quiet_hours: Setting::Value(quiet(20)),
                zone: Some(zone.into()),
                ..silent_preference(scope.clone())
            },
            Preference {
                frequency_cap: Setting::Value(9),
                ..silent_preference(Scope::All)
            },
            silent_preference(Scope::Channel(Channel::Sms)),
        ],
        ..TenantRules::default()
    };
    let found: Vec<_> = preferences(&email, &person, &rules).collect();
    let own = EffectivePreference {
        scope: &scope,
        enabled: true,
        said_by: Some(SaidBy::Person),
        frequency_cap: Some(3),
        quiet_hours: person.preferences[0].quiet_hours.as_ref().value(),
        // The person lives in their own zone.
        zone: None,
        own: person.preferences.first(),
        default: rules.defaults.first(),
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
fn a_wish_without_a_zone_has_the_persons_and_one_that_is_unknown_is_no_other() {
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.preferences = vec![silent_preference(Scope::All)];
    let rules = TenantRules::default();
    let zone = |person: &Recipient| {
        preferences(&email, person, &rules)
            .next()
            .unwrap()
            .zone(person)
    };
    assert_eq!(zone(&person), Ok(TimeZone::UTC));
    person.timezone = Some("Mars/Base".into());
    assert_eq!(zone(&person), Err(UnknownZone("Mars/Base".into())));
    person.timezone = Some("Asia/Kathmandu".into());
    assert_eq!(zone(&person).unwrap().iana_name(), Some("Asia/Kathmandu"));
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
            enabled: Some(false),
            ..silent_preference(scope)
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
        enabled: Some(false),
        ..silent_preference(Scope::All)
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
        person.preferences = own.iter().cloned().map(silent_preference).collect();
        let rules = TenantRules {
            defaults: defaults.iter().cloned().map(silent_preference).collect(),
            ..TenantRules::default()
        };
        let mut found: Vec<_> = preferences(&message, &person, &rules).map(|w| w.scope.clone()).collect();
        found.sort();
        let covering: Vec<_> = own
            .union(&defaults)
            .filter(|scope| scope.covers(Channel::Push, Some("a")))
            .cloned()
            .collect();
        prop_assert_eq!(found, covering);
    }
}

fn setting<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Setting<T>> {
    prop_oneof![
        Just(Setting::Inherit),
        Just(Setting::None),
        value.prop_map(Setting::Value),
    ]
}

fn preference(scope: Scope) -> impl Strategy<Value = Preference> {
    let quiet_hours = setting((18i8..24).prop_map(quiet));
    (any::<Option<bool>>(), setting(0u32..9), quiet_hours).prop_map(
        move |(enabled, frequency_cap, quiet_hours)| Preference {
            enabled,
            frequency_cap,
            quiet_hours,
            ..silent_preference(scope.clone())
        },
    )
}

fn merged(
    own: Option<Preference>,
    default: Option<Preference>,
) -> (bool, Option<u32>, Option<QuietHours>) {
    let email = notification(Channel::Email);
    let mut person = recipient();
    person.preferences = own.into_iter().collect();
    let rules = TenantRules {
        defaults: default.into_iter().collect(),
        ..TenantRules::default()
    };
    let mut found = preferences(&email, &person, &rules);
    let preference = found.next().unwrap();
    assert_eq!(found.count(), 0);
    (
        preference.enabled,
        preference.frequency_cap,
        preference.quiet_hours.cloned(),
    )
}

#[test]
fn a_wish_about_hours_does_not_switch_on_what_the_tenant_has_off() {
    let scope = Scope::Channel(Channel::Email);
    let hours = Preference {
        enabled: None,
        quiet_hours: Setting::Value(quiet(22)),
        ..silent_preference(scope.clone())
    };
    let off = Preference {
        enabled: Some(false),
        ..silent_preference(scope)
    };
    let (enabled, _, quiet_hours) = merged(Some(hours), Some(off));
    assert!(!enabled);
    assert_eq!(quiet_hours, Some(quiet(22)));
}

proptest! {
    #[test]
    fn each_field_is_the_persons_word_else_the_tenants(
        own in preference(Scope::All), default in preference(Scope::All),
    ) {
        let (enabled, cap, hours) = merged(Some(own.clone()), Some(default.clone()));
        prop_assert_eq!(enabled, own.enabled.or(default.enabled).unwrap_or(true));
        let wanted = match own.frequency_cap {
            Setting::Value(cap) => Some(cap),
            Setting::None => None,
            Setting::Inherit => default.frequency_cap.value(),
        };
        prop_assert_eq!(cap, wanted);
        let wanted = match own.quiet_hours {
            Setting::Value(hours) => Some(hours),
            Setting::None => None,
            Setting::Inherit => default.quiet_hours.value(),
        };
        prop_assert_eq!(hours, wanted);
    }

    #[test]
    fn a_wish_that_says_nothing_is_none(default in preference(Scope::All)) {
        let nothing = Preference { enabled: None, ..silent_preference(Scope::All) };
        prop_assert_eq!(
            merged(Some(nothing.clone()), Some(default.clone())),
            merged(None, Some(default))
        );
        prop_assert_eq!(merged(Some(nothing), None), (true, None, None));
    }
}
