//! A publisher that says what no client library lets anybody say.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::stage::PATIENCE;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const END: u8 = 0xce;
/// Flags of the properties that are said here.
pub(crate) const HEADERS: u16 = 1 << 13;
pub(crate) const MESSAGE_ID: u16 = 1 << 7;
pub(crate) const TIMESTAMP: u16 = 1 << 6;

/// A connection with a channel that confirms.
pub(crate) struct RawPublisher {
    socket: TcpStream,
}

/// AMQP properties, byte by byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawProperties {
    pub(crate) flags: u16,
    pub(crate) values: Vec<u8>,
}

impl RawPublisher {
    /// Connects to a virtual host; the URL has user, password, host and port.
    pub(crate) fn connect(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let address = (url.host_str().unwrap(), url.port().unwrap());
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut publisher = Self { socket };
        publisher.socket.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
        publisher.expect(0, [0, 10, 0, 10]);
        let login = format!("\0{}\0{}", url.username(), url.password().unwrap());
        let start = [
            &table(b"")[..],
            &short(b"PLAIN"),
            &table(login.as_bytes()),
            &short(b"en_US"),
        ];
        publisher.call(0, [0, 10, 0, 11], &start.concat());
        publisher.expect(0, [0, 10, 0, 30]);
        // 2,047 channels, frames of 128 KiB, no heartbeat.
        publisher.call(0, [0, 10, 0, 31], &[7, 255, 0, 2, 0, 0, 0, 0]);
        let vhost = url.path().trim_start_matches('/').replace("%2f", "/");
        let open = [&short(vhost.as_bytes())[..], &[0, 0]].concat();
        publisher.call(0, [0, 10, 0, 40], &open);
        publisher.expect(0, [0, 10, 0, 41]);
        publisher.call(1, [0, 20, 0, 10], &[0]);
        publisher.expect(1, [0, 20, 0, 11]);
        publisher.call(1, [0, 85, 0, 10], &[0]);
        publisher.expect(1, [0, 85, 0, 11]);
        publisher
    }

    /// Publishes, and waits for the broker's confirm.
    pub(crate) fn publish(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &RawProperties,
        body: &[u8],
    ) {
        let publish = [
            &[0, 0][..],
            &short(exchange.as_bytes()),
            &short(routing_key),
            &[0],
        ];
        self.call(1, [0, 60, 0, 40], &publish.concat());
        let mut header = vec![0, 60, 0, 0];
        header.extend_from_slice(&u64::try_from(body.len()).unwrap().to_be_bytes());
        header.extend_from_slice(&properties.flags.to_be_bytes());
        header.extend_from_slice(&properties.values);
        self.send(HEADER, 1, &header);
        self.send(BODY, 1, body);
        self.expect(1, [0, 60, 0, 80]);
    }

    fn call(&mut self, channel: u16, method: [u8; 4], arguments: &[u8]) {
        self.send(METHOD, channel, &[&method[..], arguments].concat());
    }

    fn send(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend_from_slice(&channel.to_be_bytes());
        frame.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(payload);
        frame.push(END);
        self.socket.write_all(&frame).unwrap();
    }

    /// Waits for a method; any other one is the broker's refusal.
    fn expect(&mut self, channel: u16, method: [u8; 4]) {
        loop {
            let mut head = [0; 7];
            self.socket.read_exact(&mut head).unwrap();
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
            let mut payload = vec![0; usize::try_from(size).unwrap() + 1];
            self.socket.read_exact(&mut payload).unwrap();
            if head[0] != METHOD {
                continue;
            }
            let found = String::from_utf8_lossy(&payload);
            assert!(
                payload[..4] == method && head[1..3] == channel.to_be_bytes(),
                "{method:?} was expected, and came: {found}"
            );
            return;
        }
    }
}

impl RawProperties {
    /// Headers with these entries, byte by byte.
    pub(crate) fn headers(entries: &[u8]) -> Self {
        Self {
            flags: HEADERS,
            values: table(entries),
        }
    }

    pub(crate) fn message_id(id: &[u8]) -> Self {
        Self {
            flags: MESSAGE_ID,
            values: short(id),
        }
    }
}

pub(crate) fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text].concat()
}

/// A table, an array or a long string: a length and what it counts.
pub(crate) fn table(entries: &[u8]) -> Vec<u8> {
    let length = u32::try_from(entries.len()).unwrap().to_be_bytes();
    [&length[..], entries].concat()
}
