//! A very small HTTP client: one request, one connection. Enough to ask a simulator or an engine's
//! readiness; it speaks plain HTTP only.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Status line and headers as they came.
    pub head: String,
    /// The body; still in chunks if the server chose so.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the head has this header line, whatever its case.
    #[must_use]
    pub fn has_header(&self, line: &str) -> bool {
        self.head
            .lines()
            .any(|given| given.eq_ignore_ascii_case(line))
    }
}

/// Sends `method` to `url` with header lines (`name: value`) and a body.
///
/// # Errors
/// When `url` is not `http://host:port/path`, the server cannot be reached, or it closes the
/// connection before a whole head.
pub async fn request(method: &str, url: &str, headers: &[&str], body: &[u8]) -> io::Result<Answer> {
    let (host, path) = parts(url)?;
    let mut stream = TcpStream::connect(host).await?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    parse(&all)
}

/// Asks for `url`.
///
/// # Errors
/// As [`request`].
pub async fn get(url: &str) -> io::Result<Answer> {
    request("GET", url, &[], b"").await
}

fn parts(url: &str) -> io::Result<(&str, &str)> {
    let wrong = || {
        let message = format!("{url} is not an address of the form http://host:port/path");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    if !host.contains(':') {
        return Err(wrong());
    }
    Ok((host, if path.is_empty() { "/" } else { path }))
}

fn parse(all: &[u8]) -> io::Result<Answer> {
    let cut = || {
        let message = "the server closed the connection without a whole answer";
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    };
    let end = memchr::memmem::find(all, b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(all.get(..end).unwrap_or_default()).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(cut)?;
    let body = all.get(end + 4..).unwrap_or_default().to_vec();
    Ok(Answer { status, head, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(parts("http://a:1/b?c").unwrap(), ("a:1", "/b?c"));
        assert_eq!(parts("http://a:1").unwrap(), ("a:1", "/"));
        assert!(parts("https://a:1/").is_err());
        assert!(parts("http://a/").is_err());
    }
}
