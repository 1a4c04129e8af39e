//! People whose inboxes are filled and read while engines die: each item is there once, and their streams, which come
//! back to either engine where they were, tell it once and in order.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::addresses::EngineAddresses;
use super::finding::Finding;
use crate::harness::database::Database;
use crate::harness::http;
use crate::inbox::{PersonTokens, StreamReader};

/// Nothing new for so long: what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(90);
/// People; each has two readers.
const PEOPLE: usize = 3;
/// Time from one item of a person to the next.
const BEAT: Duration = Duration::from_millis(60);
/// An engine that has not answered after this is asked no longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// A stream that tells nothing for so long is opened anew, at the other engine.
const SILENT: Duration = Duration::from_secs(2);

/// People whose inboxes are filled and read; dropped, they end.
#[derive(Debug)]
pub(super) struct InboxCrowd {
    engines: EngineAddresses,
    /// Nothing more is sent.
    enough: watch::Sender<bool>,
    people: Vec<InboxOwner>,
}

/// Somebody whose inbox is filled and read.
#[derive(Debug)]
struct InboxOwner {
    id: Uuid,
    /// Sends to them; says the titles.
    writer: JoinHandle<BTreeSet<String>>,
    /// How many items each reader is to be told of.
    wanted: watch::Sender<usize>,
    /// Say the titles that they were told of, in their order.
    readers: Vec<JoinHandle<Result<Vec<String>>>>,
}

#[derive(Deserialize)]
struct ToldItem {
    title: String,
}

impl InboxCrowd {
    /// Makes the people, opens their streams, and begins to send.
    pub(super) async fn begin(engines: Vec<String>, key: &str) -> Result<Self> {
        let Some(first) = engines.first().cloned() else {
            bail!("no engine");
        };
        let PersonTokens(people) = PersonTokens::make(&first, key, PEOPLE).await?;
        let engines = EngineAddresses::of(engines);
        let enough = watch::Sender::new(false);
        let people = people.into_iter().map(|(id, token)| {
            let wanted = watch::Sender::new(usize::MAX);
            let reader = |turn| {
                let engines = engines.clone();
                tokio::spawn(read(engines, turn, token.clone(), wanted.subscribe()))
            };
            let readers = (0..2).map(reader).collect();
            let writer = write(engines.clone(), key.to_owned(), id, enough.subscribe());
            InboxOwner {
                id,
                writer: tokio::spawn(writer),
                readers,
                wanted,
            }
        });
        let people = people.collect();
        Ok(Self {
            engines,
            enough,
            people,
        })
    }

    /// An engine is at another address since.
    pub(super) fn goes_to(&self, engines: Vec<String>) {
        self.engines.change_to(engines);
    }

    /// Ends it, and judges: what was answered is in the inbox once, and every reader has been told of it once.
    pub(super) async fn judge(mut self, database: &Database, finding: &mut Finding) -> Result<()> {
        self.enough.send_replace(true);
        let mut all = 0;
        for owner in &mut self.people {
            let sent = timeout(PATIENCE, &mut owner.writer).await??;
            all += sent.len();
            let rows = items_of(database, owner.id, sent.len()).await?;
            let distinct: BTreeSet<&String> = rows.iter().collect();
            finding.must(
                distinct.iter().copied().eq(&sent) && rows.len() == sent.len(),
                || {
                    let (rows, distinct, sent) = (rows.len(), distinct.len(), sent.len());
                    format!(
                        "{rows} items in an inbox, {distinct} of them different, of {sent} sent"
                    )
                },
            );
            owner.wanted.send_replace(sent.len());
            for reader in &mut owner.readers {
                let told = match timeout(PATIENCE, reader).await {
                    Ok(told) => told?,
                    Err(_) => Err(anyhow!("it does not tell of all")),
                };
                let told = told.unwrap_or_else(|error| {
                    finding.except(format!("a stream of an inbox: {error:#}"));
                    sent.iter().cloned().collect()
                });
                let distinct: BTreeSet<&String> = told.iter().collect();
                finding.must(
                    distinct.iter().copied().eq(&sent) && told.len() == sent.len(),
                    || {
                        format!(
                            "a stream told of {} items, of {} sent",
                            told.len(),
                            sent.len()
                        )
                    },
                );
            }
        }
        finding.note(format!(
            "{all} items in {PEOPLE} inboxes, each read by two streams"
        ));
        Ok(())
    }
}

/// The titles in an inbox, once there are so many, or nothing comes any more.
async fn items_of(database: &Database, id: Uuid, wanted: usize) -> Result<Vec<String>> {
    let query = format!("SELECT title FROM notification_schema.inbox_items WHERE user_id = '{id}'");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = database.ask(&query).await?;
        if rows.len() >= wanted || Instant::now() >= deadline {
            return Ok(rows.into_iter().flatten().collect());
        }
        sleep(BEAT).await;
    }
}

impl Drop for InboxCrowd {
    fn drop(&mut self) {
        for owner in &self.people {
            owner.writer.abort();
            owner.readers.iter().for_each(JoinHandle::abort);
        }
    }
}

/// Sends until it is enough; what is not answered is sent again, under the same key. Answers the titles.
async fn write(
    engines: EngineAddresses,
    key: String,
    person: Uuid,
    enough: watch::Receiver<bool>,
) -> BTreeSet<String> {
    let (mut sent, mut turn) = (BTreeSet::new(), 0);
    let bearer = format!("Authorization: Bearer {key}");
    while !*enough.borrow() {
        let title = format!("item {}", sent.len());
        let body = json!({
            "version": 1, "user_id": person, "channel": "in_app",
            "idempotency_key": format!("{person} {title}"), "content": { "title": title, "body": "text" },
        })
        .to_string();
        loop {
            turn += 1;
            let url = format!("{}/v1/notifications", engines.one(turn));
            let headers = [&*bearer, "Content-Type: application/json"];
            let asked = http::request("POST", &url, &headers, body.as_bytes());
            match timeout(ANSWERED_WITHIN, asked).await {
                Ok(Ok(answer)) if answer.status == 202 => break,
                _ => sleep(BEAT).await,
            }
        }
        sent.insert(title);
        sleep(BEAT).await;
    }
    sent
}

/// Reads until so many were told as are enough. Answers the titles, in their order.
async fn read(
    engines: EngineAddresses,
    mut turn: usize,
    token: String,
    wanted: watch::Receiver<usize>,
) -> Result<Vec<String>> {
    let (mut told, mut last) = (vec![], Some(0));
    let is_enough = |told: usize| told >= *wanted.borrow();
    while !is_enough(told.len()) {
        turn += 1;
        let address = engines.one(turn).replace("http://", "");
        let opened = timeout(ANSWERED_WITHIN, StreamReader::open(&address, &token, last));
        let Ok(Ok(mut stream)) = opened.await else {
            sleep(BEAT).await;
            continue;
        };
        while !is_enough(told.len()) {
            let Ok(Ok(Some(frame))) = timeout(SILENT, stream.next()).await else {
                break;
            };
            ensure!(frame.event != "reset", "it was told to ask anew");
            if frame.event == "item" {
                ensure!(frame.id > last, "{:?} came after {last:?}", frame.id);
                let item: ToldItem = serde_json::from_str(&frame.data)?;
                told.push(item.title);
            }
            last = frame.id.or(last);
        }
    }
    Ok(told)
}
