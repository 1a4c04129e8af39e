//! Places and people: zones with strange nights, and what somebody may preference for.

use std::collections::BTreeSet;

use herald::domain::preference::{QuietHours, Scope, Setting};
use herald::domain::{Channel, Device, Preference, Recipient};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::dice::Dice;

/// With changes of the clock at night and at midnight, by half an hour, of a whole day, and none.
const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Asia/Beirut",
    "UTC",
];

pub(crate) fn zone(dice: &mut Dice) -> String {
    dice.one(&ZONES).to_owned()
}

/// Shortly before something happens to the clocks: midnight somewhere, a change of the clock, the
/// beginning or the end of a usual night.
///
/// Says where as well.
pub(crate) fn moment(dice: &mut Dice) -> (String, Timestamp) {
    let name = zone(dice);
    let zone = TimeZone::get(&name).unwrap();
    let year = Timestamp::from_second(1_767_225_600).unwrap();
    let day = year + SignedDuration::from_hours(24 * i64::try_from(dice.below(365)).unwrap());
    let next = zone.following(day).next().map(|change| change.timestamp());
    // Zones that have given it up have a last one in a far year, or none.
    let change = next.filter(|change| change.duration_since(day).as_hours() < 24 * 366);
    let hour = dice.one(&[0_i8, 0, 7, 22]);
    let by_hour = || {
        let date = zone.to_datetime(day).date();
        zone.to_timestamp(date.at(hour, 0, 0, 0)).unwrap()
    };
    let special = match change {
        Some(change) if dice.chance(0.4) => change,
        _ => by_hour(),
    };
    let before = dice.one(&[500, 2_000, 60_000, 7_200_000]);
    (name, special - dice.millis(0, before))
}

pub(crate) fn person(number: u64, tenant_id: Uuid, home: &str, dice: &mut Dice) -> Recipient {
    let at_home = dice.chance(0.5);
    let device = |at: u64| Device {
        id: Uuid::from_u128(u128::from(0xD000 + number * 16 + at)),
        token: format!("token-{number}-{at}"),
    };
    Recipient {
        user_id: Uuid::from_u128(0xB000 + u128::from(number)),
        tenant_id,
        email: Some(format!("Person{number}@example.org")),
        username: None,
        phone: dice.chance(0.95).then(|| format!("+4915{number}")),
        timezone: if at_home {
            Some(home.to_owned())
        } else {
            dice.chance(0.7).then(|| zone(dice))
        },
        locale: None,
        as_of: None,
        devices: (0..dice.below(4)).map(device).collect(),
        preferences: if dice.chance(0.7) {
            wishes(dice)
        } else {
            vec![]
        },
    }
}

/// A few preferences, one a scope.
pub(crate) fn wishes(dice: &mut Dice) -> Vec<Preference> {
    let mut scopes = BTreeSet::new();
    for _ in 0..dice.between(0, 3) {
        scopes.insert(scope(dice));
    }
    scopes.into_iter().map(|scope| wish(scope, dice)).collect()
}

fn scope(dice: &mut Dice) -> Scope {
    let channel = dice.one(&[Channel::Email, Channel::Sms, Channel::Push]);
    let category = dice.one(&["news", "orders"]).to_owned();
    match dice.below(5) {
        0 | 1 => Scope::All,
        2 => Scope::Channel(channel),
        3 => Scope::Category(category),
        _ => Scope::ChannelCategory(channel, category),
    }
}

fn wish(scope: Scope, dice: &mut Dice) -> Preference {
    // Zero is none at all: rarely, or nothing else would ever be seen.
    let caps = [
        Setting::Inherit,
        Setting::None,
        Setting::Value(0),
        Setting::Value(1),
        Setting::Value(1),
        Setting::Value(2),
        Setting::Value(2),
        Setting::Value(3),
    ];
    let quiet_hours = match dice.below(8) {
        0..4 => Setting::Value(silence(dice)),
        4 => Setting::None,
        _ => Setting::Inherit,
    };
    let enabled = [Some(true), Some(true), Some(true), None, None];
    Preference {
        scope,
        enabled: if dice.chance(0.1) {
            Some(false)
        } else {
            dice.one(&enabled)
        },
        frequency_cap: dice.one(&caps),
        quiet_hours,
        zone: dice
            .chance(0.3)
            .then(|| TimeZone::get(&zone(dice)).unwrap().into()),
    }
}

/// At most eleven hours, so that two together always leave some time.
fn silence(dice: &mut Dice) -> QuietHours {
    let (start, lasts) = dice.one(&[(22 * 60, 9 * 60), (0, 60), (60, 90), (23 * 60 + 30, 30)]);
    let (start, lasts) = if dice.chance(0.6) {
        (start, lasts)
    } else {
        (dice.below(24 * 60), dice.between(1, 11 * 60))
    };
    let time = |minute: u64| {
        let (hour, minute) = (minute / 60 % 24, minute % 60);
        Time::new(
            i8::try_from(hour).unwrap(),
            i8::try_from(minute).unwrap(),
            0,
            0,
        )
        .unwrap()
    };
    let some = [
        Weekday::Monday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    QuietHours {
        start: time(start),
        end: time(start + lasts),
        days: if dice.chance(0.25) {
            some[..usize::try_from(dice.between(1, 4)).unwrap()].to_vec()
        } else {
            vec![]
        },
    }
}
