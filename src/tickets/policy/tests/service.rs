use super::*;

/// Case 35 of the field's reports: 48 hours of business over a weekend and a holiday, to the second.
#[test]
fn forty_eight_business_hours_over_a_weekend_and_a_holiday_are_exact() {
    let hours = office("Europe/Berlin", &[Date::constant(2026, 12, 25)]);
    // Wednesday 16:00 in Berlin: 1 h, Thursday 8 h, Friday is Christmas, and then five days.
    let from = at("2026-12-23T15:00:00Z");
    let due = service_after(&hours, from, 48 * HOUR).unwrap();
    // Wed 1, Thu 9, Mon 17, Tue 25, Wed 33, Thu 41, Fri 48 at 16:00.
    assert_eq!(due, at("2027-01-01T15:00:00Z"));
    assert_eq!(service_between(&hours, from, due), 48 * HOUR);
}

#[test]
fn an_hour_that_is_left_out_is_no_service_and_one_that_comes_twice_is_two() {
    let windows: Vec<_> = (0..7)
        .map(|weekday| ServiceWindow {
            weekday,
            from: 120,
            to: 180,
        })
        .collect();
    let hours = ServiceHours::new(zone("Europe/Berlin"), &windows, []).unwrap();
    let day = |text: &str| {
        let begin = at(text);
        service_between(&hours, begin, begin + SignedDuration::from_hours(24))
    };
    assert_eq!(
        day("2026-03-28T12:00:00Z"),
        0,
        "02:00 to 03:00 is not there"
    );
    assert_eq!(day("2026-10-24T12:00:00Z"), 2 * HOUR, "it is there twice");
    assert_eq!(day("2026-06-01T12:00:00Z"), HOUR);
}

/// What a watch on the wall shows: each minute that lies in a window counts.
fn by_the_minute(hours: &ServiceHours, from: Timestamp, to: Timestamp) -> i64 {
    let (mut moment, mut sum) = (from, 0);
    while moment < to {
        let local = hours.zone().to_datetime(moment);
        let day = local.date().at(0, 0, 0, 0);
        let day = TimeZone::UTC.to_timestamp(day).unwrap().as_second() / 86_400;
        let minute =
            u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap();
        let windows = hours.on(day);
        if windows
            .iter()
            .any(|(from, to)| (*from..*to).contains(&minute))
        {
            sum += 60;
        }
        moment += SignedDuration::from_mins(1);
    }
    sum
}

/// Around changes of clocks of each kind: by an hour, by half an hour, at midnight, twice a year around Ramadan, and
/// a day that was left out.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/St_Johns", "2010-11-07T02:31:00Z"),
    ("Asia/Kathmandu", "2026-01-01T00:00:00Z"),
];

fn windows() -> impl Strategy<Value = Vec<ServiceWindow>> {
    let one = (0_u8..7, 0_u16..1_440, 1_u16..1_440);
    prop::collection::vec(one, 1..12).prop_map(|all| {
        let all = all
            .into_iter()
            .map(|(weekday, from, length)| ServiceWindow {
                weekday,
                from,
                to: (from + length).min(1_440),
            });
        let mut kept: Vec<ServiceWindow> = vec![];
        for one in all {
            let meets = |other: &ServiceWindow| {
                other.weekday == one.weekday && other.from < one.to && one.from < other.to
            };
            if !kept.iter().any(meets) {
                kept.push(one);
            }
        }
        kept
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn service_time_is_what_a_watch_on_the_wall_counts(
        (zone_name, change) in prop::sample::select(CHANGES),
        windows in windows(),
        holiday in -3_i64..4,
        begins in -3_000_i64..2_000,
        minutes in 0_i64..4_000,
        wanted in 1_i64..3_000,
    ) {
        let change = at(change);
        let holiday = change + SignedDuration::from_hours(24 * holiday);
        let holiday = zone(zone_name).to_datetime(holiday).date();
        let hours = ServiceHours::new(zone(zone_name), &windows, [holiday]).unwrap();
        let from = change + SignedDuration::from_mins(begins);
        let to = from + SignedDuration::from_mins(minutes);
        prop_assert_eq!(service_between(&hours, from, to), by_the_minute(&hours, from, to));
        // When so much has passed: that much lies between, and a minute before it did not.
        let due = service_after(&hours, from, wanted * 60).unwrap();
        prop_assert_eq!(service_between(&hours, from, due), wanted * 60);
        let before = due - SignedDuration::from_secs(1);
        prop_assert_eq!(service_between(&hours, from, before), wanted * 60 - 1);
    }

    /// Whatever happens, what ran is what a watch counts that is stopped and started by hand.
    #[test]
    fn a_resolution_clock_counts_what_is_not_waited(
        steps in prop::collection::vec((1_i64..3_000, prop::sample::select(TicketStatus::ALL)), 0..12),
        rest in 0_i64..2_000,
    ) {
        let hours = office("Europe/Berlin", &[]);
        let begin = at("2026-10-22T06:00:00Z");
        let mut facts = vec![ClockFact { at: begin, word: ClockWord::Created }];
        let (mut now, mut status, mut counted) = (begin, TicketStatus::Open, 0);
        let runs = |status: TicketStatus| !status.is_over() && status != TicketStatus::Waiting;
        for (minutes, to) in steps {
            let then = now + SignedDuration::from_mins(minutes);
            if runs(status) {
                counted += by_the_minute(&hours, now, then);
            }
            now = then;
            if may_move(status, to) {
                facts.push(ClockFact { at: now, word: ClockWord::Moved(to) });
                status = to;
            }
        }
        let target = 400 * HOUR;
        let rule = rule(hours.clone(), [1, 1, target]);
        let all = standings(&facts, &rule);
        let one = all.iter().find(|one| one.clock == ServiceClock::Resolution).unwrap();
        match one.standing {
            ClockProgress::Runs { due_at, .. } => {
                let due = due_at.unwrap();
                let last = facts.iter().rev().find(|fact| match fact.word {
                    ClockWord::Moved(to) => runs(to),
                    _ => true,
                });
                let _ = (last, rest);
                let ran_on = by_the_minute(&hours, now, due.max(now));
                prop_assert_eq!(counted + ran_on, target);
            }
            ClockProgress::Stands { left } => prop_assert_eq!(target - left, counted),
            ClockProgress::Met { took, is_late } => {
                prop_assert_eq!(took, counted);
                prop_assert_eq!(is_late, counted > target);
            }
        }
    }
}
