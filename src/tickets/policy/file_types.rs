//! What a file is: by its first bytes, beside what it is said to be.

use crate::tickets::domain::FileRefusal;

/// First bytes of a file that are looked at.
pub const HEAD_BYTES: usize = 16 * 1_024;
/// First bytes of a text in which marks of a page are looked for.
const MARK_BYTES: usize = 2_048;
/// What is nothing that we know.
const ANYTHING: &str = "application/octet-stream";
/// What is a text and no more.
const PLAIN: &str = "text/plain";

/// The media type of a file, or why it is not taken. A file that is said to be something that its first bytes are not is
/// refused: whoever opens it would be surprised.
///
/// # Errors
/// It is something else than it is said to be, or not allowed.
pub fn media_type(
    declared: Option<&str>,
    head: &[u8],
    allowed: &[String],
) -> Result<String, FileRefusal> {
    let declared = declared.map(essence).filter(|kind| kind != ANYTHING);
    let found = sniffed(head);
    let kind = match (declared, found) {
        (None, Some(found)) => found.to_owned(),
        (None, None) => ANYTHING.to_owned(),
        (Some(declared), Some(found)) => {
            agreed(&declared, found).ok_or(FileRefusal::Mismatch { declared })?
        }
        // Nothing that has a mark of its own.
        (Some(declared), None) => match has_mark(&declared) {
            true => return Err(FileRefusal::Mismatch { declared }),
            false => declared,
        },
    };
    match allowed.iter().any(|one| essence(one) == kind) {
        true => Ok(kind),
        false => Err(FileRefusal::NotAllowed(kind)),
    }
}

/// A type without its parameters, in one spelling; what is none is unknown.
fn essence(declared: &str) -> String {
    let kind = declared.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let is_token = |part: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        !part.is_empty() && part.len() <= 127 && part.chars().all(fine)
    };
    let parts = kind.split_once('/');
    if !parts.is_some_and(|(main, sub)| is_token(main) && is_token(sub)) {
        return ANYTHING.to_owned();
    }
    match kind.as_str() {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-png" => "image/png",
        "image/x-ms-bmp" | "image/x-bmp" => "image/bmp",
        "application/x-zip-compressed" | "application/x-zip" => "application/zip",
        "application/x-gzip" => "application/gzip",
        "application/x-pdf" => "application/pdf",
        "application/xml" | "application/xhtml+xml" => "text/xml",
        "application/x-msword" => "application/msword",
        "application/csv" => "text/csv",
        "text/rtf" => "application/rtf",
        "audio/x-wav" | "audio/wav" | "audio/wave" => "audio/x-wav",
        "audio/mp3" => "audio/mpeg",
        other => other,
    }
    .to_owned()
}

/// What the first bytes say; `None`: nothing that has a mark.
fn sniffed(head: &[u8]) -> Option<&'static str> {
    if let Some(page) = page(head) {
        return Some(page);
    }
    let known = infer::get(head);
    match known {
        // A script is a text, wherever it is read.
        Some(known) if known.matcher_type() == infer::MatcherType::Text => Some(PLAIN),
        Some(known) => Some(known.mime_type()),
        None => is_text(head).then_some(PLAIN),
    }
}

/// What browsers would show as a page, or as a picture that may hold scripts, however it is called.
fn page(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begins = head.get(..MARK_BYTES).unwrap_or(head);
    // A text in two bytes a character looks the same without its zeros.
    let text: String = begins
        .iter()
        .filter(|byte| **byte != 0 && **byte < 0x80)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let text = text.trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let pages = [
        "<!doctype html",
        "<html",
        "<script",
        "<body",
        "<head",
        "<iframe",
    ];
    if text.contains("<svg") {
        return Some("image/svg+xml");
    }
    if pages.iter().any(|mark| text.contains(mark)) {
        return Some("text/html");
    }
    text.starts_with("<?xml").then_some("text/xml")
}

/// UTF-8 without controls that no text has; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => head
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok()),
        Err(_) => None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    whole.is_some_and(|text| !text.is_empty() && !text.contains(odd))
}

/// The type of both; `None`: one of them is wrong.
fn agreed(declared: &str, found: &str) -> Option<String> {
    let found = essence(found);
    let is_declared = declared == found
        || match found.as_str() {
            // A page or a picture with scripts is nothing else, whoever says so.
            PLAIN => is_textual(declared),
            "text/xml" => declared.ends_with("+xml") && declared != "image/svg+xml",
            "application/zip" => is_zipped(declared),
            "application/x-ole-storage" => is_ole(declared),
            "application/gzip" => declared == "application/x-tar" || declared.ends_with("+gzip"),
            "video/mp4" => matches!(declared, "audio/mp4" | "video/quicktime" | "audio/x-m4a"),
            "audio/m4a" => matches!(declared, "audio/mp4" | "audio/x-m4a"),
            "image/heif" => declared == "image/heic",
            _ => false,
        };
    let is_found = declared == "application/zip" && is_zipped(&found);
    match (is_declared, is_found) {
        (true, _) => Some(declared.to_owned()),
        (_, true) => Some(found),
        _ => None,
    }
}

