//! Who a mail is for: the rules of the personalizations.

use std::collections::HashSet;

use super::Mistake;
use super::fields::{headers, not_empty, schedule};
use super::request::{Address, Mail, Personalization, Texts};

const MOST_RECIPIENTS: usize = 1_000;
const NO_ADDRESS: &str = "Does not contain a valid address.";
const LARGEST_ARGUMENTS: usize = 10_000;

pub(super) fn personalizations(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    if mail.personalizations.is_empty() {
        let message =
            "The personalizations field is required and must have at least one personalization.";
        found.push(Mistake::new("personalizations", message));
    }
    if recipients(mail).count() > MOST_RECIPIENTS || mail.personalizations.len() > MOST_RECIPIENTS {
        let message = "There are too many email addresses in the personalizations block. The maximum is 1000.";
        found.push(Mistake::new("personalizations", message));
    }
    for (number, personalization) in mail.personalizations.iter().enumerate() {
        one_personalization(mail, number, personalization, found);
    }
    unique_addresses(mail, found);
}

fn recipients<'m>(mail: &'m Mail<'_>) -> impl Iterator<Item = &'m Address<'m>> {
    mail.personalizations
        .iter()
        .flat_map(|one| [&one.to, &one.cc, &one.bcc].into_iter().flatten().flatten())
}

/// The mistakes of a mail if these addresses were bad.
pub(super) fn bad_addresses(mail: &Mail<'_>, bad: &[String]) -> Vec<Mistake> {
    let mut found = vec![];
    for (number, one) in mail.personalizations.iter().enumerate() {
        for (index, entry) in one.to.iter().flatten().enumerate() {
            let email = entry.email.as_deref().unwrap_or_default();
            if bad.iter().any(|bad| bad == email) {
                let field = format!("personalizations.{number}.to.{index}.email");
                found.push(Mistake::new(field, NO_ADDRESS));
            }
        }
    }
    found
}

fn one_personalization(
    mail: &Mail<'_>,
    number: usize,
    one: &Personalization<'_>,
    found: &mut Vec<Mistake>,
) {
    let at = format!("personalizations.{number}");
    match &one.to {
        Some(to) if !to.is_empty() => {}
        _ => found.push(Mistake::new(
            format!("{at}.to"),
            "The to array is required for all personalization objects, and must have at least one email object with a valid email address.",
        )),
    }
    for (field, list) in [("to", &one.to), ("cc", &one.cc), ("bcc", &one.bcc)] {
        for (index, entry) in list.iter().flatten().enumerate() {
            address(entry, &format!("{at}.{field}.{index}"), found);
        }
    }
    if let Some(from) = &one.from {
        address(from, &format!("{at}.from"), found);
    }
    let no_subject = one.subject.as_ref().or(mail.subject.as_ref()).is_none();
    if no_subject && mail.template_id.is_none() {
        found.push(Mistake::new("subject", "The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined."));
    }
    not_empty(one.subject.as_ref(), &format!("{at}.subject"), found);
    headers(one.headers.as_ref(), &format!("{at}.headers"), found);
    arguments(one, mail, &at, found);
    schedule(one.send_at, &format!("{at}.send_at"), found);
    let plain_object = |raw: &str| raw.trim_start().starts_with('{');
    if one
        .dynamic_template_data
        .is_some_and(|raw| !plain_object(raw.get()))
    {
        let field = format!("{at}.dynamic_template_data");
        found.push(Mistake::new(
            field,
            "dynamic_template_data must be an object.",
        ));
    }
}

fn arguments(one: &Personalization<'_>, mail: &Mail<'_>, at: &str, found: &mut Vec<Mistake>) {
    let size = |texts: Option<&Texts<'_>>| -> usize {
        texts
            .into_iter()
            .flatten()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    };
    if size(one.custom_args.as_ref()) + size(mail.custom_args.as_ref()) >= LARGEST_ARGUMENTS {
        let message = "The custom_args of a personalization may not exceed 10000 bytes.";
        found.push(Mistake::new(format!("{at}.custom_args"), message));
    }
    if size(one.substitutions.as_ref()) > LARGEST_ARGUMENTS {
        let message = "The substitutions of a personalization may not exceed 10000 bytes.";
        found.push(Mistake::new(format!("{at}.substitutions"), message));
    }
}

fn unique_addresses(mail: &Mail<'_>, found: &mut Vec<Mistake>) {
    let mut seen = HashSet::new();
    // One address is the usual case and cannot repeat.
    if recipients(mail).nth(1).is_none() {
        return;
    }
    for entry in recipients(mail) {
        let email = entry
            .email
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if seen.contains(&email) {
            let message = format!(
                "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [{email}] in the personalizations field."
            );
            found.push(Mistake::new("personalizations", message));
            return;
        }
        seen.insert(email);
    }
}

pub(super) fn address(entry: &Address<'_>, at: &str, found: &mut Vec<Mistake>) {
    let valid = entry.email.as_deref().is_some_and(is_address);
    if !valid {
        found.push(Mistake::new(format!("{at}.email"), NO_ADDRESS));
    }
    if entry
        .name
        .as_ref()
        .is_some_and(|name| name.contains([';', ',']))
    {
        let message = "The name may not contain a semicolon or a comma.";
        found.push(Mistake::new(format!("{at}.name"), message));
    }
}

fn is_address(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c);
    !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && !email.contains(odd)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
}
