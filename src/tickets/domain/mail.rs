//! A mail to the desk, as far as the desk knows mails.

use std::sync::Arc;

use uuid::Uuid;

use super::DeskSigner;
use super::signing::KEY_ID_BYTES;

/// A part of the form that a mail comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailPart {
    /// The part's name.
    pub name: String,
    /// The file's name, if it is one.
    pub file_name: Option<String>,
    /// Its media type, as it is said.
    pub kind: Option<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundMail {
    /// Who says that they wrote it, in lower case.
    pub from: Option<String>,
    /// Whether whoever carried it knows that they did.
    pub proof: SenderProof,
    /// To which addresses it came.
    pub recipients: Vec<String>,
    /// What tells it from any other mail, wherever it came.
    pub identity: [u8; 32],
    /// What it says, as text.
    pub text: String,
    /// Whether a machine wrote it.
    pub is_automatic: bool,
    /// What came with it.
    pub files: Vec<MailFile>,
}

/// A file that came with a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailFile {
    /// What it is called.
    pub name: String,
    /// What it is said to be.
    pub kind: Option<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Whether a mail came from where it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SenderProof {
    /// It is signed by the sender's domain, or came from a machine of theirs.
    Proven,
    /// Nobody knows.
    #[default]
    Unknown,
    /// It came from a machine that is none of theirs, without a signature.
    Denied,
}

/// What begins the local part of an address that answers go to.
const BEFORE: &str = "reply+";
/// Bytes of a signature in an address: a local part has 64 characters at most.
const MAC_BYTES: usize = 16;
/// Key, ticket, signature.
const TOKEN_BYTES: usize = KEY_ID_BYTES + 16 + MAC_BYTES;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Makes and knows the addresses that answers go to, one for each ticket. Nobody guesses one.
#[derive(Debug, Clone)]
pub struct ReplyAddresses {
    domain: Arc<str>,
    signer: DeskSigner,
}

impl ReplyAddresses {
    /// Addresses at a domain.
    #[must_use]
    pub fn new(domain: &str, signer: DeskSigner) -> Self {
        let domain = domain.to_ascii_lowercase().into();
        Self { domain, signer }
    }

    /// The address of a ticket; `None` without keys.
    #[must_use]
    pub fn of(&self, ticket_id: Uuid) -> Option<String> {
        let (key, signature) = self.signer.sign(ticket_id.as_bytes())?;
        let signature = signature.get(..MAC_BYTES)?;
        let token = [&key[..], ticket_id.as_bytes(), signature].concat();
        Some(format!("{BEFORE}{}@{}", letters(&token), self.domain))
    }

    /// The ticket of an address, if it is ours. Letters may have changed their case on the way.
    #[must_use]
    pub fn ticket(&self, address: &str) -> Option<Uuid> {
        let address = address.trim().to_ascii_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        if *domain != *self.domain {
            return None;
        }
        let token: [u8; TOKEN_BYTES] = bytes(local.strip_prefix(BEFORE)?)?;
        let (key, rest) = token.split_first_chunk::<KEY_ID_BYTES>()?;
        let (ticket, signature) = rest.split_first_chunk::<16>()?;
        let is_ours = self.signer.knows(*key, ticket, signature);
        is_ours.then(|| Uuid::from_bytes(*ticket))
    }
}

/// Base 32 (RFC 4648) in lower case, without padding.
fn letters(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> char {
    let at = usize::try_from(value & 31).unwrap_or_default();
    LETTERS.get(at).copied().map_or('a', char::from)
}

/// The bytes of a text in base 32; `None`: it has others, or stands for more or fewer.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut made = Vec::with_capacity(N);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for c in text.bytes() {
        let value = LETTERS.iter().position(|letter| *letter == c)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            made.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    // What is left over is nothing: one spelling for one token.
    if held != 0 {
        return None;
    }
    made.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(key: u8) -> ReplyAddresses {
        let signer = DeskSigner::derived([&[key; 32][..]], "reply addresses");
        ReplyAddresses::new("Desk.Example.com", signer)
    }

    #[test]
    fn an_address_is_known_however_it_is_spelt_and_no_other_is_made() {
        let ticket = Uuid::from_u128(0x0190_c1a0_0000_7000_8000_0000_0000_0001);
        let address = addresses(1).of(ticket).unwrap();
        let (local, domain) = address.split_once('@').unwrap();
        assert!(
            local.len() <= 64 && domain == "desk.example.com",
            "{address}"
        );
        assert_eq!(addresses(1).ticket(&address), Some(ticket));
        assert_eq!(addresses(1).ticket(&address.to_uppercase()), Some(ticket));
        assert_eq!(addresses(2).ticket(&address), None);
        let token = local.strip_prefix(BEFORE).unwrap();
        for place in 0..token.len() {
            for letter in ["a", "b", "7"] {
                let mut bent = token.to_owned();
                bent.replace_range(place..=place, letter);
                let known = addresses(1).ticket(&format!("{BEFORE}{bent}@{domain}"));
                assert_eq!(known.is_some(), bent == token, "{bent}");
            }
        }
        for bad in [
            "",
            "reply+@desk.example.com",
            &format!("{local}@example.com"),
            &format!("{token}@desk.example.com"),
            &format!("{local}a@desk.example.com"),
        ] {
            assert_eq!(addresses(1).ticket(bad), None, "{bad}");
        }
    }

    #[test]
    fn letters_stand_for_bytes_as_the_standard_says() {
        for (plain, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(letters(plain.as_bytes()), text);
        }
        assert_eq!(bytes::<6>("mzxw6ytboi"), Some(*b"foobar"));
        assert_eq!(bytes::<1>("mz"), None, "another spelling of the same");
    }
}