fn is_textual(kind: &str) -> bool {
    let pages = ["text/html", "text/xml", "image/svg+xml"];
    let texts = [
        "application/json",
        "application/x-ndjson",
        "application/yaml",
        "application/toml",
        "application/x-sh",
        "application/javascript",
        "application/sql",
        "message/rfc822",
    ];
    !pages.contains(&kind)
        && (kind.starts_with("text/") || kind.ends_with("+json") || texts.contains(&kind))
}

fn is_zipped(kind: &str) -> bool {
    kind.starts_with("application/vnd.openxmlformats-officedocument.")
        || kind.starts_with("application/vnd.oasis.opendocument.")
        || kind.ends_with("+zip")
        || kind == "application/java-archive"
}

fn is_ole(kind: &str) -> bool {
    let kinds = [
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.ms-outlook",
    ];
    kinds.contains(&kind)
}

/// Whether every file of this type begins with a mark that is looked for.
fn has_mark(kind: &str) -> bool {
    let marked = [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/tiff",
        "image/heic",
        "image/heif",
        "image/svg+xml",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/rtf",
        "text/html",
        "text/xml",
    ];
    marked.contains(&kind) || is_zipped(kind) || is_ole(kind) || is_textual(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3";
    const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0";
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

    fn allowed() -> Vec<String> {
        [
            "image/png",
            "application/pdf",
            "text/plain",
            "text/csv",
            "application/zip",
            DOCX,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn is(declared: &str, head: &[u8]) -> Result<String, FileRefusal> {
        let declared = Some(declared).filter(|kind| !kind.is_empty());
        media_type(declared, head, &allowed())
    }

    fn mismatch(declared: &str) -> Result<String, FileRefusal> {
        let declared = declared.to_owned();
        Err(FileRefusal::Mismatch { declared })
    }

    fn not_allowed(kind: &str) -> Result<String, FileRefusal> {
        Err(FileRefusal::NotAllowed(kind.to_owned()))
    }

    #[test]
    fn a_file_is_what_it_begins_like() {
        let good = |kind: &str| Ok(kind.to_owned());
        let zip = b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for (declared, head, told) in [
            ("image/png", PNG, good("image/png")),
            ("IMAGE/PNG; x=1", PNG, good("image/png")),
            ("", PNG, good("image/png")),
            ("application/octet-stream", PDF, good("application/pdf")),
            ("nonsense", PDF, good("application/pdf")),
            ("image/png", PDF, mismatch("image/png")),
            ("text/plain", PNG, mismatch("text/plain")),
            ("text/plain", EXE, mismatch("text/plain")),
            (
                "",
                EXE,
                not_allowed("application/vnd.microsoft.portable-executable"),
            ),
            ("text/csv", b"a;b\n1;2\n", good("text/csv")),
            ("text/plain", "Grüße".as_bytes(), good("text/plain")),
            ("text/plain", &"Grüß".as_bytes()[..5], good("text/plain")),
            ("text/plain", b"\xff\xfe\x01", mismatch("text/plain")),
            ("", b"Hello", good("text/plain")),
            ("application/zip", zip, good("application/zip")),
            (DOCX, zip, good(DOCX)),
            ("image/png", zip, mismatch("image/png")),
            (DOCX, PNG, mismatch(DOCX)),
            ("image/png", b"\0\0\0", mismatch("image/png")),
        ] {
            assert_eq!(is(declared, head), told, "{declared} {head:?}");
        }
    }

    /// Whatever somebody calls it: a browser would run what is in it.
    #[test]
    fn a_page_and_a_picture_with_scripts_pass_as_nothing_else() {
        let wide: Vec<u8> = "<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for page in [
            b"<!DOCTYPE html><p>" as &[u8],
            b"  \n<html>",
            b"<script>alert(1)</script>",
            b"\xef\xbb\xbf<HTML>",
            &wide,
            b"<?xml version=\"1.0\"?><html/>",
        ] {
            assert_eq!(is("text/plain", page), mismatch("text/plain"), "{page:?}");
            assert_eq!(is("", page), not_allowed("text/html"), "{page:?}");
            assert_eq!(is("text/html", page), not_allowed("text/html"));
        }
        for picture in [
            b"<svg onload=1>" as &[u8],
            b"<?xml version=\"1.0\"?>\n<!-- a --><svg/>",
        ] {
            assert_eq!(is("image/png", picture), mismatch("image/png"));
            assert_eq!(is("", picture), not_allowed("image/svg+xml"));
        }
    }
}
