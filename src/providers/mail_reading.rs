//! Mails as they came, read: for whoever takes them.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html;
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};

/// Most files of a mail that are looked at.
const MOST_FILES: usize = 100;
/// Most addresses that are looked at.
const MOST_ADDRESSES: usize = 200;

/// What a mail says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadMail {
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
    /// Its headers as they are written: names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its texts; what is HTML alone, as text.
    pub text: String,
    /// Its files: name, media type, bytes.
    pub files: Vec<(String, Option<String>, Vec<u8>)>,
}

/// A mail, or the head of one; `None`: it is none.
#[must_use]
pub fn read_mail(bytes: &[u8]) -> Option<ReadMail> {
    let message = MessageParser::default().parse(bytes)?;
    let texts = (0..message.text_body_count()).filter_map(|at| message.body_text(at));
    let text = texts.collect::<Vec<Cow<'_, str>>>().join("\n");
    let return_path = match message.return_path() {
        HeaderValue::Text(path) => Some(path.clone().into_owned()),
        _ => None,
    };
    let from = message.from().and_then(|from| from.first()?.address());
    let headers = message.headers_raw();
    let headers =
        headers.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
    Some(ReadMail {
        from: from.map(str::to_owned),
        to: named(&message),
        subject: message.subject().unwrap_or_default().to_owned(),
        message_id: message.message_id().map(str::to_owned),
        return_path,
        headers: headers.collect(),
        text,
        files: files(&message),
    })
}

fn named(message: &Message<'_>) -> Vec<String> {
    let all = [message.to(), message.cc()].into_iter().flatten();
    let all = all
        .flat_map(|list| list.iter())
        .filter_map(|it| it.address());
    all.take(MOST_ADDRESSES).map(str::to_owned).collect()
}

fn files(message: &Message<'_>) -> Vec<(String, Option<String>, Vec<u8>)> {
    let files = message.attachments();
    let files = files.filter(|part| !matches!(part.body, PartType::Multipart(_)));
    let files = files.map(|part| {
        let kind = part.content_type().map(|kind| match &kind.c_subtype {
            Some(sub) => format!("{}/{sub}", kind.c_type),
            None => kind.c_type.clone().into_owned(),
        });
        let name = part.attachment_name().unwrap_or_default();
        (name.to_owned(), kind, part.contents().to_vec())
    });
    files.take(MOST_FILES).collect()
}

/// A text in these letters; `None`: they are not known.
#[must_use]
pub fn decode_text(charset: &str, bytes: &[u8]) -> Option<String> {
    charset_decoder(charset.as_bytes()).map(|decode| decode(bytes))
}

/// What HTML says, as text.
#[must_use]
pub fn html_as_text(text: &str) -> String {
    html::html_to_text(text)
}
