//! Nothing is missed and nothing comes twice: many writers at once, two nodes of which one is killed, clients that
//! reconnect when they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loadtest::harness::ports::free_port;
use serde_json::json;
use tokio::time::{Duration, timeout};

use super::client::StreamClient;
use super::{PATH, issued, person, send, stage};
use crate::faults::process;

const WRITERS: usize = 1_000;
const PEOPLE: usize = 4;
/// Longest time for everything: the killed node's lease ends first.
const LONG: Duration = Duration::from_secs(150);

fn id(person: usize) -> String {
    format!("0190c1a0-0000-7000-8000-0000000c0{person:03}")
}

/// A client that reads some frames, goes away, and comes back to either node, until it has so many items.
async fn reader(urls: [String; 2], token: String, wanted: usize) -> Vec<String> {
    let (mut items, mut last, mut turn) = (vec![], Some(0_i64), 0_usize);
    while items.len() < wanted {
        turn += rand::random_range(0..2_usize) + 1;
        let bearer = format!("Authorization: Bearer {token}");
        let resume = last.map(|last| format!("Last-Event-ID: {last}"));
        let headers = [Some(&bearer), resume.as_ref()].into_iter().flatten();
        let headers: Vec<&str> = headers.map(String::as_str).collect();
        let opened = StreamClient::open(&urls[turn % 2], PATH, &headers, None);
        let Ok(Ok(mut stream)) = timeout(Duration::from_secs(5), opened).await else {
            continue;
        };
        for _ in 0..rand::random_range(1..60) {
            let Ok(Some(frame)) = timeout(Duration::from_millis(700), stream.frame()).await else {
                break;
            };
            assert_ne!(frame.event, "reset");
            if frame.event == "item" {
                assert!(
                    last.is_none_or(|last| frame.id.unwrap() > last),
                    "in order, and once"
                );
                items.push(frame.data["id"].as_str().unwrap().to_owned());
            }
            last = frame.id.or(last);
        }
    }
    items
}

#[expect(
    clippy::disallowed_methods,
    reason = "clients beside the engine, in no task of its own"
)]
#[tokio::test(flavor = "multi_thread")]
async fn every_item_comes_once_and_in_order_though_a_node_is_killed_and_clients_come_and_go() {
    let (mut stage, shop) = stage().await;
    stage.set("HERALD__INBOX__STREAM_POLL", "1s");
    stage.set("HERALD__HTTP__PERSON_RATE", "0");
    let mut nodes = vec![];
    let mut urls = vec![];
    for _ in 0..2 {
        stage.set(
            "HERALD__HTTP__BIND",
            format!("127.0.0.1:{}", free_port().unwrap()),
        );
        nodes.push(process::engine(stage.herald(&["serve"])).await);
        urls.push(stage.url(""));
    }
    let urls: [String; 2] = urls.try_into().unwrap();
    let mut readers = vec![];
    for number in 0..PEOPLE {
        person(&stage, &shop, &id(number)).await;
        let token = issued(&stage, &shop, &id(number), &json!({})).await;
        for _ in 0..2 {
            // Each begins before anything is sent: the first sequence is behind nothing.
            let mut first = StreamClient::open(
                &urls[1],
                PATH,
                &[&format!("Authorization: Bearer {token}")],
                None,
            )
            .await
            .unwrap();
            assert_eq!(first.event("counts").await.id, Some(0));
            readers.push((number, urls.clone(), token.clone()));
        }
    }
    let done = Arc::new(AtomicUsize::new(0));
    let writers = (0..WRITERS).map(|at| {
        let (urls, shop, done) = (urls.clone(), shop.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            // The one that is killed is asked first by half of them; whoever gets no answer asks again.
            let title = format!("item {at}");
            let mut turn = at;
            loop {
                let to = id(at % PEOPLE);
                let sent = send(&urls[turn % 2], &shop, &to, &title, "text");
                if let Ok(Ok(id)) = timeout(Duration::from_secs(20), sent).await {
                    done.fetch_add(1, Ordering::SeqCst);
                    return (at % PEOPLE, id);
                }
                turn = 1;
                tokio::task::yield_now().await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let share = WRITERS / PEOPLE;
    let readers: Vec<_> = readers
        .into_iter()
        .map(|(number, urls, token)| {
            // Behind nothing: all that was sent meanwhile is told as well.
            (number, tokio::spawn(reader(urls, token, share)))
        })
        .collect();
    while done.load(Ordering::SeqCst) < WRITERS / 3 {
        tokio::task::yield_now().await;
    }
    nodes[0].kill().await.unwrap();
    let mut sent: Vec<Vec<String>> = vec![vec![]; PEOPLE];
    for writer in writers {
        let (to, id) = timeout(LONG, writer).await.unwrap().unwrap();
        sent[to].push(id);
    }
    for ids in &mut sent {
        ids.sort_unstable();
    }
    for (number, reader) in readers {
        let mut items = timeout(LONG, reader)
            .await
            .expect("items are missing")
            .unwrap();
        items.sort_unstable();
        assert_eq!(items, sent[number], "exactly every item");
    }
}
