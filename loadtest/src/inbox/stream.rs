//! An open stream of an inbox, frame by frame.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A frame that is an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamedFrame {
    /// What it is.
    pub event: String,
    /// Its place, where it has one.
    pub id: Option<u64>,
    /// What it says, as JSON.
    pub data: String,
}

/// An open stream.
#[derive(Debug)]
pub struct StreamReader {
    reader: BufReader<TcpStream>,
    line: String,
}

impl StreamReader {
    /// Opens a stream of the person whose token this is at `host:port`, behind a place, if any.
    ///
    /// # Errors
    /// It is refused, or nobody answers.
    pub async fn open(address: &str, token: &str, last: Option<u64>) -> Result<Self> {
        let mut socket = TcpStream::connect(address).await.context("connecting")?;
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let request = format!(
            "GET /v1/inbox/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        );
        socket.write_all(request.as_bytes()).await?;
        let mut stream = Self {
            reader: BufReader::with_capacity(1_024, socket),
            line: String::new(),
        };
        if !stream.read_line().await? || !stream.line.starts_with("HTTP/1.1 200") {
            bail!("the stream was refused: {}", stream.line.trim());
        }
        Ok(stream)
    }

    /// The next frame that is an event; `None` at the stream's end. Lines of the transfer itself are passed over.
    ///
    /// # Errors
    /// The connection breaks.
    pub async fn next(&mut self) -> Result<Option<StreamedFrame>> {
        let mut frame = StreamedFrame::default();
        loop {
            if !self.read_line().await? {
                return Ok(None);
            }
            let line = self.line.trim_end();
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut frame.event);
            } else if let Some(id) = line.strip_prefix("id: ") {
                frame.id = id.parse().ok();
            } else if let Some(data) = line.strip_prefix("data: ") {
                data.clone_into(&mut frame.data);
            } else if line.is_empty() && !frame.event.is_empty() {
                return Ok(Some(frame));
            }
        }
    }

    async fn read_line(&mut self) -> Result<bool> {
        self.line.clear();
        Ok(self.reader.read_line(&mut self.line).await? > 0)
    }
}
