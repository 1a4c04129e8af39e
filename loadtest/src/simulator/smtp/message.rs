//! What the ledger wants from a message: its notification id and its marker.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use uuid::Uuid;

use crate::marker::Marker;
use crate::simulator::NOTIFICATION_HEADER;

/// The header block of a message.
pub(super) fn head(message: &[u8]) -> &[u8] {
    let end = memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    message.get(..end).unwrap_or(message)
}

/// Header names in lower case with their values, folded lines joined.
pub(super) fn headers(head: &[u8]) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in String::from_utf8_lossy(head).split("\r\n") {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    headers
}

pub(super) fn notification_id(headers: &[(String, String)]) -> Option<Uuid> {
    let value = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    value(NOTIFICATION_HEADER)
        .and_then(|id| id.trim().parse().ok())
        .or_else(|| {
            let (local, _) = value("message-id")?.strip_prefix('<')?.split_once('@')?;
            local.parse().ok()
        })
}

/// The marker in the raw message, or in one of its base64 parts.
pub(super) fn marker(message: &[u8]) -> Option<Marker> {
    Marker::find(message).or_else(|| in_base64(message))
}

fn in_base64(message: &[u8]) -> Option<Marker> {
    let lower = message.to_ascii_lowercase();
    memmem::find_iter(&lower, b"content-transfer-encoding: base64").find_map(|at| {
        let part = message.get(at..)?;
        let body = part.get(memmem::find(part, b"\r\n\r\n")?..)?;
        let encoded: Vec<u8> = body
            .iter()
            .copied()
            .skip_while(|byte| byte.is_ascii_whitespace())
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte))
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        Marker::find(&STANDARD.decode(encoded).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_header_goes_before_the_message_id() {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let both = format!("Message-ID: <{second}@x>\r\nX-Herald-Notification-Id:\r\n {first}");
        let found = headers(both.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(notification_id(&found), Some(first));
        let one = format!("message-id: <{second}@x>");
        assert_eq!(notification_id(&headers(one.as_bytes())), Some(second));
        assert_eq!(notification_id(&headers(b"Message-ID: <a@x>")), None);
    }

    #[test]
    fn base64_does_not_hide_the_marker() {
        let encoded = STANDARD.encode("Grüße, hk:5:6; und mehr");
        let (first, second) = encoded.split_at(10);
        let message = format!(
            "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n{first}\r\n{second}\r\n--end\r\n"
        );
        assert_eq!(marker(message.as_bytes()), Some(Marker::new(5, 6)));
    }
}
