//! What an address looks like: one spelling for each, made at every door, so that two spellings of
//! one mailbox or number never count as two.

use unicode_normalization::UnicodeNormalization as _;

use super::Channel;

/// Longest e-mail address, in bytes: RFC 5321, 4.5.3.1.3 allows a path of 256, brackets included.
const EMAIL_BYTES: usize = 254;
/// Longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES: usize = 64;
/// Longest domain and label, in bytes (RFC 1035, 2.3.4).
const DOMAIN_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;
/// Longest device token or chat id: an FCM token has no documented length, real ones stay below 300.
const TOKEN_BYTES: usize = 2_048;

/// Why a text is no address. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(&'static str);

/// The one spelling of an address of a channel.
///
/// E-mail: lower case, the domain in ASCII (IDNA A-labels), the local part in NFC and without quotes
/// that it does not need. SMS: E.164. Others: without white space around.
///
/// # Errors
/// The text is no such address, or it could be more than one.
pub fn canonical(channel: Channel, text: &str) -> Result<String, BadAddress> {
    match channel {
        Channel::Email => email(text),
        Channel::Sms => phone(text),
        Channel::Push => token(text),
        Channel::InApp => inbox(text),
        Channel::Chat => id(text),
    }
}

/// The one spelling of an address, or what comes next to it of one that has none: such a one was
/// stored by other means than ours.
#[must_use]
pub fn spelt(channel: Channel, text: &str) -> String {
    canonical(channel, text).unwrap_or_else(|_| match channel {
        Channel::Email => text.trim().to_lowercase(),
        _ => text.trim().to_owned(),
    })
}

/// An e-mail address alone: no display name, no list.
fn email(text: &str) -> Result<String, BadAddress> {
    let no_address = BadAddress("is not one e-mail address, such as ana@example.com");
    let (local, domain) = text.trim().rsplit_once('@').ok_or(no_address)?;
    let local = local_part(local).ok_or(no_address)?;
    let domain = ascii_domain(domain).ok_or(BadAddress("has a domain that is none"))?;
    if local.len() > LOCAL_BYTES || local.len() + 1 + domain.len() > EMAIL_BYTES {
        return Err(BadAddress("is longer than an e-mail address may be"));
    }
    Ok(format!("{local}@{domain}"))
}

/// Case and composition folded. A quoted one loses its quotes where it does not need them, since it
/// is the same mailbox without (RFC 5321, 4.1.2).
fn local_part(text: &str) -> Option<String> {
    let folded = |text: &str| {
        // ASCII has one composition only.
        if text.is_ascii() {
            return text.to_ascii_lowercase();
        }
        let lower = text.nfc().collect::<String>().to_lowercase();
        lower.nfc().collect::<String>()
    };
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(quoted) = quoted else {
        let local = folded(text);
        return is_dot_atom(&local).then_some(local);
    };
    let mut bare = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => bare.push(characters.next()?),
            other => bare.push(other),
        }
    }
    let bare = folded(&bare);
    if is_dot_atom(&bare) {
        return Some(bare);
    }
    let visible = |c: char| c == ' ' || !(c.is_whitespace() || is_hidden(c));
    if bare.is_empty() || !bare.chars().all(visible) {
        return None;
    }
    let escaped = bare.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("\"{escaped}\""))
}

/// RFC 5322, 3.2.3, with the letters of RFC 6532.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        false => !c.is_whitespace() && !is_hidden(c),
    };
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// A domain in ASCII, as the DNS holds it; `None` for what is no name with a dot in it.
#[must_use]
pub fn ascii_domain(text: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(text).ok()?;
    let is_label = |label: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=LABEL_BYTES).contains(&label.len())
            && label.chars().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, last) = domain.rsplit_once('.')?;
    let is_name = domain.len() <= DOMAIN_BYTES
        && domain.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then_some(domain)
}

/// An e-mail address with its domain as people write it, where that is another spelling.
#[must_use]
pub fn with_unicode_domain(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (unicode, decoded) = idna::domain_to_unicode(domain);
    (decoded.is_ok() && unicode != domain).then(|| format!("{local}@{unicode}"))
}

/// A number in E.164: `+`, then 2 to 15 digits, the first not zero. What people put between digits
/// goes. A number without its country, or with the zero of calls within it, could be another's.
fn phone(text: &str) -> Result<String, BadAddress> {
    let no_number = BadAddress("is not a number in E.164, such as +4915112345678");
    let between =
        |c: char| c == ' ' || "-.()/\u{a0}".contains(c) || matches!(c, '\u{2009}'..='\u{2015}');
    let marks = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    let text = text.trim().trim_matches(marks).trim();
    if text.replace(' ', "").contains("(0)") {
        return Err(BadAddress(
            "holds (0), which is dialled within the country only: leave it out",
        ));
    }
    let digits = text.strip_prefix('+').ok_or(no_number)?;
    let digits: String = digits.chars().filter(|c| !between(*c)).collect();
    let is_right = (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    is_right.then(|| format!("+{digits}")).ok_or(no_number)
}

fn token(text: &str) -> Result<String, BadAddress> {
    let token = text.trim();
    if token.is_empty() || token.len() > TOKEN_BYTES {
        return Err(BadAddress("is not a device token: empty, or too long"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadAddress(
            "is not a device token: it holds more than ASCII",
        ));
    }
    Ok(token.to_owned())
}

/// An inbox is a user's: its address is their id.
fn inbox(text: &str) -> Result<String, BadAddress> {
    let id = uuid::Uuid::try_parse(text.trim());
    id.map(|id| id.hyphenated().to_string())
        .map_err(|_| BadAddress("is not the id of a user, which is the address of an inbox"))
}

fn id(text: &str) -> Result<String, BadAddress> {
    let id = text.trim();
    if id.is_empty() || id.len() > TOKEN_BYTES {
        return Err(BadAddress("is empty, or too long"));
    }
    if id.chars().any(|c| c.is_whitespace() || is_hidden(c)) {
        return Err(BadAddress("holds white space or an invisible character"));
    }
    Ok(id.to_owned())
}

/// Characters that nobody sees, which would make two spellings look like one: controls, what Unicode calls
/// `Default_Ignorable_Code_Point` (DerivedCoreProperties 16.0), line ends, and the empty Braille cell.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests;
