//! The rules that a well-typed mail must still keep, each with SendGrid's own sentence.

use std::collections::HashSet;

use super::Mistake;
use super::fields::{headers, not_empty, schedule};
use super::recipients::{address, personalizations};
use super::request::{Attachment, Content, Mail};

/// All mistakes of a mail, as SendGrid lists them; empty when it is good.
pub(super) fn mistakes(mail: &Mail<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    personalizations(mail, &mut found);
    sender(mail, &mut found);
    text(mail, &mut found);
    attachments(mail, &mut found);
    extras(mail, &mut found);
    found
}

fn sender(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    match &mail.from {
        None => found.push(Mistake::new(
            "from",
            "The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.",
        )),
        Some(from) => {
            address(from, "from", found);
            if from.email.as_ref().is_some_and(|email| !email.is_ascii()) {
                found.push(Mistake::new("from.email", "The from email does not contain a valid address."));
            }
        }
    }
    if mail.reply_to.is_some() && mail.reply_to_list.is_some() {
        let message = "Only one of reply_to and reply_to_list may be used.";
        found.push(Mistake::new("reply_to", message));
    }
    let list = mail.reply_to_list.iter().flatten();
    for entry in mail.reply_to.iter().chain(list) {
        address(entry, "reply_to", found);
    }
}

fn text(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    not_empty(mail.subject.as_ref(), "subject", found);
    let content = mail.content.as_deref().unwrap_or_default();
    if content.is_empty() && mail.template_id.is_none() {
        let message = "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block.";
        found.push(Mistake::new("content", message));
    }
    for (number, part) in content.iter().enumerate() {
        content_part(part, number, found);
    }
    let html = content
        .iter()
        .position(|part| part.kind.as_deref() == Some("text/html"));
    let plain = content
        .iter()
        .position(|part| part.kind.as_deref() == Some("text/plain"));
    if let (Some(html), Some(plain)) = (html, plain)
        && html < plain
    {
        let message = "If present, text/plain and text/html may only be provided in this order: text/plain, then text/html.";
        found.push(Mistake::new("content", message));
    }
}

fn content_part(part: &Content<'_>, number: usize, found: &mut Vec<Mistake>) {
    let kind = part.kind.as_deref().unwrap_or_default();
    if kind.is_empty() || kind.contains([';', ',', '\r', '\n']) {
        let message = "The content type must be a string at least one character in length.";
        found.push(Mistake::new(format!("content.{number}.type"), message));
    }
    if part.value.as_deref().unwrap_or_default().is_empty() {
        let message = "The content value must be a string at least one character in length.";
        found.push(Mistake::new(format!("content.{number}.value"), message));
    }
}

fn attachments(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    for (
        number,
        Attachment {
            content, filename, ..
        },
    ) in mail.attachments.iter().flatten().enumerate()
    {
        let at = format!("attachments.{number}");
        if content.as_deref().unwrap_or_default().is_empty() {
            let message = "The attachment content is required.";
            found.push(Mistake::new(format!("{at}.content"), message));
        }
        if filename.is_none() {
            let message = "The filename of each attachment is required.";
            found.push(Mistake::new(format!("{at}.filename"), message));
        }
    }
}

fn extras(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    headers(mail.headers.as_ref(), "headers", found);
    schedule(mail.send_at, "send_at", found);
    let categories = mail.categories.as_deref().unwrap_or_default();
    let different: HashSet<_> = categories.iter().collect();
    if categories.len() > 10
        || different.len() < categories.len()
        || categories.iter().any(|category| category.len() > 255)
    {
        let message = "There may be at most 10 different categories of at most 255 characters.";
        found.push(Mistake::new("categories", message));
    }
    if let Some(asm) = &mail.asm
        && (asm.group_id.is_none()
            || asm
                .groups_to_display
                .as_ref()
                .is_some_and(|groups| groups.len() > 25))
    {
        let message = "An asm object needs a group_id and displays at most 25 groups.";
        found.push(Mistake::new("asm", message));
    }
    if mail
        .ip_pool_name
        .as_ref()
        .is_some_and(|name| !(2..=64).contains(&name.len()))
    {
        let message = "The ip_pool_name must have 2 to 64 characters.";
        found.push(Mistake::new("ip_pool_name", message));
    }
}
