use super::*;

#[test]
fn what_happens_is_told_in_its_order_and_a_status_says_what_it_means() {
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    story.take(
        assign(
            story.ticket.clone(),
            Some(AGENT),
            (Some(LEAD), at("2026-06-01T00:01:00Z")),
        )
        .unwrap(),
    );
    story.says(AGENT, "2026-06-01T00:02:00Z");
    story.goes(TicketStatus::Resolved, "2026-06-01T00:03:00Z");
    story.says(ANA, "2026-06-01T00:04:00Z");
    story.goes(TicketStatus::Closed, "2026-06-01T00:05:00Z");
    use TicketEvent as Event;
    let expected = [
        Event::Created,
        Event::Assigned,
        Event::Replied,
        Event::StatusChanged,
        Event::Resolved,
        Event::Replied,
        Event::StatusChanged,
        Event::Reopened,
        Event::StatusChanged,
        Event::Closed,
    ];
    assert_eq!(story.told, expected);
    assert_eq!(story.ticket.version, 6);
    assert_eq!(
        story.ticket.first_responded_at,
        Some(at("2026-06-01T00:02:00Z"))
    );
}

#[test]
fn an_event_of_an_internal_comment_names_neither_its_requester_nor_what_it_says() {
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    // Even where the requester follows the ticket, or works on it.
    story.ticket.followers = vec![ANA];
    story.ticket.assignee_id = Some(ANA);
    let new = NewComment {
        id: Uuid::from_u128(7),
        author_id: AGENT,
        comment: "A secret".to_owned(),
        is_internal: true,
        is_automatic: false,
        is_of_stranger: false,
        mail_from: None,
    };
    let done = comment(
        story.ticket.clone(),
        new.clone(),
        at("2026-06-01T01:00:00Z"),
    )
    .unwrap();
    let told = told_of(&done.ticket, &done.entries[0], done.comment.as_ref());
    let text = serde_json::to_string(&told[0].data).unwrap();
    assert_eq!((told.len(), told[0].event), (1, TicketEvent::Replied));
    assert_eq!(told[0].data["internal"], true);
    assert!(
        !text.contains(&ANA.to_string()) && !text.contains("secret"),
        "{text}"
    );
    let public = NewComment {
        is_internal: false,
        ..new
    };
    let done = comment(story.ticket, public, at("2026-06-01T01:00:00Z")).unwrap();
    let told = told_of(&done.ticket, &done.entries[0], done.comment.as_ref());
    let text = serde_json::to_string(&told[0].data).unwrap();
    assert!(
        text.contains(&ANA.to_string()) && text.contains("A secret"),
        "{text}"
    );
}

#[test]
fn a_machine_neither_opens_again_nor_ends_the_waiting() {
    for status in [
        TicketStatus::Waiting,
        TicketStatus::Resolved,
        TicketStatus::Closed,
    ] {
        let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
        story.goes(status, "2026-06-01T01:00:00Z");
        story.writes(ANA, "2026-06-01T02:00:00Z", false, true);
        assert_eq!(story.ticket.status, status);
        story.says(ANA, "2026-06-01T03:00:00Z");
        assert_eq!(story.ticket.status, TicketStatus::Open);
    }
}

#[test]
fn a_ticket_goes_up_level_by_level_and_then_no_further() {
    let member = |id, level| CategoryStaff {
        staff_id: id,
        is_primary: false,
        priority: 0,
        level,
        load: 0,
    };
    let staff = [member(AGENT, 1), member(LEAD, 3)];
    let mut story = Story::begin(at("2026-06-01T00:00:00Z"));
    let by = (None, at("2026-06-01T01:00:00Z"));
    for (level, who) in [(1, AGENT), (3, LEAD)] {
        let next = next_level(&story.ticket, &staff);
        assert_eq!(next, Some((level, who)));
        story.take(escalate(story.ticket.clone(), next, None, by).unwrap());
        assert_eq!(
            (story.ticket.escalation_level, story.ticket.assignee_id),
            (level, Some(who))
        );
    }
    assert_eq!(next_level(&story.ticket, &staff), None);
    let refused = escalate(story.ticket.clone(), None, None, by);
    assert_eq!(refused, Err(DeedRefusal::HighestLevel));
}

#[test]
fn a_clock_that_ran_out_is_told_to_whose_it_was_and_the_next_level_is_told_once() {
    let by = (None, at("2026-06-01T01:00:00Z"));
    let ticket = Story::begin(at("2026-06-01T00:00:00Z")).ticket;
    let ticket = assign(ticket, Some(AGENT), by).unwrap().ticket;
    let up = escalate(ticket, Some((2, LEAD)), Some("they are rude"), by).unwrap();
    let over = NewEntry::new(TicketDeed::Overdue, None, by.1);
    let entries: Vec<NewEntry> = [over].into_iter().chain(up.entries).collect();
    let told = told_of_all(&up.ticket, &entries, None);
    let whose: Vec<_> = told
        .iter()
        .map(|it| (it.event, &it.data["assignee_id"]))
        .collect();
    let (agent, lead) = (json!(AGENT), json!(LEAD));
    let expected = [
        (TicketEvent::Overdue, &agent),
        (TicketEvent::Escalated, &lead),
        (TicketEvent::Assigned, &lead),
    ];
    assert_eq!(whose, expected);
    assert_eq!(told[1].data["previous_assignee_id"], agent);
    assert_eq!(
        (&told[2].data["from"], &told[2].data["escalated"]),
        (&agent, &json!(true))
    );
    // Why is said among staff: the event names nobody else.
    for name in ["reason", "requester_id"] {
        assert!(!told[1].data.contains_key(name), "{name}");
    }
    assert_eq!(told[1].data["followers"], json!([]));
}

#[test]
fn a_merged_ticket_is_closed_and_takes_nothing_more() {
    let story = Story::begin(at("2026-06-01T00:00:00Z"));
    let by = (Some(AGENT), at("2026-06-01T01:00:00Z"));
    let other = SupportTicket {
        id: Uuid::from_u128(10),
        number: 2,
        ..story.ticket.clone()
    };
    let foreign = SupportTicket {
        requester_id: LEAD,
        ..other.clone()
    };
    for target in [&story.ticket, &foreign] {
        assert_eq!(
            merge(story.ticket.clone(), target, by),
            Err(DeedRefusal::MergeTarget)
        );
    }
    let done = merge(story.ticket, &other, by).unwrap();
    assert_eq!(
        (done.ticket.status, done.ticket.merged_into),
        (TicketStatus::Closed, Some(other.id))
    );
    assert_eq!(
        assign(done.ticket.clone(), None, by),
        Err(DeedRefusal::Merged)
    );
    assert_eq!(
        merge(other, &done.ticket, by),
        Err(DeedRefusal::MergeTarget)
    );
}

#[test]
fn an_edit_says_what_changed_and_nothing_when_nothing_did() {
    let story = Story::begin(at("2026-06-01T00:00:00Z"));
    let by = (Some(AGENT), at("2026-06-01T01:00:00Z"));
    let change = TicketEdit {
        priority: Some(TicketPriority::Urgent),
        subject: Some(story.ticket.subject.clone()),
        ..TicketEdit::default()
    };
    let done = edit(story.ticket.clone(), change, by).unwrap();
    let expected =
        serde_json::json!({ "changes": { "priority": { "from": "normal", "to": "urgent" } } });
    assert_eq!(
        serde_json::Value::Object(done.entries[0].details.clone()),
        expected
    );
    assert_eq!(
        edit(story.ticket, TicketEdit::default(), by)
            .unwrap()
            .entries,
        Vec::<NewEntry>::new()
    );
}
