//! Explaining by HTTP: each rule with the row or setting that says so; what is said is what the engine does; and
//! nothing comes of asking.

use std::collections::BTreeMap;

use loadtest::simulator::{Behaviour, Fault, Provider};
use serde_json::{Value, json};
use uuid::Uuid;

use super::door::{OTHER, SHOP, ask, ask_as, is, json_of, key, stage, told};
use super::providers::Operator;
use crate::database::lines;
use crate::stage::{ANA, Stage, account, account_named, ana, envelope, envelope_with};

const EXPLAIN: &str = "/v1/notifications/explain";
const ACCEPT: &str = "/v1/notifications";

async fn explained(stage: &Stage, key: &str, envelope: &Value) -> Value {
    let answer = ask_as(stage, key, "POST", EXPLAIN, &envelope.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    json_of(&answer)
}

/// What a rule says.
fn rule<'a>(said: &'a Value, name: &str) -> &'a Value {
    let rules = said["rules"].as_array().unwrap();
    let found = rules.iter().find(|rule| rule["rule"] == name);
    found.unwrap_or_else(|| panic!("{name}: {said:#}"))
}

/// Whether a value has all that another one says.
fn has(value: &Value, wanted: &Value) -> bool {
    match wanted.as_object() {
        Some(wanted) => wanted
            .iter()
            .all(|(name, wanted)| has(&value[name], wanted)),
        None => value == wanted,
    }
}

/// How many rows each table has, but for what an engine writes by itself.
async fn rows(stage: &Stage) -> BTreeMap<String, String> {
    let mut owner = stage.database.owner().await;
    let tables = "SELECT c.relname::text AS text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'notification_schema'
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND c.relname NOT IN ('engine_nodes', 'provider_health', 'api_key_rates',
                                   'notification_metrics', 'rollup_batches', 'delivery_minutes') ORDER BY 1";
    let mut rows = BTreeMap::new();
    for table in lines(&mut owner, tables).await {
        let count = format!("SELECT count(*)::text AS text FROM notification_schema.{table}");
        rows.insert(table, lines(&mut owner, &count).await.concat());
    }
    rows
}

/// One case: a person of its own, what else is declared, the message, and what is said of it.
struct Case {
    name: &'static str,
    user: &'static str,
    declared: &'static str,
    fields: Value,
    /// Status and reason, as explained and as stored in the end.
    ends: (&'static str, Option<&'static str>),
    /// The rule that decides, or that is to say something.
    rule: &'static str,
    said_by: Value,
}

fn case(
    name: &'static str,
    ends: (&'static str, Option<&'static str>),
    rule: &'static str,
) -> Case {
    Case {
        name,
        user: "email = \"{name}@example.com\"",
        declared: "",
        fields: json!({}),
        ends,
        rule,
        said_by: Value::Null,
    }
}

impl Case {
    fn id(&self) -> Uuid {
        let mut id = [7; 16];
        for (byte, letter) in id.iter_mut().zip(self.name.bytes()) {
            *byte = letter;
        }
        Uuid::from_bytes(id)
    }

    fn toml(&self) -> String {
        let id = self.id();
        let user = format!("[[users]]\nid = \"{id}\"\n{}\n", self.user);
        let all = format!("{user}{}\n", self.declared);
        all.replace("{name}", self.name)
            .replace("{id}", &id.to_string())
    }

    fn envelope(&self) -> Value {
        let mut fields = self.fields.clone();
        fields["user_id"] = json!(self.id());
        let mut envelope = envelope_with("email", fields);
        if envelope.get("template").is_some() {
            envelope.as_object_mut().unwrap().remove("content");
        }
        envelope
    }
}

const QUIET: &str = "[[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nquiet_hours_start = \"00:00\"
quiet_hours_end = \"23:59\"\ntimezone = \"UTC\"
[[preferences]]\nuser_id = \"{id}\"\nchannel = \"all\"\nquiet_hours_start = \"23:00\"\nquiet_hours_end = \"01:00\"\ntimezone = \"UTC\"";

