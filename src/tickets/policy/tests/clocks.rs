use super::*;

/// Case 35: answered is answered; waiting for the requester stands; opening again goes on; a changed rule keeps
/// what was waited.
#[test]
fn a_clock_runs_only_while_the_desk_is_to_act() {
    let rule_of = |hours: [i64; 3]| rule(ServiceHours::always(), hours.map(|hours| hours * HOUR));
    let usual = rule_of([1, 2, 24]);
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    assert_eq!(
        story.due(ServiceClock::FirstResponse, &usual).as_deref(),
        Some("2026-06-01T01:00:00Z")
    );
    assert_eq!(story.standing(ServiceClock::NextResponse, &usual), None);
    // The requester writes again before anybody answered: the first answer is not due later, nor a second sooner.
    story.says(ANA, "2026-06-01T00:10:00Z");
    assert_eq!(
        story.due(ServiceClock::FirstResponse, &usual).as_deref(),
        Some("2026-06-01T01:00:00Z")
    );
    story.says(AGENT, "2026-06-01T00:30:00Z");
    let met = ClockProgress::Met {
        took: 1_800,
        is_late: false,
    };
    assert_eq!(
        story.standing(ServiceClock::FirstResponse, &usual),
        Some(met)
    );
    story.says(ANA, "2026-06-01T01:00:00Z");
    assert_eq!(
        story.due(ServiceClock::NextResponse, &usual).as_deref(),
        Some("2026-06-01T03:00:00Z")
    );
    story.says(ANA, "2026-06-01T01:30:00Z");
    assert_eq!(
        story.due(ServiceClock::NextResponse, &usual).as_deref(),
        Some("2026-06-01T03:00:00Z")
    );
    // Neither a note nor a machine answers.
    story.writes(AGENT, "2026-06-01T01:35:00Z", true, false);
    story.writes(AGENT, "2026-06-01T01:36:00Z", false, true);
    assert!(story.due(ServiceClock::NextResponse, &usual).is_some());
    story.goes(TicketStatus::Waiting, "2026-06-01T02:00:00Z");
    assert_eq!(
        story.standing(ServiceClock::Resolution, &usual),
        Some(ClockProgress::Stands { left: 22 * HOUR })
    );
    story.says(ANA, "2026-06-02T02:00:00Z");
    assert_eq!(
        story.ticket.status,
        TicketStatus::Open,
        "the answer ends the waiting"
    );
    assert_eq!(
        story.due(ServiceClock::Resolution, &usual).as_deref(),
        Some("2026-06-03T00:00:00Z")
    );
    assert_eq!(
        story.due(ServiceClock::NextResponse, &usual).as_deref(),
        Some("2026-06-02T03:00:00Z")
    );
    story.goes(TicketStatus::Resolved, "2026-06-02T03:00:00Z");
    let met = ClockProgress::Met {
        took: 3 * HOUR,
        is_late: false,
    };
    assert_eq!(story.standing(ServiceClock::Resolution, &usual), Some(met));
    assert_eq!(story.due(ServiceClock::NextResponse, &usual), None);
    story.says(ANA, "2026-06-10T00:00:00Z");
    assert_eq!(story.ticket.status, TicketStatus::Open, "opened again");
    assert_eq!(
        story.due(ServiceClock::Resolution, &usual).as_deref(),
        Some("2026-06-10T21:00:00Z")
    );
    // As if it had always been so.
    let other = rule_of([1, 2, 4]);
    assert_eq!(
        story.due(ServiceClock::Resolution, &other).as_deref(),
        Some("2026-06-10T01:00:00Z")
    );
    let none = ServiceRule::default();
    assert_eq!(standings(&clock_facts(&story.history), &none), []);
}

