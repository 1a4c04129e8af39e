//! Messages that cannot be accepted, or that hurt: set aside with their reason, and the lane goes on.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Spec;
use crate::chaos::environment::ASIDE;
use crate::chaos::finding::Finding;
use crate::chaos::load;
use crate::chaos::round::{Round, unhurried};
use crate::chaos::seed::LOOPING;
use crate::chaos::seed::PEOPLE;
use crate::population::Person;
use crate::publisher::{Properties, Publisher};
use crate::simulator::{Fault, Provider, Rule, When};

const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Fields whose text is a name of something, and not anybody's words.
const NAMES: [&str; 4] = ["user_id", "channel", "priority", "name"];

pub(super) async fn published(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    let erased = Person { number: PEOPLE };
    // Three answers full of NUL characters, and one that is slow enough to erase somebody meanwhile:
    // two seconds at least.
    let nul = Fault::Status {
        status: 500,
        retry_after_seconds: None,
        body: Some("\0not\0 \u{1}today\0".repeat(20)),
    };
    let slow = Rule::always(Fault::Dribble { every_ms: 20 }).recipient(erased.email());
    let behaviour = unhurried()
        .rule(slow)
        .rule(Rule::always(nul).when(When::First(3)));
    round
        .environment
        .behave(&behaviour, |provider| provider == Provider::SendGrid);
    let publisher = Publisher::connect(round.environment.vhost.url()).await?;
    let mut poison = poison()?;
    poison.shuffle(&mut round.dice);
    let length = f64::from(u32::try_from(poison.len())?);
    for (number, (body, _)) in (0..).zip(&poison) {
        let from = 0.1 + 0.6 * f64::from(number) / length;
        round.moment(from, from + 0.6 / length).await;
        publish(&publisher, body, "email.normal").await?;
    }
    full_of_nul(&mut round, &publisher).await?;
    erased_in_flight(&mut round, &publisher, erased).await?;
    for_ever(&mut round, &publisher).await?;
    set_aside(&mut round, poison).await?;
    round.recovers(Instant::now()).await;
    round.finish().await
}

/// Every message that cannot be accepted, with the reason that it must get.
fn poison() -> Result<Vec<(Vec<u8>, &'static str)>> {
    let envelope = json!({
        "version": 1,
        "user_id": Person { number: 1 }.id(),
        "channel": "email",
        "priority": "normal",
        "content": { "subject": "Hello", "body": "It is on its way." },
    });
    let with = |field: &str, value: Value| {
        let mut envelope = envelope.clone();
        if let Some(fields) = envelope.as_object_mut() {
            fields.insert("idempotency_key".into(), format!("poison-{field}").into());
            fields.insert(field.into(), value);
        }
        envelope.to_string().into_bytes()
    };
    let unknown = json!("0190c1a0-0000-7000-8000-0000ffffffff");
    let deep = format!("{{\"metadata\":{}", "{\"a\":".repeat(10_000));
    Ok(vec![
        (b"this is not JSON".to_vec(), "malformed_json"),
        (vec![0xff, 0xfe, 0x00, 0x01], "malformed_json"),
        (
            b"{\"version\":1,\"content\":{\"body\":\"\xc3\x28\"}}".to_vec(),
            "malformed_json",
        ),
        (Vec::new(), "malformed_json"),
        (deep.into_bytes(), "malformed_json"),
        (with("user_id", json!(7)), "invalid_envelope"),
        (with("content", json!([1, "two"])), "invalid_envelope"),
        (with("version", json!("one")), "invalid_envelope"),
        (with("surprise", json!(true)), "invalid_envelope"),
        (with("channel", json!("sms")), "lane_mismatch"),
        (vec![b'x'; 10 * 1_024 * 1_024], "too_large"),
        (with("user_id", unknown), "unknown_user"),
    ])
}

/// NUL characters in every text: they are dropped, and the message arrives.
async fn full_of_nul(round: &mut Round<'_>, publisher: &Publisher) -> Result<()> {
    let draft = round.draft_aside();
    let metadata = json!({ "a\0": ["\0", { "b": "\0" }] });
    let mut envelope = load::with(&draft, "metadata", metadata)?;
    spoil(&mut envelope);
    publish(publisher, envelope.to_string().as_bytes(), ASIDE).await
}

