//! Mails become comments of whoever may speak by them, and nobody else speaks.

use loadtest::harness::http::{self, Answer};
use serde_json::{Value, json};

use super::forgetting::named_in;
use super::{AGENT, ANN, BOB, PATH, SCOPES, asked, hire, id_of, issued, person};
use crate::api::door::{SHOP, ask, ask_as, is, json_of, key, stage, told};
use crate::api::users::Caller;
use crate::database::lines;
use crate::stage::Stage;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HOOK: &str = "/hooks/mail/sendgrid/0123456789abcdef0123456789abcdef";

/// A mail as SendGrid hands it over in parts.
struct Mail<'a> {
    from: &'a str,
    to: &'a str,
    id: &'a str,
    text: &'a str,
    headers: &'a str,
    dkim: &'a str,
    spf: &'a str,
    file: Option<(&'a str, &'a str, &'a str)>,
}

impl Mail<'_> {
    fn of<'a>(from: &'a str, to: &'a str, id: &'a str, text: &'a str) -> Mail<'a> {
        Mail {
            from,
            to,
            id,
            text,
            headers: "X-Mailer: test",
            dkim: "none",
            spf: "none",
            file: None,
        }
    }

    fn body(&self) -> String {
        let headers = format!(
            "From: Somebody <{}>\r\nTo: <{}>\r\nSubject: Re: x\r\nMessage-ID: <{}@example.com>\r\n{}",
            self.from, self.to, self.id, self.headers
        );
        let envelope = json!({ "to": [self.to], "from": self.from }).to_string();
        let fields = [
            ("headers", headers.as_str()),
            ("dkim", self.dkim),
            ("SPF", self.spf),
            ("envelope", &envelope),
            ("text", self.text),
            ("subject", "Re: x"),
        ];
        let mut body = String::new();
        for (name, value) in fields {
            body.push_str(&format!(
                "--xYz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        if let Some((name, kind, bytes)) = self.file {
            body.push_str(&format!(
                "--xYz\r\nContent-Disposition: form-data; name=\"attachment1\"; filename=\"{name}\"\r\n\
                 Content-Type: {kind}\r\n\r\n{bytes}\r\n"
            ));
        }
        body + "--xYz--\r\n"
    }
}

async fn hand(stage: &Stage, path: &str, body: &str) -> Answer {
    let headers = ["Content-Type: multipart/form-data; boundary=xYz"];
    let sent = http::request("POST", &stage.url(path), &headers, body.as_bytes()).await;
    sent.unwrap()
}

async fn take(stage: &Stage, mail: &Mail<'_>) {
    let answer = hand(stage, HOOK, &mail.body()).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// How many mails came to this end.
async fn counted(stage: &Stage, result: &str) -> u64 {
    let metrics = ask(stage, "GET", "/metrics", &[], "").await.text();
    let series = format!("herald_ticket_mails_total{{result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.map_or(0, |value| value.parse().unwrap())
}

fn taking_mail(stage: &mut Stage) {
    for (name, value) in [
        ("DOMAIN", "desk.example.com"),
        ("REPLY_KEYS", "first-key-of-replies-0123456789abcdef"),
        ("HOOK_SECRET", SECRET),
        ("PER_HOUR", "3"),
    ] {
        stage.set(&format!("HERALD__TICKETS__MAIL__{name}"), value);
    }
}

/// The address that answers to mails of a ticket go to.
fn reply_to(ticket: &Value) -> String {
    let signer = herald::tickets::domain::DeskSigner::derived(
        [&b"first-key-of-replies-0123456789abcdef"[..]],
        "reply addresses",
    );
    let known = herald::tickets::domain::ReplyAddresses::new("desk.example.com", signer);
    known.of(id_of(ticket).parse().unwrap()).unwrap()
}

async fn comments(shop: &Caller<'_>, ticket: &Value) -> Vec<Value> {
    let path = format!("{PATH}/{}/comments", id_of(ticket));
    let page = shop.good("GET", &path, Value::Null, 200).await;
    page["data"].as_array().unwrap().clone()
}

async fn with_address(stage: &Stage, admin: &str, id: &str, email: &str) {
    person(stage, admin, id).await;
    let path = format!("/v1/users/{id}");
    let body = json!({ "email": email }).to_string();
    let put = ask_as(stage, admin, "PATCH", &path, &body).await;
    assert!(put.status < 300, "{}", put.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_mail_is_a_comment_of_whoever_sent_it_once() {
    let mut stage = stage().await;
    taking_mail(&mut stage);
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    with_address(&stage, &admin, ANN, "ann@example.org").await;
    with_address(&stage, &admin, AGENT, "ada@example.com").await;
    hire(&shop, AGENT, "lead", 1).await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let to = reply_to(&ticket);
    let quoted =
        "It burns again.\r\n\r\nOn Mon, Nov 30, 2026 at 9:12 AM Desk <a@b.c> wrote:\r\n> Hello";
    let mut mail = Mail::of("Ann@Example.org", &to, "1", quoted);
    mail.file = Some(("smoke.txt", "text/plain", "smoke"));
    take(&stage, &mail).await;
    // To another mailbox, and handed over again.
    take(&stage, &mail).await;
    let told = comments(&shop, &ticket).await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        (
            &told[0]["author_id"],
            &told[0]["comment"],
            &told[0]["internal"],
            &told[0]["of_stranger"]
        ),
        (
            &json!(ANN),
            &json!("It burns again."),
            &json!(false),
            &json!(false)
        )
    );
    let files = format!("{PATH}/{}/attachments", id_of(&ticket));
    let files = shop.good("GET", &files, Value::Null, 200).await;
    assert_eq!(files["data"][0]["name"], json!("smoke.txt"));
    assert_eq!(files["data"][0]["comment_id"], told[0]["id"]);
    assert_eq!(
        (
            counted(&stage, "told").await,
            counted(&stage, "duplicate").await
        ),
        (1, 1)
    );
    // Somebody of the staff, if it is known that it is them.
    let mut mail = Mail::of("ada@example.com", &to, "2", "We come.");
    mail.dkim = "{@example.com : pass}";
    mail.file = Some(("run.html", "text/html", "<html>"));
    take(&stage, &mail).await;
    let told = comments(&shop, &ticket).await;
    assert_eq!(told[1]["author_id"], json!(AGENT));
    let text = told[1]["comment"].as_str().unwrap();
    assert!(
        text.starts_with("We come.\n\n[Not taken:\nrun.html: "),
        "{text}"
    );
    let now = shop
        .good(
            "GET",
            &format!("{PATH}/{}", id_of(&ticket)),
            Value::Null,
            200,
        )
        .await;
    assert_ne!(now["first_responded_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_speaks_to_the_staff_alone_and_a_machine_to_nobody() {
    let mut stage = stage().await;
    taking_mail(&mut stage);
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    for (id, email) in [
        (ANN, "ann@example.org"),
        (BOB, "bob@example.org"),
        (AGENT, "ada@example.com"),
    ] {
        with_address(&stage, &admin, id, email).await;
    }
    hire(&shop, AGENT, "lead", 1).await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let to = reply_to(&ticket);
    let place = format!("{PATH}/{}", id_of(&ticket));
    shop.good(
        "POST",
        &format!("{place}/status"),
        json!({ "status": "resolved" }),
        200,
    )
    .await;
    let grants = json!({ "grants": ["tickets:read"] });
    let ann = issued(&stage, &admin, ANN, &grants).await;
    let before = ask_as(&stage, &ann, "GET", &place, "").await;
    // Somebody unknown; somebody known who has nothing to do with it; the agent, of whom nobody knows that it is her; the
    // requester, of whom it is known that it is not.
    let mut denied = Mail::of("ann@example.org", &to, "4", "Close it, please.");
    denied.spf = "fail";
    for mail in [
        Mail::of("eve@example.net", &to, "1", "Give me the key."),
        Mail::of("bob@example.org", &to, "2", "Me, too."),
        Mail::of("ada@example.com", &to, "3", "Send us your password."),
        denied,
    ] {
        take(&stage, &mail).await;
    }
    let told = comments(&shop, &ticket).await;
    assert_eq!(told.len(), 4);
    for comment in &told {
        assert_eq!(
            (&comment["internal"], &comment["of_stranger"]),
            (&json!(true), &json!(true)),
            "{comment:#}"
        );
        assert_eq!(comment["author_id"], json!(uuid::Uuid::nil()));
    }
    let text = told[0]["comment"].as_str().unwrap();
    assert!(text.starts_with("[A mail of eve@example.net,"), "{text}");
    let after = ask_as(&stage, &ann, "GET", &place, "").await;
    assert_eq!(before.body, after.body, "she sees nothing of it");
    assert_eq!(json_of(&after)["status"], json!("resolved"));
    // Her absence is kept, opens nothing, and nobody is told.
    let mut absent = Mail::of("ann@example.org", &to, "5", "I am away.");
    absent.headers = "Auto-Submitted: auto-replied";
    take(&stage, &absent).await;
    assert_eq!(comments(&shop, &ticket).await[4]["automatic"], json!(true));
    let mut owner = stage.database.owner().await;
    let said = "SELECT body AS text FROM ticket_schema.outbox WHERE body LIKE '%I am away%'";
    assert_eq!(lines(&mut owner, said).await, Vec::<String>::new());
    let now = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(now["status"], json!("resolved"));
    assert_eq!(
        (
            counted(&stage, "of_stranger").await,
            counted(&stage, "quiet").await
        ),
        (3, 2)
    );
    // She opens it again; the fourth within the hour is kept, and told to nobody.
    for number in 6..9 {
        take(
            &stage,
            &Mail::of("ann@example.org", &to, &number.to_string(), "Again!"),
        )
        .await;
    }
    let now = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(now["status"], json!("open"));
    let told = comments(&shop, &ticket).await;
    let automatic: Vec<bool> = told[5..].iter().map(|it| it["automatic"] == true).collect();
    assert_eq!(
        automatic,
        [false, false, true],
        "the absence was the first of them"
    );
    // Bob has an account, and is erased by it; Eve by her address, which nobody need know an id for.
    let gone = ask_as(&stage, &admin, "DELETE", &format!("/v1/users/{BOB}"), "").await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    let mut erase = stage.herald(&["users", "erase", "Eve@Example.net"]);
    let erased = erase.output().unwrap();
    let said = String::from_utf8_lossy(&erased.stdout);
    assert!(said.starts_with("erased 1 comments"), "{said}");
    let told = comments(&shop, &ticket).await;
    let texts: Vec<bool> = told[..4].iter().map(|it| it["comment"] == "").collect();
    assert_eq!(texts, [true, true, false, false], "{told:#?}");
    for text in ["eve@example.net", "bob@example.org", "Me, too", "the key"] {
        assert_eq!(named_in(&stage, text).await, [""; 0], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_no_ticket_is_dropped_and_counted_and_only_whoever_knows_the_secret_hands_over()
{
    let mut stage = stage().await;
    let silent = stage.start().await;
    let mail = Mail::of(
        "ann@example.org",
        "reply+abc@desk.example.com",
        "1",
        "Hello",
    );
    let answer = hand(&stage, HOOK, &mail.body()).await;
    assert_eq!(told(&answer), is(404, "not_found"), "no mail is taken");
    drop(silent);
    taking_mail(&mut stage);
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    for wrong in [
        "x",
        "0123456789abcdef0123456789abcdeg",
        "0123456789abcdef0123456789abcdef0",
    ] {
        let answer = hand(
            &stage,
            &format!("/hooks/mail/sendgrid/{wrong}"),
            &mail.body(),
        )
        .await;
        assert_eq!(told(&answer), is(404, "not_found"), "{wrong}");
    }
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let bent = reply_to(&ticket).replacen("reply+a", "reply+b", 1);
    let bent = if bent.starts_with("reply+b") {
        bent
    } else {
        bent.replacen("reply+", "reply+a", 1)
    };
    for to in ["desk@desk.example.com", "reply+abc@desk.example.com", &bent] {
        take(&stage, &Mail::of("ann@example.org", to, to, "Hello")).await;
    }
    assert_eq!(counted(&stage, "no_ticket").await, 3);
    assert_eq!(comments(&shop, &ticket).await, Vec::<Value>::new());
    for odd in [
        "",
        "--xYz\r\n",
        "--xYz--\r\n",
        "--xYz\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nx\r\n--xYz--\r\n",
    ] {
        let answer = hand(&stage, HOOK, odd).await;
        assert_eq!(answer.status, 204, "{odd:?}: {}", answer.text());
    }
    assert_eq!(counted(&stage, "malformed").await, 4);
}
