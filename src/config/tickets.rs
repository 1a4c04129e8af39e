//! Settings of the support desk.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::bucket::FilePlace;
use super::reader::Reader;
use crate::domain::sendgrid_key::SendgridCallKey;

/// Least characters of a secret.
const LEAST_SECRET: usize = 32;
/// What is taken for one.
const SECRETS: &str = "at least 32 letters and digits: the output of `openssl rand -hex 32`";

/// The support desk.
#[derive(Debug, Clone)]
pub struct TicketsConfig {
    /// Files of tickets.
    pub attachments: AttachmentsConfig,
    /// Mails to tickets, if they are taken.
    pub mail: Option<TicketMailConfig>,
}

/// Mails to tickets. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct TicketMailConfig {
    /// The domain that answers go to.
    pub domain: String,
    /// What addresses are signed with: the last one signs, every one is known.
    pub reply_keys: Vec<SecretString>,
    /// What whoever hands mails over knows.
    pub hook_secret: SecretString,
    /// What they are signed with, if they must be.
    pub hook_public_key: Option<SendgridCallKey>,
    /// Most bytes of a mail.
    pub max_bytes: usize,
    /// So many mails of a sender to a ticket are told of within an hour.
    pub per_hour: i64,
}

/// Files of tickets.
#[derive(Debug, Clone)]
pub struct AttachmentsConfig {
    /// Where they are kept.
    pub place: FilePlace,
    /// Most bytes of a file.
    pub max_bytes: u64,
    /// Most files of a ticket.
    pub max_count: u32,
    /// Media types that are taken.
    pub allowed_types: Vec<String>,
    /// How long a link to a file is good.
    pub link_lifetime: Duration,
    /// After how long what was begun and not ended is removed.
    pub sweep_after: Duration,
}

impl TicketsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            attachments: AttachmentsConfig::read(reader),
            mail: TicketMailConfig::read(reader),
        }
    }
}

impl AttachmentsConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let seconds = Duration::from_secs;
        let place = FilePlace::read(reader, "tickets.attachments").unwrap_or_else(|| {
            let allowed = "the path of a folder, or a bucket in tickets.attachments.bucket";
            let () = reader.refuse("tickets.attachments.folder", "is empty", allowed);
            FilePlace::Folder(PathBuf::new())
        });
        Self {
            place,
            max_bytes: reader.integer(
                "tickets.attachments.max_bytes",
                1_024..=1_073_741_824,
                "bytes",
            ),
            max_count: reader.integer("tickets.attachments.max_count", 1..=10_000, "files"),
            allowed_types: allowed_types(reader),
            link_lifetime: reader.duration(
                "tickets.attachments.link_lifetime",
                seconds(10)..=seconds(86_400),
            ),
            sweep_after: reader.duration(
                "tickets.attachments.sweep_after",
                seconds(1_800)..=seconds(30 * 86_400),
            ),
        }
    }
}

fn allowed_types(reader: &mut Reader<'_>) -> Vec<String> {
    let key = "tickets.attachments.allowed_types";
    let types = reader.words(key);
    let is_type = |kind: &str| {
        let parts = kind.split_once('/');
        parts.is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty() && !sub.contains('*'))
    };
    if let Some(wrong) = types.iter().find(|kind| !is_type(kind)) {
        let problem = format!("\"{wrong}\" is no media type");
        return reader.refuse(
            key,
            problem,
            "media types such as \"image/png\", each written out",
        );
    }
    types
}

impl TicketMailConfig {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let domain = reader.parsed(
            "tickets.mail.domain",
            "a domain such as \"desk.example.com\", or nothing",
            |text| {
                let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
                text.chars().all(fine).then(|| text.to_ascii_lowercase())
            },
        );
        let reply_keys = reader.secrets("tickets.mail.reply_keys");
        let hook_secret = reader.secret("tickets.mail.hook_secret");
        let hook_public_key = reader.parsed(
            "tickets.mail.hook_public_key",
            "the public key of the security policy of SendGrid's Inbound Parse as SendGrid shows it, or nothing",
            |text| match text {
                "" => Some(None),
                text => SendgridCallKey::read(text).map(Some),
            },
        );
        let max_bytes = reader.integer("tickets.mail.max_bytes", 65_536..=104_857_600, "bytes");
        let per_hour = reader.integer("tickets.mail.per_hour", 1..=10_000, "mails");
        if domain.is_empty() {
            return None;
        }
        let is_short = |secret: &SecretString| secret.expose_secret().len() < LEAST_SECRET;
        if reply_keys.is_empty() || reply_keys.iter().any(is_short) {
            let problem = "is needed where tickets.mail.domain is set, and no key may be short";
            let () = reader.refuse("tickets.mail.reply_keys", problem, SECRETS);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if is_short(&hook_secret) || !hook_secret.expose_secret().chars().all(is_word) {
            let problem = "is needed where tickets.mail.domain is set, as a part of a path";
            let () = reader.refuse("tickets.mail.hook_secret", problem, SECRETS);
        }
        Some(Self {
            domain,
            reply_keys,
            hook_secret,
            hook_public_key,
            max_bytes,
            per_hour,
        })
    }
}
