//! The support desk's pages: what is shown, and what is done by them as the key's deed.

use loadtest::harness::engine::RUNNING;
use serde_json::{Value, json};

use super::browser::{Browser, header};
use crate::api::door::{OTHER, SHOP, ask_as, json_of, key, stage};
use crate::database::lines;
use crate::faults::process;
use crate::stage::{ANA, Stage};

const ADA: &str = "0190c1a0-0000-7000-8000-00000000d0a1";
const LEA: &str = "0190c1a0-0000-7000-8000-00000000d0a2";
const BOARD: &str = "/console/tickets";

async fn good(stage: &Stage, key: &str, method: &str, path: &str, body: Value) -> Value {
    let answer = ask_as(stage, key, method, path, &body.to_string()).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    json_of(&answer)
}

/// A desk with two of the staff, a category with targets, and two tickets of it.
async fn peopled(stage: &Stage, key: &str) {
    for (id, name, level) in [(ADA, "Ada", 1), (LEA, "Lea", 2)] {
        let member = json!({ "name": name, "level": level });
        good(stage, key, "PUT", &format!("/v1/staff/{id}"), member).await;
    }
    let category = json!({
        "name": "fire",
        "targets": { "high": { "first_response_minutes": 60, "resolution_minutes": 600 } },
        "staff": [{ "id": ADA, "is_primary": true }, { "id": LEA }],
    });
    good(stage, key, "POST", "/v1/ticket-categories", category).await;
    for (subject, priority) in [("It burns", "high"), ("It is cold", "normal")] {
        let ticket = json!({ "subject": subject, "description": "Since Monday.", "requester_id": ANA,
            "category": "fire", "priority": priority });
        good(stage, key, "POST", "/v1/tickets", ticket).await;
    }
}

