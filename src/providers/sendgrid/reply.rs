//! How SendGrid's answer reads.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::{Class, Reason, Reply, Subject};
use crate::providers::http::{HttpAnswer, ReplyContext};
use crate::providers::verdict::ResponseClass;
use crate::providers::{Delivery, Replies, scrub};

/// SendGrid: errors page.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<SendgridFault>,
}

#[derive(Clone, Deserialize)]
struct SendgridFault {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

/// The reply that an answer makes. Success is 202 with an empty body, 200 in sandbox mode; the id
/// is in a header, so that a garbled body costs nothing; a page without either is not SendGrid's.
pub(crate) fn read(answer: &HttpAnswer, seen: ReplyContext<'_>) -> Reply {
    if answer.is_success() {
        let id = answer.header("x-message-id");
        return match id.is_some() || answer.status == 202 || answer.body.is_empty() {
            true => answer.accepted(id),
            false => answer.strange(),
        };
    }
    let faults = answer
        .json::<Errors>()
        .map(|body| body.errors)
        .unwrap_or_default();
    reply(answer, verdict(answer.status, &faults), &faults, seen)
}

/// What the answer to one request for these says of each. One id stands for all that it accepts.
///
/// A refusal for good is one of the whole request: nobody was sent. It is passed on only to whom it is
/// surely about: everybody, if it names what all share, or those whose address it names. The others
/// stay undecided.
pub(crate) fn read_many(answer: &HttpAnswer, sent: &[&Delivery<'_>]) -> Replies {
    let Some(first) = sent.first() else {
        return Replies::undecided(0);
    };
    let seen = ReplyContext::of(first);
    let faults = match answer.is_success() {
        true => vec![],
        false => answer.json::<Errors>().map_or(vec![], |body| body.errors),
    };
    let faults = without_addresses(faults, sent);
    let whole = match answer.is_success() {
        true => read(answer, seen),
        false => reply(answer, verdict(answer.status, &faults), &faults, seen),
    };
    // What is said in words that nobody knows may be because of one of them, too.
    let is_unlisted = whole.class == Class::Transient && whole.subject == Subject::Message;
    if whole.class != Class::Permanent && !is_unlisted {
        return Replies::all(whole, sent.len());
    }
    let shared = || faults.iter().find_map(|fault| of_shared(fault.field()?));
    if let Some(verdict) = shared().filter(|_| answer.status == 400) {
        return Replies::all(reply(answer, verdict, &faults, seen), sent.len());
    }
    let mut replies = Replies::undecided(sent.len());
    replies.request = Some(whole);
    for (at, slot) in replies.each.iter_mut().enumerate() {
        let own: Vec<SendgridFault> = faults
            .iter()
            .filter(|fault| answer.status == 400 && fault.recipient() == Some(at))
            .cloned()
            .collect();
        if !own.is_empty() {
            let verdict = ResponseClass::permanent(Reason::InvalidRecipient);
            *slot = Some(reply(answer, verdict, &own, seen));
        }
    }
    replies
}

fn reply(
    answer: &HttpAnswer,
    verdict: ResponseClass,
    faults: &[SendgridFault],
    seen: ReplyContext<'_>,
) -> Reply {
    answer.refused(verdict, None, words(faults).as_deref(), seen)
}

impl SendgridFault {
    fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Which personalization's address it is about.
    fn recipient(&self) -> Option<usize> {
        let (at, rest) = self
            .field()?
            .strip_prefix("personalizations.")?
            .split_once('.')?;
        let is_address = rest == "to" || rest.starts_with("to.");
        at.parse().ok().filter(|_| is_address)
    }
}

/// Nobody's address is to stand in another's timeline. Most faults say the same, which is looked at
/// once: there may be as many as addresses.
fn without_addresses(mut faults: Vec<SendgridFault>, sent: &[&Delivery<'_>]) -> Vec<SendgridFault> {
    let mut known: HashMap<String, String> = HashMap::new();
    for message in faults.iter_mut().filter_map(|fault| fault.message.as_mut()) {
        let clean = known.entry(message.clone()).or_insert_with(|| {
            let text = message.clone();
            let scrub = |text: String, one: &&Delivery<'_>| scrub::scrub(&text, one.address);
            sent.iter().fold(text, scrub)
        });
        message.clone_from(clean);
    }
    faults
}

fn verdict(status: u16, faults: &[SendgridFault]) -> ResponseClass {
    match status {
        400 => faults
            .iter()
            .find_map(|fault| of_field(fault.field.as_deref()?))
            .unwrap_or(ResponseClass::UNLISTED),
        // SendGrid: errors page, "Too many bad requests. Temporary block".
        403 if says(faults, "temporary block") => ResponseClass::THROTTLED,
        // SendGrid: support, "Maximum credits exceeded": the plan's mails are used up.
        401 | 403 if says(faults, "credits exceeded") => ResponseClass::EXHAUSTED,
        status => ResponseClass::of_status(status),
    }
}

/// Which part of the mail a validation error is about.
fn of_field(field: &str) -> Option<ResponseClass> {
    let recipient = ["personalizations", ".to"];
    if recipient.iter().all(|part| field.contains(part)) {
        return Some(ResponseClass::permanent(Reason::InvalidRecipient));
    }
    let other = || ResponseClass::permanent(Reason::ContentRefused);
    of_shared(field).or_else(|| field.starts_with("personalizations").then(other))
}

/// Which part of the mail that is the same for all its recipients a validation error is about.
fn of_shared(field: &str) -> Option<ResponseClass> {
    // Our sender is wrong, not the message.
    if field.starts_with("from") {
        return Some(ResponseClass::SETTINGS);
    }
    let is_content = field.starts_with("subject") || field.starts_with("content");
    is_content.then_some(ResponseClass::permanent(Reason::ContentRefused))
}

fn says(faults: &[SendgridFault], words: &str) -> bool {
    let mut messages = faults.iter().filter_map(|fault| fault.message.as_deref());
    messages.any(|message| message.to_ascii_lowercase().contains(words))
}

/// `field: message`, joined; `None` when there is nothing to say.
fn words(faults: &[SendgridFault]) -> Option<String> {
    let lines: Vec<String> = faults
        .iter()
        .filter_map(|fault| match (&fault.field, &fault.message) {
            (Some(field), Some(message)) => Some(format!("{field}: {message}")),
            (field, message) => field.clone().or_else(|| message.clone()),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

#[cfg(test)]
mod tests;
