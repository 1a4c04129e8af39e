//! The rules for a message, with Twilio's codes.

use super::super::form::Form;

const LONGEST_BODY: usize = 1_600;
const MOST_MEDIA: usize = 10;
const FIELDS: [&str; 25] = [
    "To",
    "From",
    "MessagingServiceSid",
    "Body",
    "MediaUrl",
    "ContentSid",
    "StatusCallback",
    "ApplicationSid",
    "MaxPrice",
    "ProvideFeedback",
    "Attempt",
    "ValidityPeriod",
    "ForceDelivery",
    "ContentRetention",
    "AddressRetention",
    "SmartEncoded",
    "PersistentAction",
    "TrafficType",
    "ShortenUrls",
    "ScheduleType",
    "SendAt",
    "SendAsMms",
    "ContentVariables",
    "RiskCheck",
    "FallbackFrom",
];
const SWITCHES: [&str; 5] = [
    "ProvideFeedback",
    "ForceDelivery",
    "SmartEncoded",
    "ShortenUrls",
    "SendAsMms",
];
const CHOICES: [(&str, &[&str]); 5] = [
    ("ContentRetention", &["retain", "discard"]),
    ("AddressRetention", &["retain", "obfuscate"]),
    ("TrafficType", &["free"]),
    ("ScheduleType", &["fixed"]),
    ("RiskCheck", &["enable", "disable"]),
];
/// Twilio's documented test numbers.
const BAD_RECIPIENTS: [(&str, u32, &str); 5] = [
    ("+15005550001", 21211, "is not a valid phone number"),
    ("+15005550002", 21612, "is not currently reachable"),
    ("+15005550003", 21408, "is in a region that is not enabled"),
    ("+15005550004", 21610, "has unsubscribed"),
    ("+15005550009", 21614, "is not a mobile number"),
];
const BAD_SENDERS: [(&str, u32, &str); 3] = [
    ("+15005550001", 21212, "is not a valid phone number"),
    ("+15005550007", 21606, "is not owned by your account"),
    ("+15005550008", 21611, "has an SMS queue that is full"),
];

/// Why a message is not created.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// The request breaks the description.
    Malformed(u32, String),
    /// The request is right, but a number stands for a documented failure.
    Number(u32, String),
}

/// The first mistake: Twilio names one at a time.
pub(super) fn mistake(form: &Form) -> Option<Mistake> {
    let malformed = recipient(form)
        .or_else(|| sender(form))
        .or_else(|| content(form))
        .or_else(|| options(form));
    match malformed {
        Some((code, message)) => Some(Mistake::Malformed(code, message)),
        None => test_number(form),
    }
}

type Found = Option<(u32, String)>;

fn recipient(form: &Form) -> Found {
    let Some(to) = form.get("To") else {
        return Some((21604, "A 'To' phone number is required.".into()));
    };
    let channel = to
        .split_once(':')
        .is_some_and(|(kind, rest)| is_channel(kind) && !rest.is_empty());
    if !channel && !is_e164(to) {
        let message = format!("The 'To' number {to} is not a valid phone number.");
        return Some((21211, message));
    }
    None
}

fn is_channel(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A number, a short code, an alphanumeric sender, or `channel:address`.
fn is_sender(from: &str) -> bool {
    let alphanumeric = from.len() <= 11
        && from
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" +-_&".contains(&byte));
    is_e164(from)
        || alphanumeric
        || from
            .split_once(':')
            .is_some_and(|(kind, _)| is_channel(kind))
}

fn sender(form: &Form) -> Found {
    if let Some(service) = form.get("MessagingServiceSid") {
        return (!is_sid(service, "MG"))
            .then(|| (21705, "The Messaging Service Sid is invalid.".into()));
    }
    match form.get("From") {
        None => Some((21603, "A 'From' phone number is required.".into())),
        Some(from) if !is_sender(from) => {
            let message = format!(
                "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID."
            );
            Some((21212, message))
        }
        Some(_) => None,
    }
}

fn content(form: &Form) -> Found {
    let body = form.get("Body");
    let media = form.all("MediaUrl").count();
    if body.is_none() && media == 0 && form.get("ContentSid").is_none() {
        return Some((21602, "Message body is required.".into()));
    }
    if body.is_some_and(|body| body.chars().count() > LONGEST_BODY) {
        let message = "The concatenated message body exceeds the 1600 character limit.";
        return Some((21617, message.into()));
    }
    if media > MOST_MEDIA {
        return Some((21623, "Number of media files exceeds allowed limit.".into()));
    }
    if form.all("MediaUrl").any(|url| !is_url(url)) {
        return Some((21620, "Invalid media URL(s).".into()));
    }
    if form.get("ContentSid").is_some_and(|sid| !is_sid(sid, "HX")) {
        return Some((21656, "The ContentSid is invalid.".into()));
    }
    None
}

fn options(form: &Form) -> Found {
    if let Some(unknown) = form.names().find(|name| !FIELDS.contains(name)) {
        return Some((20001, format!("Unknown parameter {unknown}.")));
    }
    if let Some(callback) = form.get("StatusCallback")
        && !is_url(callback)
    {
        let message = format!("The StatusCallback URL {callback} is not a valid URL.");
        return Some((21609, message));
    }
    if let Some(period) = form.get("ValidityPeriod")
        && !period
            .parse::<u32>()
            .is_ok_and(|seconds| (1..=36_000).contains(&seconds))
    {
        let message = "The ValidityPeriod must be a whole number of seconds from 1 to 36000.";
        return Some((20001, message.into()));
    }
    if form.get("SendAt").is_some() != form.get("ScheduleType").is_some() {
        return Some((35114, "SendAt and ScheduleType need each other.".into()));
    }
    if form.get("SendAt").is_some() && form.get("MessagingServiceSid").is_none() {
        let message = "Scheduled messages need a MessagingServiceSid.";
        return Some((35118, message.into()));
    }
    for name in SWITCHES {
        if form
            .get(name)
            .is_some_and(|value| value != "true" && value != "false")
        {
            return Some((20001, format!("{name} must be true or false.")));
        }
    }
    CHOICES.iter().find_map(|(name, allowed)| {
        let value = form.get(name)?;
        (!allowed.contains(&value)).then(|| (20001, format!("{name} must be one of {allowed:?}.")))
    })
}

/// A valid host without an underscore, as Twilio asks.
fn is_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && !host.contains(['_', ' '])
}

/// A sid: its two letters and 32 hexadecimal digits.
pub(super) fn is_sid(sid: &str, letters: &str) -> bool {
    sid.strip_prefix(letters)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn test_number(form: &Form) -> Option<Mistake> {
    let find = |field: &'static str, table: &[(&str, u32, &str)]| {
        let number = form.get(field)?;
        let (_, code, what) = table.iter().find(|(known, _, _)| *known == number)?;
        let message = format!("The '{field}' number {number} {what}.");
        Some(Mistake::Number(*code, message))
    };
    find("From", &BAD_SENDERS).or_else(|| find("To", &BAD_RECIPIENTS))
}
