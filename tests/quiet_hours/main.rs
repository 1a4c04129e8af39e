//! Quiet hours against an oracle that walks through the minutes with the clock on the wall.
//!
//! Each zone is a test. The two days around every change of the clock are compared, and moments by
//! chance; with `HERALD_QUIET_HOURS=whole` every minute of seven years, which wants optimised code:
//!
//! ```text
//! HERALD_QUIET_HOURS=whole cargo --config 'profile.dev.package.jiff.opt-level=3' \
//!     --config 'profile.dev.package.herald.opt-level=1' test --test quiet_hours -- --nocapture
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes only `#[test]` functions for tests, not what they call"
)]

use herald::domain::preference::{QuietHours, Scope};
use herald::policy::quiet_hours::{BOUND, Window, quiet_until};
use jiff::civil::{Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

mod oracle;

use oracle::Wall;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// No window is open longer than a day, a long hour, and a day that comes twice.
const BEFORE: i64 = 4 * DAY;
/// Further than the furthest that the end of silence is looked for.
const AFTER: i64 = 9 * DAY;

/// Compares at these moments, whole minutes; returns how many it were.
fn compare(wall: &Wall, moments: impl Iterator<Item = i64>, wishes: &[QuietHours]) -> u64 {
    let quiet = wall.quiet(wishes);
    // The first minute that is not quiet, from each on.
    let mut ends = vec![i64::MAX; quiet.len() + 1];
    for minute in (0..quiet.len()).rev() {
        ends[minute] = if quiet[minute] {
            ends[minute + 1]
        } else {
            wall.from + i64::try_from(minute).unwrap() * MINUTE
        };
    }
    let scope = Scope::All;
    let windows: Vec<Window<'_>> = wishes
        .iter()
        .map(|hours| Window {
            scope: &scope,
            hours,
            zone: wall.zone.clone(),
        })
        .collect();
    let mut compared = 0;
    for at in moments {
        let minute = usize::try_from((at - wall.from) / MINUTE).unwrap();
        let bound = at + BOUND.as_secs();
        let expected = quiet[minute].then(|| ends[minute].min(bound));
        let now = Timestamp::from_second(at).unwrap();
        let found = quiet_until(&windows, now).map(Timestamp::as_second);
        assert_eq!(
            found, expected,
            "{now} shows {} in {:?}: {wishes:?}",
            wall.shown[minute], wall.zone
        );
        compared += 1;
    }
    compared
}

fn around(zone: &TimeZone, from: i64, to: i64, step: usize, wishes: &[QuietHours]) -> u64 {
    let wall = Wall::new(zone, from - BEFORE, to + AFTER);
    compare(&wall, (from..to).step_by(step * 60), wishes)
}

fn hours(start: Time, end: Time, days: &[Weekday]) -> QuietHours {
    let days = days.to_vec();
    QuietHours { start, end, days }
}

/// Wishes that meet a change of the clock in every way: before it, across it, within, all day.
fn wishes() -> Vec<Vec<QuietHours>> {
    use Weekday::{Friday, Monday, Saturday, Sunday};
    let mut wishes: Vec<Vec<QuietHours>> = [
        ((22, 0), (7, 0)),
        ((22, 0), (2, 0)),
        ((23, 30), (0, 0)),
        ((0, 0), (0, 30)),
        ((1, 0), (2, 0)),
        ((1, 30), (2, 30)),
        ((2, 15), (2, 45)),
        ((2, 0), (3, 0)),
        ((3, 0), (1, 0)),
        ((0, 0), (0, 0)),
        ((2, 30), (2, 30)),
        ((23, 15), (23, 45)),
    ]
    .into_iter()
    .map(|(start, end)| {
        let of = |(hour, minute)| time(hour, minute, 0, 0);
        vec![hours(of(start), of(end), &[])]
    })
    .collect();
    let night = (time(22, 0, 0, 0), time(7, 0, 0, 0));
    wishes.push(vec![hours(night.0, night.1, &[Saturday])]);
    wishes.push(vec![hours(night.0, night.1, &[Friday, Sunday])]);
    wishes.push(vec![
        hours(time(1, 30, 0, 0), time(2, 30, 0, 0), &[Sunday]),
        hours(time(2, 15, 0, 0), time(12, 0, 0, 0), &[]),
    ]);
    // A whole day, alone and between nights.
    let midnight = time(0, 0, 0, 0);
    wishes.push(vec![hours(midnight, midnight, &[Sunday])]);
    wishes.push(vec![
        hours(midnight, midnight, &[Saturday, Sunday]),
        hours(night.0, night.1, &[Monday]),
    ]);
    wishes.push(vec![
        hours(midnight, midnight, &[Sunday]),
        hours(night.0, night.1, &[]),
    ]);
    wishes.push(vec![
        hours(
            time(12, 0, 0, 0),
            time(12, 0, 0, 0),
            &[Saturday, Sunday, Monday],
        ),
        hours(night.0, night.1, &[]),
    ]);
    wishes
}

fn any_wish() -> impl Strategy<Value = QuietHours> {
    let minute = || (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| time(hour, minute, 0, 0));
    let days = prop::sample::subsequence(
        vec![
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
            Weekday::Saturday,
            Weekday::Sunday,
        ],
        0..4,
    );
    let window = prop_oneof![
        9 => (minute(), minute()),
        // From midnight to midnight.
        1 => Just((Time::midnight(), Time::midnight())),
    ];
    (window, days).prop_map(|((start, end), days)| QuietHours { start, end, days })
}

fn years() -> (i64, i64) {
    let of = |text: &str| text.parse::<Timestamp>().unwrap();
    (
        of("2024-01-01T00:00:00Z").as_second(),
        of("2031-01-01T00:00:00Z").as_second(),
    )
}

/// The changes of a zone's clock in these years.
fn changes(zone: &TimeZone) -> Vec<i64> {
    let (from, to) = years();
    let from = Timestamp::from_second(from).unwrap();
    zone.following(from)
        .map(|change| change.timestamp().as_second())
        .take_while(|at| *at < to)
        .collect()
}

/// Each preference around every change: at the quarters of its hours, where preferences begin and end, and a
/// minute before; and now and then within the two days.
fn at_the_changes(zone: &TimeZone) -> u64 {
    let mut compared = 0;
    for at in changes(zone) {
        let wall = Wall::new(zone, at - BEFORE - DAY, at + AFTER + DAY);
        let quarters = (at - 9_000..at + 9_000).step_by(900);
        let close = quarters.flat_map(|quarter| [quarter - MINUTE, quarter]);
        let far = (at - DAY..at + DAY).step_by(67 * 60);
        let moments: Vec<i64> = close.chain(far).collect();
        for wishes in wishes() {
            compared += compare(&wall, moments.iter().copied(), &wishes);
        }
    }
    compared
}

/// Wishes by chance on days by chance.
fn by_chance(zone: &TimeZone, cases: u32) {
    let (from, to) = years();
    let minute = from / MINUTE..to / MINUTE;
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    });
    let wishes = prop::collection::vec(any_wish(), 1..4);
    let near = changes(zone);
    let case = (minute, wishes, any::<prop::sample::Index>(), any::<bool>());
    runner
        .run(&case, |(minute, wishes, change, close)| {
            // Every second one on the day of a change, where the zone has any.
            let at = if close && !near.is_empty() {
                near[change.index(near.len())] + minute % (24 * 60) * MINUTE - DAY / 2
            } else {
                minute * MINUTE
            };
            around(zone, at, at + DAY, 61, &wishes);
            Ok(())
        })
        .unwrap();
}

