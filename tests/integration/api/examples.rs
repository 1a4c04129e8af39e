//! The examples of the served OpenAPI document are tried: every body is taken, and every answer is what its schema
//! says, with a status and a media type that the document names.

use serde_json::{Value, json};

use super::document::Operation;
use super::door::{OTHER, ask, ask_as, json_of, key};
use super::schema::mistakes;
use super::things::Things;
use super::user_tokens::issued;
use crate::stage::Stage;
use loadtest::harness::http::Answer;

/// Operations whose thing, as it is made for this test, does not take their example: runs that are about
/// nothing, a ticket that is merged into none, a dead
/// letter without a notification, an event that no run knows, calls that nobody has signed, links that nobody was sent, and a stream, which has no end.
const LEFT_ALONE: [&str; 13] = [
    "cancelWorkflowRuns",
    "mergeTicket",
    "replayDeadLetter",
    "tellSendgridEvents",
    "tellTwilioEvents",
    "handMailOver",
    "handInboundMailOver",
    "createTicketAttachment",
    "readFile",
    "getPersonPage",
    "postPersonPage",
    "streamInbox",
    "tryWorkflow",
];
/// What is done before all else at its depth, in this order: a preview shows what is published, and a job is made
/// paused.
const ORDER: [&str; 5] = [
    "publishTemplate",
    "getJob",
    "resumeJob",
    "pauseJob",
    "cancelJob",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_body_is_taken_and_every_answer_is_as_described() {
    let stage = Stage::with_lanes("email.normal").await;
    stage.apply(&format!(
        "[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n"
    ));
    let (admin, operator) = (
        key(&stage, "admin", Some(OTHER)),
        key(&stage, "admin", None),
    );
    let _engine = stage.start().await;
    let document = json_of(&ask(&stage, "GET", "/openapi.json", &[], "").await);
    let operations = Operation::all(&document);
    let mut things = Things::make(&stage, &admin, &operations).await;
    things.name("/docs/{file}", "start.js");
    for kind in ["sendgrid", "twilio", "smtp"] {
        things.name(&format!("/hooks/{kind}/{{provider}}"), "sendgrid-main");
    }
    things.name("/u/{token}", "nobodys");
    things.name("/files/{token}", "nobodys");
    things.name("/hooks/mail/sendgrid/{secret}", "nobodys");
    let person = things.path(operations.iter().find(|it| it.name == "getUser").unwrap());
    let person = person.unwrap().rsplit('/').next().unwrap().to_owned();
    let token = issued(&stage, &admin, &person, &json!({})).await;
    let mut wrong = vec![];
    let (mut bodies, mut answers) = (0, 0);
    let mut order: Vec<&Operation> = operations.iter().collect();
    // What removes a thing comes last, and of these what is below it first. What makes things was done above, but
    // for what is an operator's.
    let turn = |it: &Operation| {
        let deep = it.path.split('/').count();
        let at = ORDER.iter().position(|name| *name == it.name);
        match it.method.as_str() {
            "DELETE" => (2, 100 - deep, 0),
            _ => (1, deep, at.unwrap_or(ORDER.len())),
        }
    };
    order.sort_by_key(|it| turn(it));
    for it in order {
        // A tenant's key sees no other tenant.
        let is_operators = it.is_operators || it.path == "/v1/tenants/{id}";
        let is_persons = it.scope.is_none() && it.grant.is_some() && it.name != "streamInbox";
        let who = match (is_operators, is_persons) {
            (true, _) => &operator,
            (_, true) => &token,
            _ => &admin,
        };
        let path = match things.path(it) {
            Ok(path) => path,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        let body = it.body_text();
        let answer = ask_as(&stage, who, &it.method, &path, &body).await;
        match it.name.as_str() {
            "createProvider" => things.name("/v1/providers/{name}", "sendgrid-main"),
            "createTenant" => {
                let id = json_of(&answer)["id"].as_str().unwrap().to_owned();
                things.name("/v1/tenants/{id}", &id);
            }
            _ => {}
        }
        bodies += usize::from(it.body.is_some());
        answers += usize::from(!answer.body.is_empty());
        let is_good = (200..300).contains(&answer.status);
        // What was made for the test stands there already.
        let is_known = answer.status == 409 && it.method == "POST";
        if !is_good && !is_known && !LEFT_ALONE.contains(&&*it.name) {
            wrong.push(format!("{} {path}: {}\n{body}", it.method, answer.text()));
        }
        wrong.extend(not_as_described(&document, it, &answer));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        bodies > 25 && answers > 60,
        "{bodies} bodies, {answers} answers"
    );
}

/// What an answer has that the document does not say, or lacks of what it says.
fn not_as_described(document: &Value, it: &Operation, answer: &Answer) -> Vec<String> {
    let said = format!("{} {}: {}", it.method, it.path, answer.status);
    let described = &it.answers[answer.status.to_string()];
    let described = match described["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => described,
    };
    if described.is_null() {
        return vec![format!("{said} is no answer of it: {}", answer.text())];
    }
    let mut wrong = vec![];
    for name in described["headers"].as_object().unwrap().keys() {
        if !answer.headers.contains_key(name) {
            wrong.push(format!("{said} has no header {name}"));
        }
    }
    let kind = answer.headers.get("content-type");
    let kind = kind.map(|kind| kind.to_str().unwrap().split(';').next().unwrap());
    let Some(contents) = described["content"].as_object() else {
        if !answer.body.is_empty() {
            wrong.push(format!("{said} has a body"));
        }
        return wrong;
    };
    let mut contents = contents
        .iter()
        .map(|(name, it)| (name.split(';').next(), it));
    let content = contents.find(|(name, _)| *name == kind || *name == Some("*/*"));
    let is_json = ["application/json", "application/problem+json"]
        .map(Some)
        .contains(&kind);
    match content {
        None => wrong.push(format!("{said} is {kind:?}")),
        Some((_, content)) if is_json => {
            let value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let mistakes = mistakes(document, &content["schema"], &value);
            wrong.extend(mistakes.into_iter().map(|it| format!("{said} {it}")));
        }
        Some(_) => {}
    }
    wrong
}

/// Wherever an example stands, it is one.
#[test]
fn every_example_is_what_its_schema_says() {
    let document: Value = serde_json::from_str(herald::api::openapi_document()).unwrap();
    let (mut seen, mut wrong) = (0, vec![]);
    walk(&document, &document, "", &mut seen, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "{seen} examples");
}

fn walk(document: &Value, at: &Value, place: &str, seen: &mut usize, wrong: &mut Vec<String>) {
    if let Value::Array(items) = at {
        for (index, item) in items.iter().enumerate() {
            walk(document, item, &format!("{place}/{index}"), seen, wrong);
        }
    }
    let Value::Object(fields) = at else { return };
    let examples = fields.get("examples").and_then(Value::as_array);
    for example in fields
        .get("example")
        .into_iter()
        .chain(examples.into_iter().flatten())
    {
        if at.get("type").is_some() || at.get("$ref").is_some() {
            *seen += 1;
            let mistakes = mistakes(document, at, example);
            wrong.extend(mistakes.into_iter().map(|it| format!("{place}{it}")));
        }
    }
    for (name, field) in fields {
        if !["example", "examples"].contains(&name.as_str()) {
            walk(document, field, &format!("{place}/{name}"), seen, wrong);
        }
    }
}