fn cases() -> Vec<Case> {
    let preference = |field: &str| {
        json!({
            "kind": "preference", "of": "person", "channel": "email", "category": null, "field": field,
        })
    };
    vec![
        Case {
            said_by: json!({ "kind": "provider", "name": "sendgrid", "field": "priority" }),
            ..case("sent", ("sent", None), "routing")
        },
        Case {
            fields: json!({ "send_at": "2027-06-01T12:00:00Z" }),
            said_by: json!({ "kind": "message", "field": "send_at" }),
            ..case("later", ("pending", Some("scheduled")), "schedule")
        },
        Case {
            declared: QUIET,
            said_by: json!({ "kind": "preference", "of": "person", "field": "quiet_hours_start" }),
            ..case("quiet", ("pending", Some("quiet_hours")), "quiet_hours")
        },
        Case {
            declared: QUIET,
            fields: json!({ "priority": "urgent" }),
            said_by: json!({ "kind": "setting", "key": "policy.urgent_passes_quiet_hours", "value": true }),
            ..case("urgent", ("sent", None), "quiet_hours")
        },
        Case {
            declared: "[[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nenabled = false",
            said_by: preference("enabled"),
            ..case("off", ("cancelled", Some("channel_disabled")), "preference")
        },
        Case {
            declared: "[[preferences]]\nuser_id = \"{id}\"\ncategory = \"news\"\nenabled = false",
            fields: json!({ "category": "news" }),
            said_by: json!({
                "kind": "preference", "of": "person", "channel": null, "category": "news", "field": "enabled",
            }),
            ..case(
                "no-news",
                ("cancelled", Some("category_disabled")),
                "preference",
            )
        },
        Case {
            declared: "[[preferences]]\nuser_id = \"{id}\"\ncategory = \"bills\"\nenabled = false",
            fields: json!({ "category": "bills" }),
            said_by: json!({ "kind": "category", "name": "bills", "field": "may_disable" }),
            ..case("bills", ("sent", None), "preference")
        },
        Case {
            declared: "[[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nfrequency_cap = 0",
            said_by: preference("frequency_cap"),
            ..case(
                "capped",
                ("cancelled", Some("frequency_cap")),
                "frequency_cap",
            )
        },
        Case {
            declared: "[[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nfrequency_cap = 0",
            fields: json!({ "priority": "urgent" }),
            said_by: json!({ "kind": "setting", "key": "policy.urgent_passes_caps", "value": true }),
            ..case("uncapped", ("sent", None), "frequency_cap")
        },
        Case {
            declared: "[[suppressions]]\nchannel = \"email\"\naddress = \"{name}@example.com\"\nreason = \"complaint\"",
            said_by: json!({ "kind": "suppression", "reason": "complaint", "category": null }),
            ..case("listed", ("cancelled", Some("suppressed")), "suppression")
        },
        Case {
            fields: json!({ "expires_at": "2026-01-01T00:00:00Z" }),
            said_by: json!({ "kind": "message", "field": "expires_at" }),
            ..case("late", ("cancelled", Some("expired")), "expiry")
        },
        Case {
            user: "username = \"{name}\"",
            said_by: json!({ "kind": "user", "field": "email" }),
            ..case("nowhere", ("failed", Some("no_address")), "address")
        },
        Case {
            fields: json!({ "template": { "name": "hello", "variables": { "name": "Ana" } } }),
            said_by: json!({ "kind": "template", "name": "hello", "version": 1, "locale": "en" }),
            ..case("unfilled", ("failed", Some("template_error")), "template")
        },
        Case {
            fields: json!({ "provider": "idle" }),
            said_by: json!({ "kind": "provider", "name": "idle", "field": "is_active" }),
            ..case("idle", ("pending", Some("waiting_for_provider")), "routing")
        },
        Case {
            fields: json!({ "provider": "moving" }),
            said_by: json!({ "kind": "pause", "provider": "moving", "reason": "they move house" }),
            ..case(
                "moving",
                ("pending", Some("waiting_for_provider")),
                "routing",
            )
        },
        Case {
            fields: json!({ "provider": "refused" }),
            said_by: json!({ "kind": "circuit", "provider": "refused" }),
            ..case(
                "refused",
                ("pending", Some("waiting_for_provider")),
                "routing",
            )
        },
    ]
}