fn spoil(value: &mut Value) {
    match value {
        Value::String(text) => text.push('\0'),
        Value::Array(all) => all.iter_mut().for_each(spoil),
        Value::Object(fields) => {
            let texts = fields.iter_mut();
            texts
                .filter(|(name, _)| !NAMES.contains(&name.as_str()))
                .for_each(|(_, value)| spoil(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Somebody is erased after the provider has taken the message and before it has said so.
async fn erased_in_flight(
    round: &mut Round<'_>,
    publisher: &Publisher,
    person: Person,
) -> Result<()> {
    let draft = round.draft_aside();
    let sequence = draft.sequence;
    let envelope = load::with(&draft, "user_id", json!(person.id()))?;
    publish(publisher, envelope.to_string().as_bytes(), ASIDE).await?;
    let ledger = round.environment.ledger.clone();
    let asked = ledger.wait_until(PATIENCE, |ledger| {
        !ledger.entries_of_sequence(sequence).is_empty()
    });
    let asked = asked.await;
    round
        .finding
        .must(asked, || "nothing came for the person to be erased".into());
    let id = person.id();
    let erase = format!("DELETE FROM notification_schema.users WHERE id = '{id}' RETURNING id");
    let known = format!(
        "SELECT id FROM notification_schema.notifications WHERE source_id = 'A-{sequence}'"
    );
    // One transaction: the row of what was told before would be erased with the person.
    let rows = round
        .environment
        .database
        .ask(&format!("{known}; {erase}"))
        .await?;
    let gone = rows.len();
    round.finding.must(gone == 1, || {
        format!("{gone} people were erased, or the outcome was stored before the provider told it")
    });
    let stored = format!(
        "SELECT count(*) FROM notification_schema.notifications
         WHERE source_id = 'A-{sequence}' AND status = 'sent'"
    );
    counts(round, &stored, 1, "of the person erased meanwhile").await
}

/// A template that loops is stopped, and its message is a dead letter.
async fn for_ever(round: &mut Round<'_>, publisher: &Publisher) -> Result<()> {
    let message = json!({
        "version": 1,
        "user_id": Person { number: 1 }.id(),
        "channel": "email",
        "priority": "urgent",
        "idempotency_key": "looping",
        "template": { "name": LOOPING, "variables": {} },
        "source": { "type": "loop", "id": "looping" },
    });
    publish(publisher, message.to_string().as_bytes(), ASIDE).await?;
    let failed = "SELECT count(*) FROM notification_schema.notifications n
        JOIN notification_schema.notification_dlq d ON d.notification_id = n.id
        WHERE n.source_id = 'looping' AND n.status = 'failed' AND n.reason = 'template_error'";
    counts(round, failed, 1, "of a template that loops").await
}

async fn counts(round: &mut Round<'_>, query: &str, wanted: u64, what: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut found = round.environment.database.count(query).await?;
    while found != wanted && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
        found = round.environment.database.count(query).await?;
    }
    round.finding.must(found == wanted, || {
        format!("{found} rows instead of {wanted}: {what}")
    });
    Ok(())
}

/// All of them are set aside, each with its reason and its body untouched.
async fn set_aside(round: &mut Round<'_>, poison: Vec<(Vec<u8>, &'static str)>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < poison.len() && Instant::now() < deadline {
        while let Some(rejected) = round.environment.vhost.take_rejected().await? {
            let reason = rejected.reason();
            let reason = reason.unwrap_or_else(|| "set aside by the broker".to_owned());
            found.push((reason, rejected.body));
        }
        sleep(LOOK_EVERY).await;
    }
    let count = found.len();
    for (body, reason) in &poison {
        let place = found
            .iter()
            .position(|(known, set_aside)| known == reason && set_aside == body);
        match place {
            Some(place) => drop(found.swap_remove(place)),
            None => {
                let shown = String::from_utf8_lossy(body.get(..40).unwrap_or(body)).into_owned();
                let message = format!("not set aside as {reason}: {shown:?}");
                round.finding.except(message);
            }
        }
    }
    round.finding.must(count == poison.len(), || {
        format!("{count} were set aside, of {}", poison.len())
    });
    Ok(())
}

async fn publish(publisher: &Publisher, body: &[u8], key: &str) -> Result<()> {
    publisher
        .publish_one(body, key, Properties::default())
        .await
        .with_context(|| format!("publishing {} bytes to {key}", body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spared_and_every_other_text_is_spoilt() {
        let mut envelope = json!({ "channel": "email", "content": { "body": "x" }, "list": ["y"] });
        spoil(&mut envelope);
        let wanted = json!({ "channel": "email", "content": { "body": "x\0" }, "list": ["y\0"] });
        assert_eq!(envelope, wanted);
    }
}
