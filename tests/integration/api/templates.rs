//! `/v1/templates`: drafts, versions that never change, what includes what, and previews.

use diesel_async::SimpleAsyncConnection;
use loadtest::harness::http::Answer;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use crate::database::lines;
use crate::stage::{ANA, Stage, envelope_with};

const ONE: &str = "/v1/templates/order-shipped";

struct Author<'a> {
    stage: &'a Stage,
    key: String,
}

impl<'a> Author<'a> {
    fn of(stage: &'a Stage, tenant: Option<&str>) -> Self {
        let key = key(stage, "templates:read,templates:write", tenant);
        Self { stage, key }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        ask_as(self.stage, &self.key, method, path, &body).await
    }

    async fn good(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        json_of(&answer)
    }

    async fn published(&self, name: &str, body: Value) -> Value {
        let path = format!("/v1/templates/{name}");
        let which = json!({ "channel": body["channel"], "locale": body["locale"] });
        self.good("PUT", &path, &body).await;
        self.good("POST", &format!("{path}/publish"), &which).await
    }
}

fn mail(locale: &str, body: &str) -> Value {
    json!({
        "channel": "email", "locale": locale, "subject": "Order {{ order }}", "body": body,
        "variables": ["order", "name?"],
    })
}

fn pointers(answer: &Answer) -> Vec<String> {
    let errors = json_of(answer)["errors"].as_array().unwrap().clone();
    let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
    let mut pointers: Vec<String> = errors.iter().map(pointer).collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_published_as_versions_that_never_change_and_is_sent_at_once() {
    let (stage, sendgrid, mut outcomes) = Stage::mailing().await;
    let author = Author::of(&stage, None);
    let _engine = stage.start().await;
    let saved = author
        .good("PUT", ONE, &mail("en", "first {{ order }}"))
        .await;
    assert_eq!(saved["published"], Value::Null);
    assert_eq!(saved["draft"]["texts"]["body"], "first {{ order }}");
    // A draft is a template without versions; what was never saved is none.
    let versions = format!("{ONE}/versions");
    let none = author.good("GET", &versions, &Value::Null).await;
    assert_eq!(none["data"], json!([]));
    let unknown = author.ask("GET", "/v1/templates/unknown/versions", &Value::Null);
    assert_eq!(unknown.await.status, 404);
    let publish = format!("{ONE}/publish");
    for is_new in [true, false] {
        let published = author.good("POST", &publish, &Value::Null).await;
        let expected = json!([{
            "name": "order-shipped", "channel": "email", "locale": "en", "version": 1, "is_new": is_new,
        }]);
        assert_eq!(
            published["published"], expected,
            "an equal draft changes nothing"
        );
    }
    author
        .good("PUT", ONE, &mail("en", "second {{ order }}"))
        .await;
    author.good("POST", &publish, &Value::Null).await;
    let back = author
        .good("POST", &publish, &json!({ "version": 1 }))
        .await;
    assert_eq!(
        back["published"][0]["version"], 3,
        "numbers are never used again"
    );
    let versions = author
        .good("GET", &format!("{ONE}/versions?limit=2"), &Value::Null)
        .await;
    let data = versions["data"].as_array().unwrap();
    let shown: Vec<_> = data
        .iter()
        .map(|it| (&it["version"], &it["is_active"]))
        .collect();
    assert_eq!(
        shown,
        [(&json!(3), &json!(true)), (&json!(2), &json!(false))]
    );
    assert!(versions["next"].is_string());
    let old = author
        .good("GET", &format!("{ONE}/versions/2"), &Value::Null)
        .await;
    assert_eq!(old["texts"]["body"], "second {{ order }}");
    let missing = author
        .ask("GET", &format!("{ONE}/versions/9"), &Value::Null)
        .await;
    assert_eq!(told(&missing), is(404, "not_found"));

    let template = json!({ "name": "order-shipped", "variables": { "order": "A-17" } });
    let message = envelope_with(
        "email",
        json!({ "user_id": ANA, "content": null, "template": template }),
    );
    let mut message = message;
    message
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    stage.publisher().await.publish(&message).await;
    outcomes.only("sent", None).await;
    assert!(sendgrid.requests()[0].text().contains("first A-17"));

    assert_eq!(author.ask("DELETE", ONE, &Value::Null).await.status, 204);
    let gone = author.ask("GET", ONE, &Value::Null).await;
    assert_eq!(told(&gone), is(404, "not_found"));
    let again = author.published("order-shipped", mail("en", "third")).await;
    assert_eq!(again["published"][0]["version"], 4);
    let audited = "SELECT action AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'template' ORDER BY created_at, id";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    let expected = [
        "save", "publish", "save", "publish", "publish", "delete", "save", "publish",
    ];
    assert_eq!(audited, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_which_language_and_version_it_is_and_all_that_is_missing() {
    let stage = stage().await;
    let author = Author::of(&stage, Some(SHOP));
    let _engine = stage.start().await;
    author
        .published("order-shipped", mail("en", "Hello {{ order }}"))
        .await;
    author
        .published("order-shipped", mail("de", "Hallo {{ order }} {{ name }}"))
        .await;
    author
        .good("PUT", ONE, &mail("de", "Servus {{ order }}"))
        .await;
    let path = format!("{ONE}/preview");
    let asked = json!({ "locale": "de-AT", "variables": { "order": "A-17" } });
    let shown = author.good("POST", &path, &asked).await;
    assert_eq!(
        (&shown["locale"], &shown["version"]),
        (&json!("de"), &json!(1))
    );
    assert_eq!(shown["content"]["body"], "Hallo A-17 ");
    assert!(
        shown["because"].as_str().unwrap().contains("de-AT"),
        "{shown}"
    );
    let draft = json!({ "locale": "de-AT", "draft": true, "variables": { "order": "A-17" } });
    let shown = author.good("POST", &path, &draft).await;
    assert_eq!(
        (&shown["content"]["body"], &shown["version"]),
        (&json!("Servus A-17"), &Value::Null)
    );
    let french = author.good("POST", &path, &json!({ "locale": "fr" })).await;
    assert_eq!(french["locale"], "en");
    assert!(
        french["because"].as_str().unwrap().contains("English"),
        "{french}"
    );
    assert_eq!(
        (&french["missing"], &french["content"]),
        (&json!(["order"]), &Value::Null)
    );
    let three = json!({
        "channel": "sms", "body": "{{ a }} {{ b }} {{ c }}", "variables": ["a", "b", "c"],
    });
    author.published("three", three).await;
    let shown = author
        .good(
            "POST",
            "/v1/templates/three/preview",
            &json!({ "variables": { "b": 1 } }),
        )
        .await;
    assert_eq!(shown["missing"], json!(["a", "c"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_wrong_is_refused_with_all_that_is_wrong() {
    let stage = stage().await;
    let author = Author::of(&stage, Some(SHOP));
    let stranger = Author::of(&stage, Some(OTHER));
    let _engine = stage.start().await;
    let odd = json!({
        "channel": "sms", "locale": "klingonisch!", "title": "x", "body": 7, "odd": 1,
        "variables": ["a", "a", "1b"],
    });
    let refused = author.ask("PUT", ONE, &odd).await;
    assert_eq!(told(&refused), is(422, "invalid_body"));
    let expected = [
        "#/body",
        "#/locale",
        "#/odd",
        "#/title",
        "#/variables/1",
        "#/variables/2",
    ];
    assert_eq!(pointers(&refused), expected);
    let texts = json!({
        "channel": "email", "subject": "{% if %}", "body": "{{ a|nothing }}", "html": "{{ b }}",
    });
    let refused = author.ask("PUT", ONE, &texts).await;
    assert_eq!(pointers(&refused), ["#/body", "#/subject"]);
    let undeclared =
        json!({ "channel": "email", "subject": "x", "body": "{{ a }}", "html": "{{ b }}" });
    let refused = author.ask("PUT", ONE, &undeclared).await;
    assert_eq!(pointers(&refused), ["#/variables", "#/variables"]);
    let mail = mail("en", "{{ order }}");
    author.published("order-shipped", mail.clone()).await;
    for (method, path, body) in [
        ("GET", ONE.to_owned(), Value::Null),
        ("DELETE", ONE.to_owned(), Value::Null),
        ("POST", format!("{ONE}/publish"), Value::Null),
        ("POST", format!("{ONE}/preview"), Value::Null),
        ("GET", format!("{ONE}/versions/1"), Value::Null),
        ("GET", format!("{ONE}/used-by"), Value::Null),
    ] {
        let none = stranger.ask(method, &path, &body).await;
        assert_eq!(told(&none), is(404, "not_found"), "{method} {path}");
    }
    let listed = author.good("GET", "/v1/templates", &Value::Null).await;
    assert_eq!(listed["data"][0]["name"], "order-shipped");
    let none = stranger.good("GET", "/v1/templates", &Value::Null).await;
    assert_eq!(none["data"], json!([]));
    let several = json!({ "channel": "sms", "body": "x" });
    author.published("order-shipped", several).await;
    let which = author
        .ask("GET", &format!("{ONE}/versions/1"), &Value::Null)
        .await;
    assert_eq!(told(&which), is(422, "invalid_body"));
    let one = format!("{ONE}/versions/1?channel=sms&locale=en");
    assert_eq!(
        author.good("GET", &one, &Value::Null).await["texts"]["body"],
        "x"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_included_is_published_with_what_includes_it_and_never_in_a_circle() {
    let stage = stage().await;
    let author = Author::of(&stage, Some(SHOP));
    let _engine = stage.start().await;
    let footer = |body: &str| json!({ "channel": "sms", "body": body });
    let page = |body: &str| json!({ "channel": "sms", "body": body });
    let nothing = page("Hello {% include \"footer\" %}");
    let refused = author.ask("PUT", "/v1/templates/page", &nothing).await;
    assert_eq!(pointers(&refused), ["#/body"], "{}", refused.text());
    author.published("footer", footer("Bye")).await;
    author.published("page", nothing).await;
    let shown = author.good("GET", "/v1/templates/page", &Value::Null).await;
    let texts = &shown["templates"][0]["published"]["texts"];
    assert_eq!(
        texts["body"], "Hello {% include \"footer\" %}",
        "as it was written"
    );
    assert_eq!(texts["includes"], json!(["footer"]));
    let body = async || {
        let shown = author
            .good("POST", "/v1/templates/page/preview", &Value::Null)
            .await;
        shown["content"]["body"].as_str().unwrap().to_owned()
    };
    assert_eq!(body().await, "Hello Bye");
    let published = author.published("footer", footer("Good night")).await;
    let names: Vec<_> = published["published"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["footer", "page"]);
    assert_eq!(body().await, "Hello Good night");

    let circle = footer("{% include \"page\" %}");
    let refused = author.ask("PUT", "/v1/templates/footer", &circle).await;
    assert_eq!(told(&refused), is(422, "invalid_body"));
    assert!(refused.text().contains("a circle"), "{}", refused.text());
    let mut greedy = footer("{{ shop }}");
    greedy["variables"] = json!(["shop"]);
    author.good("PUT", "/v1/templates/footer", &greedy).await;
    let refused = author
        .ask("POST", "/v1/templates/footer/publish", &Value::Null)
        .await;
    assert_eq!(
        told(&refused),
        is(422, "invalid_body"),
        "its users do not declare it"
    );
    assert!(refused.text().contains("`page`"), "{}", refused.text());
    assert_eq!(body().await, "Hello Good night", "nothing was published");

    let users = author
        .good("GET", "/v1/templates/footer/used-by", &Value::Null)
        .await;
    let users = users["templates"].as_array().unwrap();
    let users: Vec<_> = users
        .iter()
        .map(|it| (&it["name"], &it["is_draft"]))
        .collect();
    assert_eq!(
        users,
        [
            (&json!("page"), &json!(false)),
            (&json!("page"), &json!(true))
        ]
    );
    let refused = author
        .ask("DELETE", "/v1/templates/footer", &Value::Null)
        .await;
    assert_eq!(told(&refused), is(409, "in_use"));
    for name in ["page", "footer"] {
        let path = format!("/v1/templates/{name}");
        assert_eq!(author.ask("DELETE", &path, &Value::Null).await.status, 204);
    }
}

/// Somebody saves another text while a call to publish waits for its turn: what is saved is published.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_when_its_turn_comes_is_published() {
    let stage = stage().await;
    let author = Author::of(&stage, Some(SHOP));
    let _engine = stage.start().await;
    author
        .good("PUT", ONE, &mail("en", "first {{ order }}"))
        .await;
    let mut owner = stage.database.owner().await;
    let turn = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('herald templates {SHOP}', 0))"
    );
    owner.batch_execute(&turn).await.unwrap();
    let mut watching = stage.outcomes().await;
    let publish = format!("{ONE}/publish");
    let published = author.good("POST", &publish, &Value::Null);
    let saved = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        watching.until_count(waiting, 1).await;
        author
            .good("PUT", ONE, &mail("en", "second {{ order }}"))
            .await;
        owner.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(published, saved);
    let shown = author.good("GET", ONE, &Value::Null).await;
    let texts = &shown["templates"][0]["published"]["texts"];
    assert_eq!(texts["body"], "second {{ order }}", "{shown:#}");
}
