//! A client of a stream, as simple as can be: it reads frames, and says when the stream ends.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::database::PATIENCE;

/// An open stream.
pub(super) struct StreamClient {
    reader: BufReader<TcpStream>,
    /// Status line and headers, in lower case.
    pub(super) head: String,
    text: String,
}

/// A frame: an event, or the comment or the `retry` of one that is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) event: String,
    pub(super) id: Option<i64>,
    pub(super) data: Value,
    pub(super) retry: Option<u64>,
    pub(super) comment: String,
}

impl Frame {
    fn of(text: &str) -> Self {
        let mut frame = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap();
            let value = value.trim_start();
            match name {
                "" => frame.comment = value.to_owned(),
                "event" => frame.event = value.to_owned(),
                "id" => frame.id = Some(value.parse().unwrap()),
                "data" => frame.data = serde_json::from_str(value).unwrap(),
                "retry" => frame.retry = Some(value.parse().unwrap()),
                other => panic!("{other}"),
            }
        }
        frame
    }
}

impl StreamClient {
    /// Opens a stream of `http://host:port`; with a small window where nothing is to be read.
    pub(super) async fn open(
        url: &str,
        path: &str,
        headers: &[&str],
        window: Option<u32>,
    ) -> std::io::Result<Self> {
        let address = url.strip_prefix("http://").unwrap();
        let address = address.trim_end_matches('/').parse().unwrap();
        let socket = TcpSocket::new_v4()?;
        if let Some(window) = window {
            socket.set_recv_buffer_size(window)?;
        }
        let mut stream = socket.connect(address).await?;
        let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: herald\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line.to_lowercase());
        }
        Ok(Self {
            reader,
            head,
            text: String::new(),
        })
    }

    /// The next frame; `None` at the end, however it came.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (Frame::of(frame), rest.to_owned());
                self.text = rest;
                return Some(frame);
            }
            let chunk = self.chunk().await.ok()??;
            self.text.push_str(&chunk);
        }
    }

    async fn chunk(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Ok(length) = usize::from_str_radix(line.trim(), 16) else {
            return Ok(None);
        };
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).await?;
        chunk.truncate(length);
        Ok((length > 0).then(|| String::from_utf8(chunk).unwrap()))
    }

    /// The next frame that is such an event; others are passed over.
    pub(super) async fn event(&mut self, name: &str) -> Frame {
        self.until(|frame| frame.event == name).await
    }

    /// The next frame of which something holds.
    pub(super) async fn until(&mut self, holds: impl Fn(&Frame) -> bool) -> Frame {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let frame = self.frame().await.expect("the stream ends");
                if holds(&frame) {
                    return frame;
                }
            }
        });
        found.await.expect("no such frame comes")
    }

    /// All frames up to the end.
    pub(super) async fn rest(&mut self) -> Vec<Frame> {
        let mut rest = vec![];
        let read = tokio::time::timeout(PATIENCE, async {
            while let Some(frame) = self.frame().await {
                rest.push(frame);
            }
        });
        read.await.expect("the stream does not end");
        rest
    }
}
