//! A TCP proxy between the engine and a server, that stands for the network's faults.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a server; dropped, it cuts them.
pub(crate) struct Proxy {
    address: SocketAddr,
    server: String,
    state: Arc<watch::Sender<State>>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct State {
    stalled: bool,
    /// Counts up with each cut.
    cuts: u64,
}

impl Proxy {
    /// A place to listen at, where nobody listens yet, before the server that a URL names.
    pub(crate) async fn absent(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_, rest) = url.rsplit_once('@').unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            server: rest.split(['/', '?']).next().unwrap().to_owned(),
            state: Arc::default(),
            listening: None,
        }
    }

    pub(crate) async fn before(url: &str) -> Self {
        let mut proxy = Self::absent(url).await;
        proxy.listen().await;
        proxy
    }

    /// The URL by which the server is reached through this.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(&self.server, &self.address.to_string())
    }

    /// Accepts connections from now on.
    pub(crate) async fn listen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (server, state) = (self.server.clone(), Arc::clone(&self.state));
        self.listening = Some(spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, state) = (server.clone(), state.subscribe());
                spawn(async move { connect(client, &server, state).await });
            }
        }));
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Passes nothing on, in either direction, without closing anything.
    pub(crate) fn stall(&self) {
        self.state.send_modify(|state| state.stalled = true);
    }

    /// Passes on what has gathered, and goes on.
    pub(crate) fn flow(&self) {
        self.state.send_modify(|state| state.stalled = false);
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

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own tasks, ended with the proxy"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

async fn connect(client: TcpStream, server: &str, state: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let cuts = state.borrow().cuts;
    let mut cut = state.clone();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whatever ends first ends all, and drops both sockets.
    tokio::select! {
        () = pump(from_client, to_server, state.clone()) => {}
        () = pump(from_server, to_client, state) => {}
        _ = cut.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| !state.stalled).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
