//! The file for `herald apply`: the people, templates and accounts of a round.

use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{Timelike, Utc};
use toml::{Table, Value};

use crate::events::EventTeller;
use crate::population::Person;
use crate::seed::{Target, seed_file, with_event_key};
use crate::simulator::Behaviour;

/// The name of the template that never ends by itself.
pub(super) const LOOPING: &str = "looping";

/// How many people there are; the load writes to all but the last one.
pub(super) const PEOPLE: u32 = 24;
/// What is special about an environment.
#[derive(Debug)]
pub(super) struct Special<'a> {
    /// What the providers do from the start on.
    pub(super) behaviour: Behaviour,
    /// Where the database is kept, if not with the others.
    pub(super) tablespace: Option<&'a str>,
    /// How many seconds the engine waits for a provider. An answer that comes later is a lost one:
    /// on a busy machine this must be long.
    pub(super) provider_timeout: u32,
    /// A rate limit and daily caps, if they are to be looked at.
    pub(super) strict: Option<Strict>,
    /// Who tells what became of SendGrid's messages, and with which key that is checked.
    pub(super) teller: Option<(Arc<EventTeller>, String)>,
}

impl Default for Special<'_> {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::default(),
            tablespace: None,
            provider_timeout: 30,
            strict: None,
            teller: None,
        }
    }
}

/// Limits that a load runs into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strict {
    /// Text messages a minute.
    pub(super) rate_limit: u32,
    /// How many further people have a daily cap on mail.
    pub(super) people: u32,
    /// The cap.
    pub(super) cap: u32,
}

impl Strict {
    /// The people with a cap.
    pub(super) fn capped(self) -> impl Iterator<Item = Person> {
        (PEOPLE + 1..=PEOPLE + self.people).map(|number| Person { number })
    }
}

pub(super) fn file(targets: &[Target], special: &Special<'_>) -> Result<String> {
    let people = PEOPLE + special.strict.map_or(0, |strict| strict.people);
    let mut text = seed_file(people, targets, false)?;
    if let Some((_, key)) = &special.teller {
        text = with_event_key(&text, key)?;
    }
    let mut file: Table = text.parse()?;
    for account in list(&mut file, "providers")? {
        let account = account.as_table_mut().context("an account")?;
        let seconds = i64::from(special.provider_timeout);
        account.insert("timeout_seconds".into(), seconds.into());
        if let Some(strict) = special.strict
            && account.get("channel").and_then(Value::as_str) == Some("sms")
        {
            let limit = i64::from(strict.rate_limit);
            account.insert("rate_limit".into(), limit.into());
        }
    }
    let looping: Table = format!(
        "name = \"{LOOPING}\"\nmessage_type = \"email\"\nlocale = \"en\"\nsubject = \"for ever\"\n\
         body = \"{{% for a in range(100000) %}}{{% for b in range(100000) %}}x{{% endfor %}}{{% endfor %}}\"\n\
         variables = []\n"
    )
    .parse()?;
    list(&mut file, "templates")?.push(looping.into());
    if let Some(strict) = special.strict {
        let caps = strict.capped().map(|person| cap(person, strict.cap).into());
        file.insert("preferences".into(), Value::Array(caps.collect()));
    }
    Ok(file.to_string())
}

fn list<'a>(file: &'a mut Table, name: &str) -> Result<&'a mut Vec<Value>> {
    let found = file.get_mut(name).and_then(Value::as_array_mut);
    found.with_context(|| format!("a seed file without {name}"))
}

fn cap(person: Person, cap: u32) -> Table {
    let mut wish = Table::new();
    wish.insert("user_id".into(), person.id().to_string().into());
    wish.insert("channel".into(), "email".into());
    wish.insert("enabled".into(), true.into());
    wish.insert("frequency_cap".into(), i64::from(cap).into());
    wish.insert("timezone".into(), noon(Utc::now().hour()).into());
    wish
}

/// A zone in which it is about noon, so that no day ends during a round.
fn noon(utc_hour: u32) -> String {
    // These names count westwards.
    match i64::from(utc_hour) - 12 {
        0 => "UTC".to_owned(),
        west => format!("Etc/GMT{west:+}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_noon_somewhere_at_every_hour() {
        let zones = [0, 11, 12, 13, 23].map(noon);
        assert_eq!(
            zones,
            ["Etc/GMT-12", "Etc/GMT-1", "UTC", "Etc/GMT+1", "Etc/GMT+11"]
        );
    }
}
