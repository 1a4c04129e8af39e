//! Leave that ends before a request could be written.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use futures_util::FutureExt;
use jiff::Timestamp;
use loadtest::harness::certificates::{Authority, Validity};
use rustls::{ServerConnection, StreamOwned};

use super::secured::trusting;
use super::*;
use crate::providers::testing::showing;

/// A lease that can be lost and found.
#[derive(Clone, Default)]
struct TestLease(Arc<AtomicBool>);

impl TestLease {
    fn set(&self, held: bool) {
        self.0.store(held, Ordering::SeqCst);
    }

    fn leave(&self) -> Leave {
        let held = Arc::clone(&self.0);
        Leave::new(move || held.load(Ordering::SeqCst), Timestamp::MAX)
    }
}

async fn ask(client: &HttpClient, url: &str, leave: &Leave) -> Result<u16, HttpTransportError> {
    let endpoint = HttpEndpoint::new(url.parse().unwrap(), json_headers(None));
    let deadline = clock::instant() + Duration::from_secs(20);
    let request = endpoint.bare(Method::POST, "{}");
    let answer = client.call(request, leave, deadline).await;
    answer.map(|answer| answer.status)
}

/// The connection of a request, by number, and the protocol that was agreed on.
type SeenRequest = (usize, Option<Vec<u8>>);

/// A server that takes the lease away before each handshake, speaks whichever HTTP is chosen first, and
/// tells of every request what protocol was agreed on.
fn losing(lease: TestLease, authority: &Authority) -> (String, Receiver<SeenRequest>) {
    let identity = authority.issue(&["localhost"], Validity::Now).unwrap();
    let mut config = (*showing(&identity)).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let (told, requests) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            lease.set(false);
            while stream.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                let agreed = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
                let _test_over = told.send((number, agreed));
                let _gone = stream.write_all(http(202, "", "").as_bytes());
            }
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_lease_lost_during_the_handshake_stops_the_request_and_keeps_the_connection() {
    let (authority, folder) = (
        Authority::new("Ours").unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.certificate()).unwrap();
    let (client, lease) = (trusting(&ca), TestLease::default());
    let (url, requests) = losing(lease.clone(), &authority);
    lease.set(true);
    let lost = ask(&client, &url, &lease.leave()).await;
    assert_eq!(lost, Err(HttpTransportError::CalledOff));
    assert_eq!(requests.try_recv().ok(), None);
    // Another decision: the slow handshake need not be made again.
    lease.set(true);
    assert_eq!(ask(&client, &url, &lease.leave()).await, Ok(202));
    let (connection, agreed) = requests.recv().unwrap();
    assert_eq!(connection, 0);
    assert_eq!(agreed.as_deref(), Some(b"http/1.1".as_slice()));
}

#[tokio::test]
async fn leave_is_asked_for_before_the_first_byte_is_written() {
    let peer = Peer::start(|_, _| {});
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Given when the connection is there, gone when it takes the request up.
    let is_held = move || count.fetch_add(1, Ordering::SeqCst) == 0;
    let leave = Leave::new(is_held, Timestamp::MAX);
    let called_off = ask(&HttpClient::plain(), &peer.url, &leave).await;
    assert_eq!(called_off, Err(HttpTransportError::CalledOff));
    assert_eq!(peer.request(), "", "not a byte of it");
    assert!(asked.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_decision_that_has_ended_stops_the_request() {
    let peer = Peer::answering(http(200, "", ""));
    let ended = Leave::new(|| true, clock::now());
    let client = HttpClient::plain();
    let called_off = ask(&client, &peer.url, &ended).await;
    let reply = called_off.unwrap_err().into_reply();
    let code = reply.code.as_deref();
    assert_eq!((reply.class, code), (Class::Throttled, Some("called_off")));
    assert_eq!(ask(&client, &peer.url, Leave::for_good()).await, Ok(200));
    assert!(peer.request().contains("content-length: 2"));
    assert_eq!(peer.more(), 0);
}

#[tokio::test]
async fn what_found_no_connection_in_time_was_surely_not_sent() {
    // It takes connections, and never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}");
    let trouble = call_within(&url, Duration::from_millis(50)).await;
    assert_eq!(trouble.unwrap_err().into_reply().class, Class::Transient);
}

#[tokio::test]
async fn a_request_that_hangs_holds_up_no_other_and_connections_are_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, connections) = channel();
    std::thread::spawn(move || {
        // The first one hangs, the others answer whatever comes.
        let mut held = vec![];
        for mut stream in listener.incoming().flatten() {
            told.send(()).unwrap();
            if held.is_empty() {
                held.push(stream);
                continue;
            }
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                    let _gone = stream.write_all(http(202, "", "{}").as_bytes());
                }
            });
        }
    });
    let client = HttpClient::plain();
    let good = Leave::for_good();
    let mut hangs = std::pin::pin!(ask(&client, &url, good));
    while connections.try_recv().is_err() {
        assert!((&mut hangs).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert_eq!(ask(&client, &url, good).await, Ok(202));
    }
    assert_eq!(connections.try_iter().count(), 1);
}
