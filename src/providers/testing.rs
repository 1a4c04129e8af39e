//! Stand-ins for the tests of this room.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use jiff::Timestamp;
use loadtest::harness::certificates::Issued;
use loadtest::harness::ports::free_port;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::http::ReplyContext;
use super::{Delivery, Leave};
use crate::domain::{Account, Channel, Content, Priority, ProviderKind};

/// The notification of every test.
pub(crate) const ID: Uuid = uuid!("0190c1a0-0000-7000-8000-00000000000a");

/// The time of every test: 2026-11-20 12:00 UTC.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_795_176_000).unwrap()
}

/// TLS of a server that shows this certificate, and asks for none.
pub(crate) fn showing(identity: &Issued) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    Arc::new(config)
}

/// A delivery without a time limit.
pub(crate) fn delivery<'a>(address: &'a str, content: &'a Content) -> Delivery<'a> {
    Delivery {
        notification_id: ID,
        address,
        content,
        priority: Priority::Normal,
        expires_at: None,
        now: now(),
        traceparent: None,
        leave: Leave::for_good(),
        unsubscribe_url: None,
    }
}

/// An account for a test.
pub(crate) fn account(
    kind: ProviderKind,
    key: Option<&str>,
    secret: Option<&str>,
    config: Value,
) -> Account {
    let Value::Object(config) = config else {
        panic!("config is a table");
    };
    Account {
        id: Uuid::nil(),
        name: "main".to_owned(),
        kind,
        channel: kind.channel().unwrap_or(Channel::Email),
        priority: 0,
        weight: 1,
        rate_limit: None,
        timeout: Duration::from_secs(20),
        api_key: key.map(str::to_owned),
        api_secret: secret.map(str::to_owned),
        config,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// What a reply parser knows in a test.
pub(crate) fn seen() -> ReplyContext<'static> {
    ReplyContext {
        address: "ana@example.com",
        now: now(),
    }
}

/// A server on a thread of its own that treats every connection as `act` says, after it has read
/// one whole request.
pub(crate) struct Peer {
    /// Where it listens.
    pub(crate) url: String,
    requests: Receiver<String>,
}

impl Peer {
    /// Starts it. `act` gets the connection and the number of the request, from 0.
    pub(crate) fn start(mut act: impl FnMut(&mut TcpStream, usize) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let mut reader = BufReader::new(stream);
                let request = read_request(&mut reader);
                let _test_over = sender.send(request);
                act(reader.get_mut(), number);
            }
        });
        Self { url, requests }
    }

    /// Answers every request with this text.
    pub(crate) fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |stream, _| {
            let _gone = stream.write_all(answer.as_bytes());
        })
    }

    /// The next request that it got, head and body.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// How many more requests it has got.
    pub(crate) fn more(&self) -> usize {
        self.requests.try_iter().count()
    }
}

/// An HTTP/1.1 answer with a length.
pub(crate) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// Waits until the other side gives up.
pub(crate) fn hold(stream: &mut TcpStream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
}

/// An address at which nobody listens, nor will another test.
pub(crate) fn nobody() -> String {
    format!("http://127.0.0.1:{}", free_port().unwrap())
}

fn read_request(reader: &mut BufReader<TcpStream>) -> String {
    let mut request = String::new();
    let mut length = 0;
    loop {
        let start = request.len();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return request;
        }
        let line = request[start..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    let _cut_off = reader.read_exact(&mut body);
    request.push_str(&String::from_utf8_lossy(&body));
    request
}
