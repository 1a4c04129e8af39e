//! Links by which a person says what they want to receive: a token names whom and what. Nobody reads it who
//! has not its key, and nobody makes one.

mod key;

use aes_gcm::Nonce;
use aes_gcm::aead::{Aead, Payload};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

pub use key::{LinkKey, LinkKeyId};

use super::Channel;

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
/// With the number of the channel: an address follows. Versions before it take such a link for none.
const NAMES_ADDRESS: u8 = 0x80;
/// Longest token that is looked at, in characters: a category's name has at most 400 bytes.
const LONGEST: usize = 1_024;

/// What stands in the place of a link where a message is only looked at: a link that works is a right.
pub const EXAMPLE_URL: &str = "https://herald.example.com/u/example";

/// What a link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLink {
    /// Whose person.
    pub tenant_id: Uuid,
    /// Who may choose by it.
    pub user_id: Uuid,
    /// The notification that brought it.
    pub notification_id: Uuid,
    /// The channel that it came by.
    pub channel: Channel,
    /// What the notification belongs to; without one the link is about the whole channel.
    pub category: Option<String>,
    /// The address that it went to, if that is not the person's: whoever reads there may end what comes there, and
    /// chooses nothing for the person.
    pub to: Option<String>,
}

/// A token of the right form, which nobody has looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLink {
    /// The key that opens it.
    pub key_id: LinkKeyId,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

/// Makes links of one installation.
#[derive(Debug, Clone)]
pub struct LinkMaker {
    base: Option<String>,
    is_for_headers: bool,
    key: LinkKey,
}

impl PersonLink {
    /// The token: one format byte, the key's id, a nonce, and what is named, encrypted (AES-256-GCM), in base64
    /// for URLs. The nonce is a MAC of what is named, so that the same link is always the same token.
    #[must_use]
    pub fn token(&self, key: &LinkKey) -> String {
        let plain = self.bytes();
        let nonce = key.nonce(&plain);
        let payload = Payload {
            msg: &plain,
            aad: &head(key.id()),
        };
        // The cipher refuses many gigabytes alone.
        let sealed = key.cipher().encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode([&head(key.id())[..], &nonce, &sealed].concat())
    }

    fn bytes(&self) -> Vec<u8> {
        let named = if self.to.is_some() { NAMES_ADDRESS } else { 0 };
        let mut bytes = vec![code(self.channel) | named];
        for id in [self.tenant_id, self.user_id, self.notification_id] {
            bytes.extend(id.as_bytes());
        }
        if let Some(to) = &self.to {
            // An address has 254 bytes at most.
            bytes.push(u8::try_from(to.len()).unwrap_or(u8::MAX));
            bytes.extend(to.as_bytes().iter().take(usize::from(u8::MAX)));
        }
        bytes.extend(self.category.as_deref().unwrap_or_default().as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (channel, rest) = bytes.split_first()?;
        let (tenant_id, rest) = id(rest)?;
        let (user_id, rest) = id(rest)?;
        let (notification_id, rest) = id(rest)?;
        let (to, rest) = match channel & NAMES_ADDRESS {
            0 => (None, rest),
            _ => {
                let (length, rest) = rest.split_first()?;
                let (to, rest) = rest.split_at_checked(usize::from(*length))?;
                (Some(std::str::from_utf8(to).ok()?.to_owned()), rest)
            }
        };
        let category = std::str::from_utf8(rest).ok()?;
        Some(Self {
            tenant_id,
            user_id,
            notification_id,
            channel: channel_of(*channel & !NAMES_ADDRESS)?,
            category: Some(category.to_owned()).filter(|name| !name.is_empty()),
            to,
        })
    }
}

impl SealedLink {
    /// A token as it came; `None` is none of ours.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let rest = bytes.strip_prefix(&[FORMAT])?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Self {
            key_id: LinkKeyId(*key_id),
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }

    /// What it is about; `None` when it was not made with this key. Takes as long whatever is wrong with it.
    #[must_use]
    pub fn open(&self, key: &LinkKey) -> Option<PersonLink> {
        let payload = Payload {
            msg: &self.ciphertext,
            aad: &head(self.key_id),
        };
        let nonce = Nonce::from(self.nonce);
        let plain = key.cipher().decrypt(&nonce, payload).ok()?;
        PersonLink::read(&plain)
    }
}

impl LinkMaker {
    /// Makes links below an address, if others were told of one. Mail clients are told of them only if
    /// `is_for_headers`.
    #[must_use]
    pub fn new(public_url: Option<&str>, is_for_headers: bool, key: LinkKey) -> Self {
        let base = public_url.map(|url| format!("{}/u/", url.trim_end_matches('/')));
        Self {
            base,
            is_for_headers,
            key,
        }
    }

    /// The address of a link; `None` when nobody was told how we are reached.
    #[must_use]
    pub fn url(&self, link: &PersonLink) -> Option<String> {
        let base = self.base.as_deref()?;
        Some(format!("{base}{}", link.token(&self.key)))
    }

    /// Whether any link can be made.
    #[must_use]
    pub const fn makes_any(&self) -> bool {
        self.base.is_some()
    }

