//! Reading a mail that somebody handed over as a form: in parts that were read before, or as it came (`email`).
//!
//! Whatever is in it, something is made of it or nothing: it is never at fault for us.

use std::mem::take;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::domain::{InboundMail, MailFile, MailPart};
use super::policy::{MailHead, is_automatic, proof};

/// Most files of a mail that are looked at.
const MOST_FILES: usize = 100;
/// Most addresses that are looked at.
const MOST_ADDRESSES: usize = 200;
/// The whole mail, as it came.
const WHOLE: &str = "email";

/// What a mail says, whoever read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawMail {
    /// Who says that they wrote it.
    pub from: Option<String>,
    /// To whom it says that it goes.
    pub to: Vec<String>,
    /// What it is about.
    pub subject: String,
    /// Its `Message-ID`.
    pub message_id: Option<String>,
    /// Where it comes back to.
    pub return_path: Option<String>,
    /// Its headers: names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its text.
    pub text: String,
    /// What came with it.
    pub files: Vec<MailFile>,
}

/// Reads mails: the desk knows what they mean, and not how they are written.
#[derive(Debug, Clone, Copy)]
pub struct MailReader {
    /// A mail, or the head of one.
    pub read: fn(&[u8]) -> Option<RawMail>,
    /// A text in these letters.
    pub decode: fn(&str, &[u8]) -> Option<String>,
    /// What HTML says, as text.
    pub text_of_html: fn(&str) -> String,
}

/// The mail of a form; `None`: there is none in it.
#[must_use]
pub fn read(parts: Vec<MailPart>, reader: &MailReader) -> Option<InboundMail> {
    let form = MailForm::of(parts, *reader);
    match form.bytes(WHOLE) {
        Some(whole) => {
            let mut raw = (reader.read)(whole)?;
            let (text, files) = (take(&mut raw.text), take(&mut raw.files));
            Some(form.mail(&raw, text, files))
        }
        None => form.in_parts(),
    }
}

/// The form, with what its texts are written in.
struct MailForm {
    parts: Vec<MailPart>,
    charsets: Value,
    reader: MailReader,
}

impl MailForm {
    fn of(parts: Vec<MailPart>, reader: MailReader) -> Self {
        let mut form = Self {
            parts,
            charsets: Value::Null,
            reader,
        };
        let charsets = form.bytes("charsets").unwrap_or_default();
        form.charsets = serde_json::from_slice(charsets).unwrap_or_default();
        form
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.parts.iter();
        let field = fields.find(|part| part.file_name.is_none() && part.name == name)?;
        Some(&field.bytes)
    }

    /// A text in what it is said to be written in.
    fn text(&self, name: &str) -> Option<String> {
        let bytes = self.bytes(name)?;
        let charset = self.charsets.get(name).and_then(Value::as_str);
        let charset = charset.filter(|it| !it.eq_ignore_ascii_case("utf-8"));
        let decoded = charset.and_then(|charset| (self.reader.decode)(charset, bytes));
        let text = decoded.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
        Some(text)
    }

    /// Who handed it to the carrier, and to whom.
    fn envelope(&self) -> (Option<String>, Vec<String>) {
        let said = self.bytes("envelope").unwrap_or_default();
        let said: Value = serde_json::from_slice(said).unwrap_or_default();
        let to = said.get("to").and_then(Value::as_array);
        let to = to.into_iter().flatten().filter_map(Value::as_str);
        let to = to.take(MOST_ADDRESSES).map(str::to_lowercase).collect();
        let from = said.get("from").and_then(Value::as_str);
        (from.map(str::to_lowercase), to)
    }

    /// A mail that was read before.
    fn in_parts(&self) -> Option<InboundMail> {
        let mut head = self.text("headers")?;
        head.push_str("\r\n\r\n");
        let head = (self.reader.read)(head.as_bytes())?;
        let text = self.text("text").filter(|text| !text.trim().is_empty());
        let html = self
            .text("html")
            .map(|html| (self.reader.text_of_html)(&html));
        let files = self.parts.iter().filter_map(|part| {
            let name = part.file_name.clone()?;
            Some(MailFile {
                name,
                kind: part.kind.clone(),
                bytes: part.bytes.clone(),
            })
        });
        let files = files.take(MOST_FILES).collect();
        Some(self.mail(&head, text.or(html).unwrap_or_default(), files))
    }

    /// What a mail's head says, with its text and its files.
    fn mail(&self, raw: &RawMail, text: String, files: Vec<MailFile>) -> InboundMail {
        let (return_path, mut recipients) = self.envelope();
        if recipients.is_empty() {
            recipients = raw.to.iter().map(|it| it.to_lowercase()).collect();
        }
        let own_path = raw.return_path.as_deref().map(str::to_lowercase);
        let return_path = return_path.or(own_path);
        let from = raw.from.as_deref().map(|it| it.trim().to_lowercase());
        let from = from.filter(|it| it.contains('@'));
        let is_automatic = is_automatic(&MailHead {
            headers: &raw.headers,
            return_path: return_path.as_deref(),
            from: from.as_deref(),
            subject: &raw.subject,
        });
        let (dkim, spf) = (self.text("dkim"), self.text("SPF"));
        let path = return_path.as_deref();
        InboundMail {
            proof: proof(from.as_deref(), dkim.as_deref(), (spf.as_deref(), path)),
            identity: identity(raw, from.as_deref(), &text),
            text: text.replace('\0', ""),
            from,
            recipients,
            is_automatic,
            files,
        }
    }
}

/// Its `Message-ID`; of a mail without one, what it says, when and by whom.
fn identity(raw: &RawMail, from: Option<&str>, text: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    let id = raw.message_id.as_deref().map(str::trim);
    match id.filter(|id| !id.is_empty()) {
        Some(id) => digest.update(id),
        None => {
            let date = raw.headers.iter().find(|(name, _)| name == "date");
            digest.update(format!("{from:?} {date:?} {:?} {text}", raw.subject));
        }
    }
    digest.finalize().into()
}