const TEMPLATE: &str =
    "[[templates]]\nname = \"hello\"\nmessage_type = \"email\"\nsubject = \"Hello {{ name }}\"
body = \"{{ text }} {{ more }}\"\nvariables = [\"name\", \"text\", \"more\"]
[[categories]]\nname = \"bills\"\nmay_disable = false\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_is_explained_by_the_row_that_says_so_and_the_engine_does_what_was_said() {
    let stage = stage().await;
    let good = stage.simulator(Provider::SendGrid);
    let refusing = stage.behaving(Provider::SendGrid, Behaviour::failing(Fault::status(401)));
    let idle = account_named(&good, "idle", -3).replace("timeout", "is_active = false\ntimeout");
    let cases = cases();
    let mut declared = format!("{}\n{TEMPLATE}{}", ana(), account(&good));
    declared.push_str(&account_named(&good, "moving", -2));
    declared.push_str(&account_named(&refusing, "refused", -9));
    declared.push_str(&idle);
    for case in &cases {
        declared.push_str(&case.toml());
    }
    stage.apply(&declared);
    let (operator, key) = (Operator::of(&stage), key(&stage, "admin", None));
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let pause = json!({ "reason": "they move house", "for": "1h" });
    let paused = operator
        .ask("POST", "/v1/providers/moving/pause", &pause)
        .await;
    assert_eq!(paused.status, 200);
    let broken = envelope_with("email", json!({ "provider": "refused" })).to_string();
    assert_eq!(
        ask_as(&stage, &key, "POST", ACCEPT, &broken).await.status,
        202
    );
    operator
        .until("/v1/providers/refused/health", |it| {
            it["nodes"][0]["circuit"] == "open"
        })
        .await;
    outcomes
        .until(|rows| {
            rows.iter()
                .all(|row| row.is("pending", Some("waiting_for_provider")))
        })
        .await;

    let (before, asked) = (rows(&stage).await, good.stats().requests);
    for case in &cases {
        let said = explained(&stage, &key, &case.envelope()).await;
        let name = case.name;
        assert_eq!(said["status"], case.ends.0, "{name}: {said:#}");
        assert_eq!(said["reason"], json!(case.ends.1), "{name}: {said:#}");
        assert_eq!(said["accept"]["status"], 202);
        let rule = rule(&said, case.rule);
        assert!(has(&rule["said_by"], &case.said_by), "{name}: {rule:#}");
        let names: Vec<&str> = said["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["rule"].as_str().unwrap())
            .collect();
        let order = [
            "expiry",
            "preference",
            "schedule",
            "address",
            "suppression",
            "quiet_hours",
            "routing",
            "frequency_cap",
            "template",
        ];
        assert_eq!(names, order);
        let decides = |it: &&Value| it["verdict"] == "decides";
        let deciding: Vec<&Value> = said["rules"]
            .as_array()
            .unwrap()
            .iter()
            .filter(decides)
            .collect();
        match case.ends {
            ("sent", _) => assert!(deciding.is_empty(), "{name}: {deciding:?}"),
            (status, reason) => {
                assert_eq!(deciding, [rule], "{name}");
                assert_eq!(
                    rule["outcome"],
                    json!({ "status": status, "reason": reason })
                );
                assert!(rule["would_change"].is_string(), "{name}: {rule:#}");
                assert_eq!(
                    rule["until"].is_string(),
                    status == "pending",
                    "{name}: {rule:#}"
                );
                assert_eq!(said["until"], rule["until"]);
            }
        }
    }
    let asked_after = (rows(&stage).await, good.stats().requests);
    assert_eq!((before, asked), asked_after, "nothing comes of asking");

    // What the route, the list and the template are is said, too.
    let find = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    let said = explained(&stage, &key, &find("sent").envelope()).await;
    assert_eq!(said["through"], json!(["sendgrid"]));
    let route: Vec<(&Value, &Value, &Value)> = said["route"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["name"], &it["place"], &it["out"]["kind"]))
        .collect();
    let out = |name, kind| (json!(name), Value::Null, json!(kind));
    let wanted = [
        (json!("sendgrid"), json!(1), Value::Null),
        out("idle", "provider"),
        out("moving", "pause"),
        out("refused", "circuit"),
    ];
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(name, place, out)| (name, place, out))
        .collect();
    assert_eq!(route, wanted, "{said:#}");
    assert_eq!(said["content"]["subject"], "Hello");
    let said = explained(&stage, &key, &find("unfilled").envelope()).await;
    assert_eq!(said["template"]["missing"], json!(["more", "text"]));
    assert!(
        said["content"].is_null() && said["render_error"].is_string(),
        "{said:#}"
    );
    let said = explained(&stage, &key, &find("listed").envelope()).await;
    let listed = ask_as(&stage, &key, "GET", "/v1/suppressions", "").await;
    let listed = json_of(&listed)["data"][0]["id"].clone();
    assert_eq!(rule(&said, "suppression")["said_by"]["id"], listed);

    // The engine does what was said.
    let mut ids = vec![];
    for case in &cases {
        let answer = ask_as(&stage, &key, "POST", ACCEPT, &case.envelope().to_string()).await;
        assert_eq!(answer.status, 202, "{}: {}", case.name, answer.text());
        ids.push(
            json_of(&answer)["id"]
                .as_str()
                .unwrap()
                .parse::<Uuid>()
                .unwrap(),
        );
    }
    let wanted: Vec<(Uuid, &Case)> = ids.into_iter().zip(&cases).collect();
    outcomes
        .until(|rows| {
            wanted.iter().all(|(id, case)| {
                let row = rows.iter().find(|row| row.id == *id);
                row.is_some_and(|row| row.is(case.ends.0, case.ends.1))
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_be_accepted_is_answered_as_accepting_answers_it() {
    let stage = stage().await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}\n{}{TEMPLATE}", ana(), account(&sendgrid)));
    let (viewer, operator) = (key(&stage, "viewer", None), key(&stage, "admin", None));
    let shop = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let first = envelope_with("email", json!({ "idempotency_key": "order-17" }));
    let answer = ask_as(&stage, &operator, "POST", ACCEPT, &first.to_string()).await;
    let id = json_of(&answer)["id"].clone();
    outcomes.only("sent", None).await;
    let before = rows(&stage).await;
    let stranger = Uuid::now_v7();
    let unaddressed = json!({ "user_id": stranger, "recipient": { "email": "nobody" } });
    for wrong in [
        json!({}),
        envelope_with(
            "email",
            json!({ "chanel": "email", "priority": "soon", "to": 7 }),
        ),
        envelope_with("email", json!({ "user_id": stranger })),
        envelope_with("email", json!({ "provider": "of-nobody" })),
        envelope_with("email", json!({ "to": "nowhere" })),
        envelope_with("email", unaddressed),
        envelope_with(
            "email",
            json!({ "idempotency_key": "order-17", "to": "b@example.com" }),
        ),
        envelope_with("email", json!({ "tenant_id": stranger })),
        envelope_with(
            "email",
            json!({ "user_id": stranger, "recipient": { "email": "ana@example.com" } }),
        ),
        {
            let mut unknown = envelope("email");
            unknown.as_object_mut().unwrap().remove("content");
            unknown["template"] = json!({ "name": "of-nobody" });
            unknown
        },
    ] {
        let wrong = wrong.to_string();
        let asked = ask_as(&stage, &operator, "POST", EXPLAIN, &wrong).await;
        let refused = ask_as(&stage, &operator, "POST", ACCEPT, &wrong).await;
        assert!(
            (400..500).contains(&refused.status),
            "{wrong}: {}",
            refused.text()
        );
        assert_eq!(told(&asked), told(&refused), "{wrong}");
        assert_eq!(json_of(&asked), json_of(&refused), "{wrong}");
    }
    for (body, code) in [("{", "malformed_json"), ("\u{0}", "malformed_json")] {
        let asked = ask_as(&stage, &viewer, "POST", EXPLAIN, body).await;
        assert_eq!(told(&asked), is(400, code));
    }
    let own = json!({ "user_id": ANA, "tenant_id": OTHER });
    for (key, fields) in [(&shop, own), (&shop, json!({ "user_id": ANA }))] {
        let body = envelope_with("email", fields.clone()).to_string();
        let asked = ask_as(&stage, key, "POST", EXPLAIN, &body).await;
        let wanted = match fields.get("tenant_id") {
            Some(_) => is(404, "not_found"),
            None => is(422, "unknown_user"),
        };
        assert_eq!(told(&asked), wanted, "{fields}");
    }

    // A key that is known says so; the field, and the header.
    let said = explained(&stage, &viewer, &first).await;
    assert_eq!((&said["outcome"], &said["of"]), (&json!("duplicate"), &id));
    assert_eq!(
        said["accept"],
        json!({ "status": 202, "code": null, "replayed": true })
    );
    let headers = [
        &*format!("Authorization: Bearer {viewer}"),
        "Content-Type: application/json",
        "Idempotency-Key: order-17",
    ];
    let mut unkeyed = first.clone();
    unkeyed.as_object_mut().unwrap().remove("idempotency_key");
    let said = ask(&stage, "POST", EXPLAIN, &headers, &unkeyed.to_string()).await;
    assert_eq!(json_of(&said)["of"], id);
    // Somebody new is described, and not made.
    let described = json!({ "user_id": stranger, "recipient": { "email": "new@example.com" } });
    let described = envelope_with("email", described);
    assert_eq!(
        explained(&stage, &viewer, &described).await["outcome"],
        "deliver"
    );
    assert_eq!(before, rows(&stage).await, "nothing comes of asking");

    // The command says the same.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), described.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let by_command = super::said(&stage, &["explain", path, "--json"]);
    assert_eq!(by_command, explained(&stage, &operator, &described).await);
}

/// Accounts are operators': others are told which are out, and not what operators said of them.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_told_which_account_is_out_and_not_who_said_so() {
    let stage = stage().await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let person =
        format!("[[users]]\nid = \"{ANA}\"\ntenant_id = \"{SHOP}\"\nemail = \"a@example.com\"\n");
    let limited =
        account_named(&sendgrid, "limited", 1).replace("timeout", "rate_limit = 1\ntimeout");
    stage.apply(&format!("{person}{}{limited}", account(&sendgrid)));
    let (operator, all) = (Operator::of(&stage), key(&stage, "admin", None));
    let shop = key(&stage, "notifications:read,notifications:write", Some(SHOP));
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let message = envelope_with("email", json!({ "tenant_id": SHOP }));
    let sent = ask_as(&stage, &shop, "POST", ACCEPT, &message.to_string()).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    outcomes.only("sent", None).await;
    let pause = json!({ "reason": "their words", "for": "1h" });
    operator
        .ask("POST", "/v1/providers/sendgrid/pause", &pause)
        .await;
    let message = envelope_with("email", json!({ "tenant_id": SHOP }));
    for (key, knows) in [(&shop, false), (&all, true)] {
        let said = explained(&stage, key, &message).await;
        let route = &said["route"];
        assert_eq!(route[0]["name"], "limited");
        // A minute has one request, and it is used up.
        assert!(route[0]["limited_until"].is_string(), "{route:#}");
        assert_eq!(route[1]["out"]["kind"], "pause");
        assert!(route[1]["out"]["until"].is_string());
        let text = said.to_string();
        assert_eq!(text.contains("their words"), knows, "{text}");
        let by = operator.get("/v1/providers/sendgrid").await["paused"]["by"].clone();
        assert_eq!(text.contains(by.as_str().unwrap()), knows, "{text}");
    }
}