    /// Whether mail clients may be told of links (RFC 8058 wants HTTPS).
    #[must_use]
    pub const fn is_for_headers(&self) -> bool {
        self.is_for_headers
    }
}

/// What is not encrypted.
fn head(key_id: LinkKeyId) -> [u8; 1 + KEY_ID_BYTES] {
    let mut head = [FORMAT; 1 + KEY_ID_BYTES];
    head.iter_mut()
        .skip(1)
        .zip(key_id.0)
        .for_each(|(to, from)| *to = from);
    head
}

fn id(bytes: &[u8]) -> Option<(Uuid, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    Some((Uuid::from_bytes(*id), rest))
}

/// Numbers that stay what they are: mail of years ago has them.
const CODES: [(u8, Channel); 5] = [
    (1, Channel::Email),
    (2, Channel::Sms),
    (3, Channel::Push),
    (4, Channel::InApp),
    (5, Channel::Chat),
];

fn code(channel: Channel) -> u8 {
    let known = CODES.iter().find(|(_, known)| *known == channel);
    known.map_or(0, |(code, _)| *code)
}

fn channel_of(code: u8) -> Option<Channel> {
    let known = CODES.iter().find(|(known, _)| *known == code);
    known.map(|(_, channel)| *channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(category: Option<&str>) -> PersonLink {
        PersonLink {
            tenant_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            notification_id: Uuid::from_u128(3),
            channel: Channel::Email,
            category: category.map(str::to_owned),
            to: None,
        }
    }

    fn key(byte: u8) -> LinkKey {
        LinkKey::derived(&[byte; 32])
    }

    #[test]
    fn a_token_names_what_it_was_made_for_and_shows_nothing_of_it() {
        let key = key(7);
        for (channel, category) in [
            (Channel::Email, Some("marketing")),
            (Channel::Sms, None),
            (Channel::Chat, Some("Änderungen")),
        ] {
            let link = PersonLink {
                channel,
                ..link(category)
            };
            let token = link.token(&key);
            assert_eq!(token, link.token(&key), "a retry sends the same mail");
            let sealed = SealedLink::parse(&token).unwrap();
            assert_eq!(sealed.key_id, key.id());
            assert_eq!(sealed.open(&key), Some(link));
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!shown.contains("market"), "{shown}");
            let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(token.chars().all(is_safe) && token.len() < 140, "{token}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_other_key_opens_nothing() {
        let right = key(7);
        let token = link(Some("marketing")).token(&right);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let token = BASE64_URL_SAFE_NO_PAD.encode(&forged);
            let opened = SealedLink::parse(&token).and_then(|it| it.open(&right));
            assert_eq!(opened, None, "byte {at}");
        }
        assert_eq!(SealedLink::parse(&token).unwrap().open(&key(8)), None);
        assert_ne!(key(8).id(), right.id());
        let long = "A".repeat(LONGEST + 1);
        for odd in ["", "AQ", "x", "ä", &token[..token.len() - 1], &long] {
            let opened = SealedLink::parse(odd).and_then(|it| it.open(&right));
            assert_eq!(opened, None, "{odd}");
        }
        assert_eq!(
            SealedLink::parse(&format!("{token}=")),
            None,
            "one spelling alone"
        );
    }

    #[test]
    fn a_link_names_the_address_of_somebody_else() {
        let local = "é".repeat(20);
        for (to, category) in [
            ("friend@example.com", Some("marketing")),
            (local.as_str(), None),
            ("+4915112345678", Some("")),
        ] {
            let link = PersonLink {
                to: Some(to.to_owned()),
                ..link(category.filter(|it| !it.is_empty()))
            };
            let token = link.token(&key(7));
            let sealed = SealedLink::parse(&token).unwrap();
            assert_eq!(sealed.open(&key(7)), Some(link));
        }
        let long = PersonLink {
            to: Some("x".repeat(254)),
            ..link(Some(&"é".repeat(200)))
        };
        let token = long.token(&key(7));
        assert_eq!(SealedLink::parse(&token).unwrap().open(&key(7)), Some(long));
    }

    #[test]
    fn tokens_of_today_open_for_ever() {
        let token = link(Some("marketing")).token(&key(7));
        insta::assert_snapshot!(token, @"AauiMmjds5L9YZd4aO-oDFujNkqxrWumJAAJdTkz9YsWDU4O5bfMEB9L42z1sIb0s-iSjY9eD8vX1gT5S4UNiaAvJCHyfw2hB3_Pq_6QnxBMfSK7Sf3AHLhEBA");
    }

    #[test]
    fn the_address_is_below_the_one_that_others_were_told() {
        let none = LinkMaker::new(None, true, key(7));
        assert_eq!((none.url(&link(None)), none.makes_any()), (None, false));
        for base in [
            "https://herald.example.com",
            "https://herald.example.com/x/",
        ] {
            let maker = LinkMaker::new(Some(base), true, key(7));
            let url = maker.url(&link(None)).unwrap();
            let below = format!("{}/u/", base.trim_end_matches('/'));
            assert!(url.starts_with(&below), "{url}");
        }
    }

    #[test]
    fn every_channel_has_its_number() {
        for channel in Channel::ALL {
            assert_eq!(channel_of(code(*channel)), Some(*channel));
        }
    }
}
