//! The least request that each provider's description allows.

use uuid::Uuid;

use super::envelope::{Text, json};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// SendGrid: one recipient, one plain text.
pub(super) fn mail(out: &mut Vec<u8>, id: Uuid, to: &str, text: &Text<'_>) {
    out.extend_from_slice(br#"{"personalizations":[{"to":[{"email":"#);
    json(out, to);
    out.extend_from_slice(br#"}],"custom_args":{"herald_notification_id":""#);
    uuid(out, id);
    out.extend_from_slice(br#""}}],"from":{"email":"hello@example.com"},"subject":"#);
    json(out, &text.head);
    out.extend_from_slice(br#","content":[{"type":"text/plain","value":"#);
    json(out, &text.body);
    out.extend_from_slice(b"}]}");
}

/// Twilio: a form.
pub(super) fn text_message(out: &mut Vec<u8>, to: &str, text: &Text<'_>) {
    out.extend_from_slice(b"From=%2B15005550006&To=");
    escape(out, to);
    out.extend_from_slice(b"&Body=");
    escape(out, &text.body);
}

/// FCM: one device.
pub(super) fn push(out: &mut Vec<u8>, token: &str, priority: &str, text: &Text<'_>) {
    out.extend_from_slice(br#"{"message":{"token":"#);
    json(out, token);
    out.extend_from_slice(br#","notification":{"title":"#);
    json(out, &text.head);
    out.extend_from_slice(br#","body":"#);
    json(out, &text.body);
    out.extend_from_slice(br#"},"android":{"priority":""#);
    let hurries = matches!(priority, "urgent" | "high");
    out.extend_from_slice(if hurries { b"HIGH" } else { b"NORMAL" });
    out.extend_from_slice(br#""}}}"#);
}

/// Slack: a post.
pub(super) fn chat(out: &mut Vec<u8>, id: Uuid, to: &str, text: &Text<'_>) {
    out.extend_from_slice(br#"{"channel":"#);
    json(out, to);
    out.extend_from_slice(br#","text":"#);
    json(out, &text.body);
    out.extend_from_slice(
        br#","metadata":{"event_type":"herald_notification","event_payload":{"notification_id":""#,
    );
    uuid(out, id);
    out.extend_from_slice(br#""}}}"#);
}

/// `application/x-www-form-urlencoded`.
pub(super) fn escape(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len());
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

fn uuid(out: &mut Vec<u8>, id: Uuid) {
    let mut text = Uuid::encode_buffer();
    out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
}