/// Every minute of the years, the preferences taking turns by the week.
fn whole(zone: &TimeZone) -> u64 {
    let (from, to) = years();
    let wishes = wishes();
    let weeks = (from..to).step_by(usize::try_from(7 * DAY).unwrap());
    weeks
        .zip(wishes.iter().cycle())
        .map(|(week, wishes)| around(zone, week, (week + 7 * DAY).min(to), 1, wishes))
        .sum()
}

fn check(name: &str) {
    let zone = TimeZone::get(name).unwrap();
    let mut compared = at_the_changes(&zone);
    by_chance(&zone, 16);
    if std::env::var_os("HERALD_QUIET_HOURS").is_some_and(|mode| mode == "whole") {
        compared += whole(&zone);
    }
    println!("{name}: {compared} moments compared");
}

macro_rules! zones {
    ($($test:ident = $zone:literal,)+) => {
        $(#[test] fn $test() { check($zone); })+
    };
}

zones! {
    lord_howe = "Australia/Lord_Howe",
    casablanca = "Africa/Casablanca",
    el_aaiun = "Africa/El_Aaiun",
    apia = "Pacific/Apia",
    nuuk = "America/Nuuk",
    scoresbysund = "America/Scoresbysund",
    gaza = "Asia/Gaza",
    cairo = "Africa/Cairo",
    asuncion = "America/Asuncion",
    troll = "Antarctica/Troll",
    chatham = "Pacific/Chatham",
    kathmandu = "Asia/Kathmandu",
    berlin = "Europe/Berlin",
    dublin = "Europe/Dublin",
    london = "Europe/London",
    lisbon = "Europe/Lisbon",
    azores = "Atlantic/Azores",
    madrid = "Europe/Madrid",
    kyiv = "Europe/Kyiv",
    chisinau = "Europe/Chisinau",
    istanbul = "Europe/Istanbul",
    beirut = "Asia/Beirut",
    jerusalem = "Asia/Jerusalem",
    tehran = "Asia/Tehran",
    almaty = "Asia/Almaty",
    kolkata = "Asia/Kolkata",
    tokyo = "Asia/Tokyo",
    adelaide = "Australia/Adelaide",
    sydney = "Australia/Sydney",
    auckland = "Pacific/Auckland",
    norfolk = "Pacific/Norfolk",
    kiritimati = "Pacific/Kiritimati",
    easter = "Pacific/Easter",
    santiago = "America/Santiago",
    sao_paulo = "America/Sao_Paulo",
    havana = "America/Havana",
    new_york = "America/New_York",
    los_angeles = "America/Los_Angeles",
    st_johns = "America/St_Johns",
    adak = "America/Adak",
    port_au_prince = "America/Port-au-Prince",
    utc = "UTC",
}

#[test]
fn a_silence_without_end_is_looked_at_again_after_the_bound() {
    let always = hours(time(0, 0, 0, 0), time(0, 0, 0, 0), &[]);
    let scope = Scope::All;
    let window = Window {
        scope: &scope,
        hours: &always,
        zone: TimeZone::UTC,
    };
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let bound = now + SignedDuration::from_hours(8 * 24);
    assert_eq!(quiet_until(&[window], now), Some(bound));
}
