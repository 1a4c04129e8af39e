//! A TCP proxy between an engine and a server, that stands for the network's faults.
//!
//! What a network does to a connection is of three kinds. It is **cut**: both ends hear of it. It
//! **stalls**: packets are late, and arrive after all. It goes **silent**: packets are gone for good and
//! neither end hears of it, as when a machine loses its power, a fail-over moves an address to another
//! machine, or a NAT forgets a connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ports::free_port;

const BUFFER_BYTES: usize = 64 * 1_024;

/// Passes connections on to a server; dropped, it cuts them.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: String,
    state: Arc<watch::Sender<State>>,
    /// Connections that were taken so far.
    taken: Arc<watch::Sender<u64>>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Whom silence and cuts concern: clients that have said this.
    aim: Option<&'static str>,
    /// Clients that are aimed at are cut as they say it.
    refusing: bool,
    /// Clients that are aimed at are not told of notices.
    muted: bool,
    stalled: bool,
    /// How late what the server says arrives.
    delay: Duration,
    /// Connections that are made now are silent from the start.
    isolated: bool,
    /// Counts up with each cut.
    cuts: u64,
    /// Counts up each time that the connections of the moment go silent.
    silences: u64,
}

impl Proxy {
    /// A place to listen at, where nobody listens yet, before the server that a URL names.
    ///
    /// # Errors
    /// When the URL names no server, or no port is free.
    pub fn absent(url: &str) -> io::Result<Self> {
        let server = server_of(url).ok_or_else(|| {
            let what = "a proxy wants a URL that names user, host and port";
            io::Error::new(io::ErrorKind::InvalidInput, what)
        })?;
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, free_port()?).into(),
            server: server.to_owned(),
            state: Arc::default(),
            taken: Arc::default(),
            listening: None,
        })
    }

    /// One that listens before the server that a URL names.
    ///
    /// # Errors
    /// When the URL names no server, or no port is free.
    pub async fn before(url: &str) -> io::Result<Self> {
        let mut proxy = Self::absent(url)?;
        proxy.listen().await?;
        Ok(proxy)
    }

    /// The URL by which the server is reached through this.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        url.replacen(&self.server, &self.address.to_string(), 1)
    }

    /// Accepts connections from now on.
    ///
    /// # Errors
    /// When somebody else has taken the port.
    pub async fn listen(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        let (server, state) = (self.server.clone(), Arc::clone(&self.state));
        let taken = Arc::clone(&self.taken);
        self.listening = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, state) = (server.clone(), state.subscribe());
                let born = *state.borrow();
                tokio::spawn(async move { serve(client, &server, state, born).await });
                taken.send_modify(|taken| *taken += 1);
            }
        }));
        Ok(())
    }

    /// Waits until so many connections were taken in all.
    pub async fn taken(&self, count: u64) {
        let mut taken = self.taken.subscribe();
        // The sender lives as long as this value.
        let _ = taken.wait_for(|taken| *taken >= count).await;
    }

    /// From now on silences, cuts, refusals and muting concern only the connections whose client says
    /// this, such as a statement that one of them alone makes.
    pub fn aim(&self, words: &'static str) {
        self.state.send_modify(|state| state.aim = Some(words));
    }

    /// Cuts the connections that are aimed at as soon as they say the words, or lets them be again.
    pub fn refuse(&self, refusing: bool) {
        self.state.send_modify(|state| state.refusing = refusing);
    }

    /// Leaves out what a PostgreSQL server tells on its own account (`NotificationResponse`) to those
    /// that are aimed at; all else passes, as through a pooler. To be called while they are idle.
    pub fn mute(&self) {
        self.state.send_modify(|state| state.muted = true);
    }

    /// Cuts every connection, silent ones as well: both ends hear of it.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Passes nothing on, in either direction, without closing anything: on new connections neither.
    pub fn stall(&self) {
        self.state.send_modify(|state| state.stalled = true);
    }

    /// From now on the server's answers come so much later.
    pub fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Passes on what has gathered, and goes on.
    pub fn flow(&self) {
        self.state.send_modify(|state| state.stalled = false);
    }

    /// The connections of this moment go silent for good: what is written to them is taken and lost,
    /// also that one end has closed them. New ones work.
    pub fn swallow(&self) {
        self.state.send_modify(|state| state.silences += 1);
    }

    /// Cuts the clients off from the server as if their machine had lost its power: their connections
    /// go silent, and new ones are taken and never answered.
    pub fn isolate(&self) {
        self.state.send_modify(|state| {
            state.silences += 1;
            state.isolated = true;
        });
    }

    /// New connections work again; those that went silent stay so.
    pub fn rejoin(&self) {
        self.state.send_modify(|state| state.isolated = false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
        }
        self.cut();
    }
}