#[test]
fn each_warning_and_each_end_is_told_once_and_within_service() {
    let usual = rule(office("Europe/Berlin", &[]), [HOUR, HOUR, 10 * HOUR]);
    // Friday, 16:30 in Berlin.
    let mut story = Story::begin(at("2026-06-05T14:30:00Z"));
    let look_at = |story: &Story, now: Option<&str>| {
        let standings = standings(&clock_facts(&story.history), &usual);
        look(
            &story.ticket,
            &story.history,
            &standings,
            LookRules::default(),
            now.map(at),
        )
    };
    let first = look_at(&story, None);
    assert!(first.marks.is_empty() && !first.clocks.is_overdue);
    // Four fifths of an hour: Monday 09:18, and not in the night.
    assert_eq!(first.clocks.look_at, Some(at("2026-06-08T07:18:00Z")));
    assert_eq!(first.clocks.due_at(), Some(at("2026-06-08T07:30:00Z")));
    let tell = |story: &mut Story, now: &str| -> Vec<TicketDeed> {
        let seen = look_at(story, Some(now));
        let deeds = seen.marks.iter().map(|mark| mark.deed).collect();
        for entry in seen.marks {
            let sequence = i32::try_from(story.history.len()).unwrap() + 1;
            story.history.push(HistoryEntry { sequence, entry });
        }
        deeds
    };
    assert_eq!(tell(&mut story, "2026-06-08T07:17:59Z"), []);
    assert_eq!(
        tell(&mut story, "2026-06-08T07:18:00Z"),
        [TicketDeed::DueSoon]
    );
    assert_eq!(tell(&mut story, "2026-06-08T07:20:00Z"), []);
    assert_eq!(
        look_at(&story, None).clocks.look_at,
        Some(at("2026-06-08T07:30:00Z"))
    );
    assert!(look_at(&story, Some("2026-06-08T07:30:00Z")).escalates);
    assert_eq!(
        tell(&mut story, "2026-06-08T07:30:00Z"),
        [TicketDeed::Overdue]
    );
    assert_eq!(tell(&mut story, "2026-06-08T08:00:00Z"), []);
    assert!(look_at(&story, None).clocks.is_overdue);
    story.says(AGENT, "2026-06-08T09:00:00Z");
    assert!(
        !look_at(&story, None).clocks.is_overdue,
        "answered, if late"
    );
    // A later wait is another clock.
    story.says(ANA, "2026-06-08T09:10:00Z");
    assert_eq!(
        tell(&mut story, "2026-06-08T10:30:00Z"),
        [TicketDeed::Overdue]
    );
}

/// Resolved without a word and opened again: somebody has to answer still.
#[test]
fn the_first_answer_is_waited_for_again_when_a_ticket_that_nobody_answered_is_opened_again() {
    let usual = rule(ServiceHours::always(), [HOUR, HOUR, 24 * HOUR]);
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    story.goes(TicketStatus::Resolved, "2026-06-01T00:40:00Z");
    assert_eq!(story.due(ServiceClock::FirstResponse, &usual), None);
    story.says(ANA, "2026-06-02T00:00:00Z");
    assert_eq!(
        story.due(ServiceClock::FirstResponse, &usual).as_deref(),
        Some("2026-06-02T00:20:00Z")
    );
}

/// A rule that moves the due time later takes back that the clock has run out, and its new end is told, too.
#[test]
fn what_was_told_of_another_due_time_was_not_told_of_this_one() {
    let mut story = Story::begin(at("2026-06-01T08:00:00Z"));
    let seen = |story: &Story, first: i64, now: &str| {
        let standings = standings(
            &clock_facts(&story.history),
            &rule(ServiceHours::always(), [first, 1_000 * HOUR, 1_000 * HOUR]),
        );
        let rules = LookRules::default();
        look(
            &story.ticket,
            &story.history,
            &standings,
            rules,
            Some(at(now)),
        )
    };
    let first = seen(&story, HOUR, "2026-06-01T09:00:00Z");
    for entry in first.marks {
        let sequence = i32::try_from(story.history.len()).unwrap() + 1;
        story.history.push(HistoryEntry { sequence, entry });
    }
    let later = seen(&story, 10 * HOUR, "2026-06-01T10:00:00Z");
    assert!(!later.clocks.is_overdue && later.marks.is_empty());
    let over = seen(&story, 10 * HOUR, "2026-06-01T18:00:00Z");
    let told: Vec<TicketDeed> = over.marks.iter().map(|mark| mark.deed).collect();
    assert_eq!(told, [TicketDeed::Overdue]);
    assert!(
        seen(&story, HOUR / 2, "2026-06-01T10:00:00Z")
            .clocks
            .is_overdue
    );
}

#[test]
fn silence_resolves_what_waits_and_closes_what_is_resolved() {
    let rules = LookRules {
        close_after: Some(7 * 24 * HOUR),
        give_up_after: Some(24 * HOUR),
    };
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    let seen = |story: &Story, now: &str| {
        let seen = look(&story.ticket, &story.history, &[], rules, Some(at(now)));
        (seen.moves_to, seen.clocks.look_at)
    };
    assert_eq!(seen(&story, "2027-01-01T00:00:00Z"), (None, None));
    story.goes(TicketStatus::Waiting, "2026-06-02T00:00:00Z");
    assert_eq!(
        seen(&story, "2026-06-02T12:00:00Z"),
        (None, Some(at("2026-06-03T00:00:00Z")))
    );
    // A machine's word is none.
    story.writes(ANA, "2026-06-02T13:00:00Z", false, true);
    assert_eq!(
        seen(&story, "2026-06-03T00:00:00Z"),
        (Some(TicketStatus::Resolved), None)
    );
    story.goes(TicketStatus::Resolved, "2026-06-03T00:00:00Z");
    assert_eq!(
        seen(&story, "2026-06-10T00:00:00Z"),
        (Some(TicketStatus::Closed), None)
    );
    story.says(ANA, "2026-06-09T00:00:00Z");
    assert_eq!(seen(&story, "2026-06-20T00:00:00Z"), (None, None));
}
