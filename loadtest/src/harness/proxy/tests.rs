use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;

/// Far more than a loopback takes: only a fault lasts longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers with what it is told, behind a proxy.
struct Ground {
    proxy: Proxy,
    received: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Ground {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("echo://me@{}/", listener.local_addr().unwrap());
        let received = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&received);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, Arc::clone(&counted)));
            }
        });
        Self {
            proxy: Proxy::before(&url).await.unwrap(),
            received,
            server,
        }
    }

    async fn client(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address).await.unwrap()
    }

    /// One that works at this moment.
    async fn working(&self) -> TcpStream {
        let mut client = self.client().await;
        assert_eq!(answer(&mut client).await, Some(1));
        client
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn echo(mut stream: TcpStream, counted: Arc<AtomicUsize>) {
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte).await {
        counted.fetch_add(1, Ordering::SeqCst);
        stream.write_all(&byte).await.unwrap();
    }
}

/// Says something and waits for the answer: how many bytes of it came; `None` when none comes at all.
async fn answer(client: &mut TcpStream) -> Option<usize> {
    client.write_all(b"x").await.unwrap();
    let mut byte = [0];
    let answered = timeout(PATIENCE, client.read(&mut byte)).await.ok()?;
    Some(answered.unwrap_or(0))
}

/// What a client has been told so far, without waiting.
fn told(client: &TcpStream) -> Result<usize, ErrorKind> {
    client.try_read(&mut [0]).map_err(|error| error.kind())
}

#[tokio::test]
async fn a_cut_is_heard_of() {
    let ground = Ground::new().await;
    let mut client = ground.working().await;
    ground.proxy.cut();
    let ended = timeout(PATIENCE, client.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap_or(0), 0);
    ground.working().await;
}

#[tokio::test]
async fn what_stalls_arrives_after_all() {
    let ground = Ground::new().await;
    let mut client = ground.working().await;
    ground.proxy.stall();
    client.write_all(b"x").await.unwrap();
    assert_eq!(ground.received(), 1);
    ground.proxy.flow();
    let answered = timeout(PATIENCE, client.read(&mut [0])).await.unwrap();
    assert_eq!(answered.unwrap(), 1);
    assert_eq!(ground.received(), 2);
}

#[tokio::test]
async fn answers_come_late_by_what_was_asked_for() {
    let ground = Ground::new().await;
    let mut client = ground.working().await;
    let delay = Duration::from_millis(50);
    ground.proxy.delay(delay);
    let began = Instant::now();
    assert_eq!(answer(&mut client).await, Some(1));
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_swallowed_is_gone_and_new_connections_work() {
    let ground = Ground::new().await;
    let mut silent = ground.working().await;
    ground.proxy.swallow();
    silent.write_all(b"x").await.unwrap();
    for _ in 0..10 {
        ground.working().await;
    }
    assert_eq!(told(&silent), Err(ErrorKind::WouldBlock));
    assert_eq!(
        ground.received(),
        11,
        "what was swallowed reached the server"
    );
    // Not even a flow after a stall wakes it.
    ground.proxy.stall();
    ground.proxy.flow();
    ground.working().await;
    assert_eq!(told(&silent), Err(ErrorKind::WouldBlock));
    ground.proxy.cut();
    let ended = timeout(PATIENCE, silent.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap_or(0), 0);
}

#[tokio::test]
async fn who_is_isolated_is_not_answered_on_new_connections_until_it_rejoins() {
    let ground = Ground::new().await;
    let old = ground.working().await;
    ground.proxy.isolate();
    let mut new = ground.client().await;
    new.write_all(b"x").await.unwrap();
    ground.proxy.taken(2).await;
    ground.proxy.rejoin();
    ground.working().await;
    for silent in [&old, &new] {
        assert_eq!(told(silent), Err(ErrorKind::WouldBlock));
    }
    assert_eq!(ground.received(), 2);
}
