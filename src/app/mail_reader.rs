//! Reads mails for the support desk, by the library that providers use.

use crate::providers::mail_reading::{ReadMail, decode_text, html_as_text, read_mail};
use crate::tickets::domain::MailFile;
use crate::tickets::mail::{MailReader, RawMail};

/// Reads mails.
pub const READER: MailReader = MailReader {
    read: |bytes| read_mail(bytes).map(raw),
    decode: decode_text,
    text_of_html: html_as_text,
};

fn raw(mail: ReadMail) -> RawMail {
    let files = mail.files.into_iter();
    let files = files.map(|(name, kind, bytes)| MailFile { name, kind, bytes });
    RawMail {
        from: mail.from,
        to: mail.to,
        subject: mail.subject,
        message_id: mail.message_id,
        return_path: mail.return_path,
        headers: mail.headers,
        text: mail.text,
        files: files.collect(),
    }
}

#[cfg(test)]
mod tests;