/// Host and port in a URL.
fn server_of(url: &str) -> Option<&str> {
    let (_, rest) = url.rsplit_once('@')?;
    rest.split(['/', '?']).next()
}

async fn serve(mut client: TcpStream, server: &str, state: watch::Receiver<State>, born: State) {
    let mut over = state.clone();
    let said = AtomicBool::new(false);
    let is_meant = |state: &State| state.aim.is_none() || said.load(Ordering::Acquire);
    let is_cut = over.wait_for(|state| state.cuts != born.cuts && is_meant(state));
    if born.isolated {
        tokio::select! {
            () = discard(&mut client) => {}
            _ = is_cut => {}
        }
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    // What is small is passed on at once, too.
    if client
        .set_nodelay(true)
        .and(server.set_nodelay(true))
        .is_err()
    {
        return;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut silenced, mut frames) = (state.clone(), Frames::default());
    let passing = async {
        // Whatever ends first ends all, and drops both sockets.
        tokio::select! {
            () = pump(&mut from_client, &mut to_server, state.clone(), false, |read| {
                let state = *state.borrow();
                let says = state.aim.is_some_and(|words| contains(read, words.as_bytes()));
                said.fetch_or(says, Ordering::AcqRel);
                (!(says && state.refusing)).then(|| read.to_vec())
            }) => {}
            () = pump(&mut from_server, &mut to_client, state.clone(), true, |read| {
                let state = *state.borrow();
                Some(if state.muted && is_meant(&state) {
                    frames.without_notices(read)
                } else {
                    read.to_vec()
                })
            }) => {}
            _ = silenced.wait_for(|state| state.silences != born.silences && is_meant(state)) => {
                return true;
            }
        }
        false
    };
    tokio::select! {
        is_silent = passing => if !is_silent { return },
        _ = is_cut => return,
    }
    let mut over = state.clone();
    tokio::select! {
        ((), ()) = async { tokio::join!(discard(&mut from_client), discard(&mut from_server)) } => {}
        _ = over.wait_for(|state| state.cuts != born.cuts && is_meant(state)) => {}
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// The messages of a PostgreSQL server: a byte for the kind, then the length, of which it is part.
#[derive(Debug, Default)]
struct Frames {
    incomplete: Vec<u8>,
}

impl Frames {
    /// Whole messages among what was read so far, but for notices.
    fn without_notices(&mut self, read: &[u8]) -> Vec<u8> {
        self.incomplete.extend_from_slice(read);
        let mut passed = vec![];
        while let Some([kind, length @ ..]) = self.incomplete.first_chunk::<5>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if self.incomplete.len() < length.saturating_add(1) {
                break;
            }
            let is_notice = *kind == b'A';
            let message: Vec<u8> = self.incomplete.drain(..=length).collect();
            if !is_notice {
                passed.extend(message);
            }
        }
        passed
    }
}

/// Takes all that comes and keeps the socket open beyond its end, so that the other side of the proxy
/// hears nothing of it; never ends.
async fn discard(from: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(1..) = from.read(&mut buffer).await {}
    std::future::pending().await
}

async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    is_late: bool,
    mut passed: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(mut count @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| !state.stalled).await.is_err() {
            return;
        }
        let delay = state.borrow().delay;
        if is_late && !delay.is_zero() {
            tokio::time::sleep(delay).await;
            // What came meanwhile is passed on with it: pieces of one answer are late together.
            let rest = buffer.get_mut(count..).unwrap_or_default();
            count += from.try_read(rest).unwrap_or_default();
        }
        let Some(read) = buffer.get(..count).and_then(&mut passed) else {
            return;
        };
        if to.write_all(&read).await.is_err() {
            break;
        }
    }
    // The end of a connection is a packet as well.
    let _ = state.wait_for(|state| !state.stalled).await;
}

#[cfg(test)]
mod tests;