/// What was done by which key, the eldest first.
async fn trail(stage: &Stage) -> Vec<String> {
    let query =
        "SELECT c.action || ' ' || c.resource_type AS text FROM ticket_schema.desk_changes c
                 JOIN notification_schema.api_keys k ON k.id::text = c.actor ORDER BY c.created_at";
    lines(&mut stage.database.owner().await, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_shows_what_stands_where_and_says_what_is_late() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let viewer = key(&stage, "tickets:read", Some(SHOP));
    let other = key(&stage, "admin", Some(OTHER));
    let little = key(&stage, "users:read", Some(SHOP));
    let _engine = stage.start().await;
    peopled(&stage, &admin).await;
    let browser = Browser::signed_in(&stage, &viewer).await;
    let page = browser.page(BOARD).await;
    assert!(
        page.contains("Open <span class=\"says\">(2)</span>"),
        "{page}"
    );
    assert!(
        page.contains("Waiting for the requester <span class=\"says\">(0)"),
        "{page}"
    );
    assert!(
        page.contains("#1 It burns</a>") && page.contains("Ada"),
        "{page}"
    );
    assert!(
        page.contains("due <") || page.contains(">due in "),
        "{page}"
    );
    assert!(!page.contains("overdue</strong>"), "{page}");
    // An hour and a half later the first answer is overdue, and is said to be.
    let back = "WITH b AS (UPDATE ticket_schema.ticket_history SET at = at - interval '90 minutes' RETURNING 1),
                     c AS (UPDATE ticket_schema.support_tickets SET look_at = now() RETURNING 1)
                SELECT '' AS text";
    lines(&mut stage.database.owner().await, back).await;
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while !browser
            .page(BOARD)
            .await
            .contains("</span>overdue</strong>")
        {}
    });
    waited.await.unwrap();
    let page = browser.page(&format!("{BOARD}?overdue=yes")).await;
    assert!(
        page.contains("It burns") && !page.contains("It is cold"),
        "{page}"
    );
    for (query, burns, cold) in [
        ("text=burns", true, false),
        ("status=open&priority=normal", false, true),
        ("assignee=none", false, false),
        ("category=fire", true, true),
        (&format!("requester={ANA}"), true, true),
        ("status=closed", false, false),
    ] {
        let page = browser.page(&format!("{BOARD}?{query}")).await;
        let shown = (page.contains("It burns"), page.contains("It is cold"));
        assert_eq!(shown, (burns, cold), "{query}: {page}");
    }
    let wrong = browser
        .get(&format!("{BOARD}?status=odd&assignee=x&overdue=7"))
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.text().matches("role=\"alert\"").count(),
        3,
        "{}",
        wrong.text()
    );
    // Without the scope there is nothing of it; of another tenant's ticket neither.
    let of_little = Browser::signed_in(&stage, &little).await;
    assert_eq!(of_little.get(BOARD).await.status, 403);
    assert!(!of_little.page("/console").await.contains("Support desk"));
    let of_other = Browser::signed_in(&stage, &other).await;
    assert!(
        of_other
            .page(BOARD)
            .await
            .contains("Open <span class=\"says\">(0)")
    );
    assert_eq!(of_other.get(&format!("{BOARD}/1")).await.status, 404);
    let page = browser.page(&format!("{BOARD}/1")).await;
    assert!(
        !page.contains("<form method=\"post\" action=\"/console/tickets"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_in_pages_that_keep_to_their_filters() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    for at in 0..60 {
        let ticket = json!({ "subject": format!("Nr {at}."), "description": "x", "requester_id": ANA,
            "priority": if at % 10 == 0 { "high" } else { "low" } });
        good(&stage, &admin, "POST", "/v1/tickets", ticket).await;
    }
    let browser = Browser::signed_in(&stage, &admin).await;
    let rows = |page: &str| page.matches("<th scope=\"row\"").count();
    let page = browser.page(&format!("{BOARD}?priority=low")).await;
    assert_eq!(rows(&page), 50);
    let older = page
        .split(&format!("href=\"{BOARD}?after="))
        .nth(1)
        .unwrap();
    let older = older.split('"').next().unwrap().replace("&#38;", "&");
    let page = browser.page(&format!("{BOARD}?after={older}")).await;
    assert_eq!((rows(&page), page.contains("Nr 0.")), (4, false), "{page}");
    let page = browser.page(BOARD).await;
    assert!(
        page.contains("(60)") && page.contains("All of them<"),
        "{page}"
    );
    assert_eq!(browser.get(&format!("{BOARD}?after=x")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_answered_moved_given_and_brought_up_as_the_keys_deed() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let worker = key(&stage, "tickets:read,tickets:write", Some(SHOP));
    let _engine = stage.start().await;
    peopled(&stage, &admin).await;
    let made = trail(&stage).await.len();
    let browser = Browser::signed_in(&stage, &worker).await;
    let one = format!("{BOARD}/1");
    let version = async || {
        let page = browser.page(&one).await;
        let (_, after) = page.split_once("name=\"version\" value=\"").unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    let post = async |deed: &str, fields: &[(&str, &str)]| {
        let version = version().await;
        let mut all = vec![("version", version.as_str()), ("as", ADA)];
        all.extend(fields);
        browser.post(&format!("{one}/{deed}"), &all).await
    };
    for (deed, fields, word) in [
        (
            "comment",
            &[("comment", "We come."), ("does", "reply")][..],
            "replied",
        ),
        (
            "comment",
            &[("comment", "They are rude."), ("does", "note")],
            "noted",
        ),
        ("assign", &[("assignee", LEA)], "assigned"),
        ("status", &[("status", "in_progress")], "moved"),
        ("escalate", &[("reason", "it is hot")], "escalated"),
        (
            "status",
            &[("status", "resolved"), ("notes", "Water.")],
            "moved",
        ),
    ] {
        let answer = post(deed, fields).await;
        let expected = format!("{one}?done={word}&as={ADA}");
        assert_eq!(header(&answer, "location"), expected, "{}", answer.text());
    }
    let page = browser.page(&format!("{one}?done=replied&as={ADA}")).await;
    assert!(
        page.contains("role=\"status\">The answer is written"),
        "{page}"
    );
    assert!(
        page.contains("We come.") && page.contains("Water."),
        "{page}"
    );
    let note = page.split("<li class=\"internal\">").nth(1).unwrap();
    assert!(note.contains("internal: for staff alone") && note.contains("They are rude."));
    assert!(
        page.contains(&format!("<option value=\"{ADA}\" selected>Ada")),
        "{page}"
    );
    let late = post("escalate", &[("reason", "too late")]).await;
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains("open it again first"),
        "{}",
        late.text()
    );
    let nobody = browser
        .post(
            &format!("{one}/comment"),
            &[("version", "1"), ("as", ANA), ("comment", "kept words")],
        )
        .await;
    assert_eq!(nobody.status, 422);
    let text = nobody.text();
    assert!(
        text.contains("Choose somebody of the staff") && text.contains("kept words"),
        "{text}"
    );
    let odd = browser
        .post(&format!("{one}/status"), &[("status", "open")])
        .await;
    assert_eq!(odd.status, 400, "no version");
    let page = browser.page(&format!("{one}/history")).await;
    for word in [
        "created",
        "replied",
        "noted",
        "assigned",
        "status_changed",
        "escalated",
    ] {
        assert!(
            page.contains(&format!("<code>{word}</code> by Ada")) || word == "created",
            "{word}: {page}"
        );
    }
    let did = trail(&stage).await;
    let expected = ["reply", "note", "assign", "move", "escalate", "move"];
    let expected: Vec<String> = expected
        .iter()
        .map(|word| format!("{word} ticket"))
        .collect();
    assert_eq!(did.get(made..).unwrap(), expected);
    let seen = Browser::signed_in(&stage, &admin).await;
    let page = seen.page("/console/ticket-audit").await;
    assert!(page.contains("<td>escalate</td><td>ticket</td>"), "{page}");
    assert_eq!(browser.get("/console/ticket-audit").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_form_changes_nothing_and_keeps_what_was_typed() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    peopled(&stage, &admin).await;
    let browser = Browser::signed_in(&stage, &admin).await;
    let one = format!("{BOARD}/1");
    let meanwhile = json!({ "status": "waiting" });
    good(&stage, &admin, "POST", "/v1/tickets/1/status", meanwhile).await;
    let made = trail(&stage).await;
    for (deed, fields) in [
        (
            "comment",
            [("comment", "a <long> answer"), ("does", "reply")],
        ),
        (
            "status",
            [("status", "closed"), ("notes", "a <long> answer")],
        ),
        ("escalate", [("reason", "a <long> answer"), ("does", "")]),
    ] {
        let mut all = vec![("version", "1"), ("as", ADA)];
        all.extend(fields);
        let answer = browser.post(&format!("{one}/{deed}"), &all).await;
        assert_eq!(answer.status, 409, "{deed}");
        let page = answer.text();
        assert!(
            page.contains("Somebody has changed the ticket"),
            "{deed}: {page}"
        );
        assert!(page.contains("a &#60;long&#62; answer"), "{deed}: {page}");
        assert!(
            page.contains(&format!("<option value=\"{ADA}\" selected>Ada")),
            "{deed}"
        );
        assert!(
            page.contains("name=\"version\" value=\"2\""),
            "{deed}: what is sent next is of the new one"
        );
    }
    let ticket = good(&stage, &admin, "GET", "/v1/tickets/1", Value::Null).await;
    assert_eq!(
        (&ticket["status"], &ticket["version"]),
        (&json!("waiting"), &json!(2))
    );
    assert_eq!(trail(&stage).await, made, "nothing was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_and_categories_are_written_by_the_rules_of_the_api() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let viewer = key(&stage, "tickets:read", Some(SHOP));
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &admin).await;
    let (staff, rules) = ("/console/staff", "/console/ticket-categories");
    let wrong = browser
        .post(staff, &[("id", "x"), ("name", ""), ("level", "9")])
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.text().matches("role=\"alert\"").count(),
        3,
        "{}",
        wrong.text()
    );
    let fields = [
        ("id", ADA),
        ("name", "Ada"),
        ("role", "lead"),
        ("level", "2"),
        ("is_active", "yes"),
    ];
    let hired = browser.post(staff, &fields).await;
    assert_eq!(
        header(&hired, "location"),
        "/console/staff?done=hired",
        "{}",
        hired.text()
    );
    let page = browser.page(&format!("{staff}?id={ADA}")).await;
    assert!(
        page.contains("value=\"Ada\"") && page.contains("<option value=\"lead\" selected>"),
        "{page}"
    );
    let mistaken = browser
        .post(rules, &[("category", "{\"name\": \"\", \"staff\": 7}")])
        .await;
    assert_eq!(mistaken.status, 422);
    let text = mistaken.text();
    assert!(
        text.contains("<code>#/name</code>") && text.contains("<code>#/staff</code>"),
        "{text}"
    );
    let unknown = json!({ "name": "fire", "staff": [{ "id": LEA }] }).to_string();
    let answer = browser.post(rules, &[("category", &unknown)]).await;
    assert!(
        answer.status == 422 && answer.text().contains("not of the staff"),
        "{}",
        answer.text()
    );
    let fire = json!({ "name": "fire", "staff": [{ "id": ADA, "is_primary": true }],
        "targets": { "high": { "first_response_minutes": 90 } } });
    let answer = browser
        .post(rules, &[("category", &fire.to_string())])
        .await;
    assert_eq!(
        header(&answer, "location"),
        "/console/ticket-categories?done=ruled"
    );
    let list = browser.page(rules).await;
    let (_, link) = list.split_once(&format!("href=\"{rules}/")).unwrap();
    let one = format!("{rules}/{}", link.split('"').next().unwrap());
    let page = browser.page(&one).await;
    assert!(
        page.contains("<td>1 h 30 min</td>") && page.contains("Ada (first)"),
        "{page}"
    );
    // What the editor shows is taken as it is.
    let (_, text) = page.split_once("category-says\">\n").unwrap();
    let text = text
        .split("</textarea>")
        .next()
        .unwrap()
        .replace("&#34;", "\"");
    let again = browser.post(rules, &[("category", &text)]).await;
    assert_eq!(again.status, 303, "{text}: {}", again.text());
    let watcher = Browser::signed_in(&stage, &viewer).await;
    for path in [staff, rules, &one] {
        assert!(
            !watcher.page(path).await.contains("<button>Store it"),
            "{path}"
        );
    }
    assert_eq!(watcher.post(staff, &fields).await.status, 403);
    assert_eq!(
        watcher.post(rules, &[("category", &text)]).await.status,
        403
    );
    assert_eq!(
        browser.post(&format!("{one}/remove"), &[]).await.status,
        303
    );
    assert_eq!(
        browser
            .post(&format!("{staff}/{ADA}/remove"), &[])
            .await
            .status,
        303
    );
    let expected = [
        "create staff_member",
        "create ticket_category",
        "delete ticket_category",
        "delete staff_member",
    ];
    assert_eq!(trail(&stage).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_which_targets_were_kept_and_how_long_it_took() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    peopled(&stage, &admin).await;
    let browser = Browser::signed_in(&stage, &admin).await;
    let reply = json!({ "author_id": ADA, "comment": "We come." });
    good(&stage, &admin, "POST", "/v1/tickets/1/comments", reply).await;
    let done = json!({ "status": "resolved", "actor_id": ADA });
    good(&stage, &admin, "POST", "/v1/tickets/1/status", done).await;
    let third = json!({ "subject": "It smokes", "description": "x", "requester_id": ANA, "category": "fire",
        "priority": "high" });
    good(&stage, &admin, "POST", "/v1/tickets", third).await;
    let late = "WITH b AS (UPDATE ticket_schema.support_tickets
                    SET first_response_due_at = now() - interval '1 minute' WHERE number = 3 RETURNING 1)
                SELECT '' AS text";
    lines(&mut stage.database.owner().await, late).await;
    let page = browser.page("/console/ticket-report").await;
    let row = |priority: &str| {
        let row = page
            .split("<th scope=\"row\">fire</th>")
            .find(|it| it.starts_with(&format!("<td>{priority}<")));
        let row = row
            .unwrap_or_else(|| panic!("{page}"))
            .split("</tr>")
            .next()
            .unwrap();
        row.split("<td class=\"number\">")
            .skip(1)
            .map(|cell| {
                cell.trim_end_matches("</td>")
                    .replace("<strong class=\"badge failed\">", "")
                    .replace("</strong>", "")
            })
            .collect::<Vec<_>>()
    };
    let high = row("high");
    assert_eq!(
        high.get(..3).unwrap(),
        ["2", "1", "1"],
        "made, in time, missed"
    );
    assert!(
        high[3].ends_with(" ms") || high[3].ends_with(" s"),
        "{high:?}"
    );
    assert_eq!(high.get(5..7).unwrap(), ["1", "0"]);
    assert_eq!(row("normal"), ["1", "0", "0", "–", "–", "0", "0", "–", "–"]);
    let before = browser
        .page("/console/ticket-report?until=2026-01-01T00:00")
        .await;
    assert!(before.contains("There is nothing."), "{before}");
    let long = browser
        .get("/console/ticket-report?since=2020-01-01T00:00")
        .await;
    assert_eq!(long.status, 422);
}

/// What a process does not serve is not offered, and not found.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_the_desk_alone_shows_its_pages_and_hides_the_rest() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    for (only, shown, hidden) in [
        ("tickets", "tickets", "find"),
        ("engine", "find", "tickets"),
    ] {
        let running = process::starting(stage.herald(&["serve", "--only", only]));
        running.says(RUNNING).await.unwrap();
        let browser = Browser::signed_in(&stage, &admin).await;
        let page = browser.page(&format!("/console/{shown}")).await;
        assert!(
            page.contains(&format!("<a href=\"/console/{shown}\"")),
            "{only}: {page}"
        );
        assert!(page.contains("<a href=\"/console/keys\""), "{only}: {page}");
        assert!(
            !page.contains(&format!("href=\"/console/{hidden}\"")),
            "{only}: {page}"
        );
        assert_eq!(
            browser.get(&format!("/console/{hidden}")).await.status,
            404,
            "{only}"
        );
        let first = browser.get("/console").await;
        let expected = match only {
            "tickets" => (303, BOARD),
            _ => (200, ""),
        };
        assert_eq!(
            (first.status, header(&first, "location")),
            expected,
            "{only}"
        );
        process::end(&running).await;
    }
}
