//! `/v1/users/{id}/choices`: what a person may choose from, by their own token.

use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use super::user_tokens::{ANN, BOB, issued, person};
use crate::database::lines;
use crate::stage::Stage;

struct Chooser<'a> {
    stage: &'a Stage,
    token: String,
}

impl Chooser<'_> {
    async fn ask(&self, method: &str, of: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/users/{of}/choices");
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = ask_as(self.stage, &self.token, method, &path, &body).await;
        (answer.status, json_of(&answer))
    }

    /// Changes something, which is good.
    async fn choose(&self, change: Value) -> Value {
        let (status, said) = self.ask("PATCH", ANN, &change).await;
        assert_eq!(status, 200, "{change}: {said}");
        assert_eq!(
            self.ask("GET", ANN, &Value::Null).await.1,
            said,
            "what is answered is how it stands"
        );
        said
    }
}

/// Whether a category comes by a channel, and whether it must.
fn choice(said: &Value, channel: &str, category: &str) -> (bool, bool) {
    let named = |list: &Value, key: &str, name: &str| {
        let mut list = list.as_array().unwrap().iter();
        list.find(|it| it[key] == name).unwrap().clone()
    };
    let channel = named(&said["channels"], "channel", channel);
    let category = named(&channel["categories"], "category", category);
    let flag = |name: &str| category[name].as_bool().unwrap();
    (flag("enabled"), flag("required"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_changes_one_by_one_what_comes_where_and_when_it_is_quiet() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    for (name, may_disable) in [("orders", true), ("security", false)] {
        let body = json!({ "may_disable": may_disable }).to_string();
        let path = format!("/v1/categories/{name}");
        let answer = ask_as(&stage, &admin, "PUT", &path, &body).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
    person(&stage, &admin, ANN).await;
    let known = json!({ "email": "ann@example.com" }).to_string();
    ask_as(&stage, &admin, "PATCH", &format!("/v1/users/{ANN}"), &known).await;
    let ann = Chooser {
        stage: &stage,
        token: issued(&stage, &admin, ANN, &json!({})).await,
    };

    let (status, at_first) = ann.ask("GET", ANN, &Value::Null).await;
    assert_eq!(
        (status, &at_first["enabled"]),
        (200, &json!(true)),
        "{at_first}"
    );
    assert_eq!(choice(&at_first, "email", "orders"), (true, false));
    assert_eq!(choice(&at_first, "in_app", "security"), (true, true));
    let everything = &at_first["quiet_hours"][0];
    assert_eq!(
        (&everything["channel"], &everything["start"]),
        (&json!("all"), &Value::Null)
    );

    let orders = json!({ "channel": "email", "category": "orders", "enabled": false });
    let said = ann.choose(json!({ "preference": orders })).await;
    assert_eq!(choice(&said, "email", "orders"), (false, false));
    assert_eq!(choice(&said, "in_app", "orders"), (true, false));
    let required = json!({ "preference": { "category": "security", "enabled": false } });
    let (status, refused) = ann.ask("PATCH", ANN, &required).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("category_required"))
    );

    let night = json!({ "channel": "all", "quiet_hours_start": "22:00", "quiet_hours_end": "07:00",
        "quiet_hours_days": ["fri"] });
    let said = ann
        .choose(json!({ "preference": night, "timezone": "Asia/Tokyo" }))
        .await;
    let everything = &said["quiet_hours"][0];
    assert_eq!(said["timezone"], "Asia/Tokyo");
    assert_eq!(
        (
            &everything["start"],
            &everything["end"],
            &everything["days"],
            &everything["timezone"]
        ),
        (
            &json!("22:00"),
            &json!("07:00"),
            &json!(["fri"]),
            &json!("Asia/Tokyo")
        )
    );
    assert_eq!(
        choice(&said, "email", "orders"),
        (false, false),
        "what was said before stays"
    );
    let said = ann
        .choose(json!({ "preference": { "channel": "all", "quiet_hours": "none" } }))
        .await;
    assert_eq!(said["quiet_hours"][0]["start"], Value::Null);
    let said = ann
        .choose(json!({ "preference": { "channel": "all", "enabled": false } }))
        .await;
    assert_eq!(
        (&said["enabled"], choice(&said, "email", "orders").0),
        (&json!(false), false)
    );

    let mut owner = stage.database.owner().await;
    let acted = format!(
        "SELECT DISTINCT action || ' by ' || actor AS text FROM notification_schema.audit_logs
         WHERE resource_id = '{ANN}' AND actor = 'person' ORDER BY 1"
    );
    let acted = lines(&mut owner, &acted).await;
    assert_eq!(acted, ["prefer by person", "update by person"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_of_others_are_not_there_and_bad_ones_change_nothing() {
    let stage = stage().await;
    let (admin, other) = (
        key(&stage, "admin", Some(SHOP)),
        key(&stage, "admin", Some(OTHER)),
    );
    let _engine = stage.start().await;
    for id in [ANN, BOB] {
        person(&stage, &admin, id).await;
    }
    let token = issued(&stage, &admin, ANN, &json!({})).await;
    let reads = issued(
        &stage,
        &admin,
        ANN,
        &json!({ "grants": ["preferences:read"] }),
    )
    .await;
    let [ann, reader, stranger] = [token, reads, other].map(|token| Chooser {
        stage: &stage,
        token,
    });
    let (_, before) = ann.ask("GET", ANN, &Value::Null).await;
    let off = json!({ "preference": { "channel": "email", "enabled": false } });
    for (who, of) in [(&ann, BOB), (&stranger, ANN)] {
        for (method, body) in [("GET", &Value::Null), ("PATCH", &off)] {
            let (status, said) = who.ask(method, of, body).await;
            assert_eq!(
                (status, &said["code"]),
                (404, &json!("not_found")),
                "{method}"
            );
        }
    }
    assert_eq!(reader.ask("GET", ANN, &Value::Null).await.0, 200);
    assert_eq!(reader.ask("PATCH", ANN, &off).await.0, 403);
    for bad in [
        json!({}),
        json!({ "preference": null }),
        json!({ "preference": [] }),
        json!({ "preference": { "enabled": false } }),
        json!({ "preference": { "channel": "pigeon", "enabled": "no" }, "timezone": "Mars", "colour": 1 }),
        json!({ "preference": { "channel": "all", "quiet_hours_start": "22:00" } }),
        json!({ "preference": { "channel": "all", "quiet_hours_start": "00:00", "quiet_hours_end": "24:00" } }),
        json!({ "timezone": 5 }),
        json!({ "preference": { "category": "made-up", "enabled": false } }),
        json!({ "preference": { "channel": "email", "category": "made-up", "enabled": true } }),
    ] {
        let path = format!("/v1/users/{ANN}/choices");
        let answer = ask_as(&stage, &ann.token, "PATCH", &path, &bad.to_string()).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{bad}");
    }
    let (_, after) = ann.ask("GET", ANN, &Value::Null).await;
    assert_eq!(before, after);
    // Publishers may name a category that nobody has declared: whoever gets it can say that it is to end.
    let path = format!("/v1/users/{ANN}/preferences");
    let undeclared = json!([{ "category": "made-up", "enabled": false }]).to_string();
    for token in [&admin, &ann.token] {
        let answer = ask_as(&stage, token, "PUT", &path, &undeclared).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
