//! Tells an engine what became of each message that a simulator accepted, as SendGrid does: in batches, signed,
//! some events twice, in no order, and again until somebody says 2xx. Or as Twilio does: one a call.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{SendgridKey, form_body, sendgrid_body, twilio_headers};
use crate::harness::http;
use crate::ledger::{Acceptance, locked};
use crate::marker::now_micros;

/// Time from one look for events to the next, while there are none.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Time to the next try.
const AGAIN: Duration = Duration::from_millis(100);
/// What is told of a message, in turn. None of it keeps anything from anybody.
const KINDS: [&str; 5] = ["processed", "delivered", "open", "click", "deferred"];

/// How much is told, and how.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    /// Events of a message.
    pub each: usize,
    /// Most events of a call.
    pub batch: usize,
    /// Calls at once.
    pub connections: usize,
    /// Share of events that are told twice.
    pub twice: f64,
}

/// Who tells it, and how they prove that they are it.
#[derive(Debug)]
pub enum EventVoice {
    /// SendGrid, with the key of its Event Webhook.
    Sendgrid(SendgridKey),
    /// Twilio, with the auth token. Whom it tells must be known there by the URL at which they are told
    /// (`http.public_url`).
    Twilio(String),
}

impl EventVoice {
    /// What is told of a message, the eldest first.
    const fn kinds(&self) -> &'static [&'static str] {
        match self {
            Self::Sendgrid(_) => &KINDS,
            Self::Twilio(_) => &["sent", "delivered"],
        }
    }

    /// What is posted, and where: header lines, path and body.
    fn call(&self, account: &str, target: &str, batch: &[Value]) -> anyhow::Result<EventCall> {
        match self {
            Self::Sendgrid(key) => {
                let body = sendgrid_body(batch);
                let seconds = i64::try_from(now_micros() / 1_000_000).unwrap_or(i64::MAX);
                Ok(EventCall {
                    headers: key.headers(seconds, &body)?.into(),
                    url: format!("{target}/hooks/sendgrid/{account}"),
                    body,
                })
            }
            Self::Twilio(token) => {
                let event = batch.first().unwrap_or(&Value::Null);
                let field = |name: &str| event[name].as_str().unwrap_or_default();
                let id = field("herald_notification_id");
                let sid = format!("SM{}", id.replace('-', ""));
                let form = [
                    ("MessageSid", sid.as_str()),
                    ("MessageStatus", field("event")),
                    ("To", field("email")),
                ];
                let url = format!("{target}/hooks/twilio/{account}?notification_id={id}");
                Ok(EventCall {
                    headers: twilio_headers(token, &url, &form).into(),
                    body: form_body(&form),
                    url,
                })
            }
        }
    }
}

/// A call, as it is made.
struct EventCall {
    headers: Vec<String>,
    url: String,
    body: Vec<u8>,
}

/// What was told, and where.
#[derive(Debug)]
struct Book {
    waiting: Mutex<VecDeque<Value>>,
    made: AtomicU64,
    /// Events in calls that were answered with 2xx, repetitions left out.
    told: AtomicU64,
    calls: AtomicU64,
    failed: AtomicU64,
    busy_micros: AtomicU64,
    targets: watch::Sender<Vec<String>>,
}

/// Tells until it is dropped.
#[derive(Debug)]
pub struct EventTeller {
    book: Arc<Book>,
    voice: Arc<EventVoice>,
    telling: Telling,
    tasks: Vec<JoinHandle<()>>,
}

impl EventTeller {
    /// Tells of an account's messages, once there is somebody to tell it to: see [`Self::goes_to`].
    #[must_use]
    pub fn start(voice: EventVoice, account: &str, mut telling: Telling) -> Self {
        if matches!(voice, EventVoice::Twilio(_)) {
            telling.batch = 1;
        }
        let book = Arc::new(Book {
            waiting: Mutex::default(),
            made: AtomicU64::new(0),
            told: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            busy_micros: AtomicU64::new(0),
            targets: watch::Sender::new(vec![]),
        });
        let voice = Arc::new(voice);
        let account: Arc<str> = account.into();
        let tasks = (0..telling.connections).map(|number| {
            let caller = Caller {
                book: Arc::clone(&book),
                voice: Arc::clone(&voice),
                account: Arc::clone(&account),
                telling,
                number,
            };
            tokio::spawn(caller.run())
        });
        Self {
            tasks: tasks.collect(),
            book,
            voice,
            telling,
        }
    }

    /// Whom to tell, in turn: `http://host:port`.
    pub fn goes_to(&self, engines: Vec<String>) {
        self.book.targets.send_replace(engines);
    }

    /// A message was accepted: its events wait to be told.
    pub fn accepted(&self, acceptance: &Acceptance) {
        let Some(id) = acceptance.notification_id else {
            return;
        };
        let mut waiting = locked(&self.book.waiting);
        let kinds = self.voice.kinds().iter().cycle();
        for kind in kinds.take(self.telling.each) {
            let number = self.book.made.fetch_add(1, Ordering::Relaxed);
            waiting.push_back(json!({
                "event": kind, "sg_event_id": format!("told-{number}"), "herald_notification_id": id,
                "email": acceptance.recipient, "timestamp": now_micros() / 1_000_000,
                "response": "250 OK", "ip": "192.0.2.1", "tls": 1,
                "sg_message_id": "sim.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
            }));
        }
    }

    /// Events that there are to tell.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.book.made.load(Ordering::Relaxed)
    }

    /// Events of which an engine said that it has them.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.book.told.load(Ordering::Relaxed)
    }

    /// Calls that were answered with 2xx, those that were not, and how long the former took on average.
    #[must_use]
    pub fn calls(&self) -> (u64, u64, Duration) {
        let calls = self.book.calls.load(Ordering::Relaxed);
        let busy = Duration::from_micros(self.book.busy_micros.load(Ordering::Relaxed));
        let failed = self.book.failed.load(Ordering::Relaxed);
        let average = busy / u32::try_from(calls.max(1)).unwrap_or(u32::MAX);
        (calls, failed, average)
    }

    /// Waits until everything is told, but no longer than this without a step forward; says whether it is.
    pub async fn settle(&self, patience: Duration) -> bool {
        let (mut last, mut changed) = (self.told(), Instant::now());
        while self.told() < self.made() {
            if changed.elapsed() > patience {
                return false;
            }
            sleep(LOOK_EVERY).await;
            if self.told() != last {
                (last, changed) = (self.told(), Instant::now());
            }
        }
        true
    }
}

impl Drop for EventTeller {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One of those who call.
struct Caller {
    book: Arc<Book>,
    voice: Arc<EventVoice>,
    account: Arc<str>,
    telling: Telling,
    number: usize,
}

impl Caller {
    async fn run(mut self) {
        loop {
            let batch = self.batch();
            let different = batch.len() as u64;
            if batch.is_empty() {
                sleep(LOOK_EVERY).await;
                continue;
            }
            self.tell(&shuffled(batch, self.telling.twice)).await;
            self.book.told.fetch_add(different, Ordering::Relaxed);
        }
    }

    fn batch(&self) -> Vec<Value> {
        let mut waiting = locked(&self.book.waiting);
        let most = self.telling.batch.min(waiting.len());
        waiting.drain(..most).collect()
    }

    /// Until somebody says 2xx.
    async fn tell(&mut self, events: &[Value]) {
        loop {
            let began = Instant::now();
            let targets = self.book.targets.borrow().clone();
            self.number += 1;
            let target = targets.get(self.number % targets.len().max(1));
            let call = target.map(|target| self.voice.call(&self.account, target, events));
            if let Some(Ok(call)) = call {
                let headers: Vec<&str> = call.headers.iter().map(String::as_str).collect();
                let answer = http::request("POST", &call.url, &headers, &call.body).await;
                if answer.is_ok_and(|answer| (200..300).contains(&answer.status)) {
                    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.book.busy_micros.fetch_add(took, Ordering::Relaxed);
                    self.book.calls.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                self.book.failed.fetch_add(1, Ordering::Relaxed);
            }
            sleep(AGAIN).await;
        }
    }
}

/// In no order, and this share of them twice.
fn shuffled(mut batch: Vec<Value>, twice: f64) -> Vec<Value> {
    let mut rng = rand::rng();
    let again = batch.clone().into_iter();
    let again: Vec<Value> = again.filter(|_| rng.random::<f64>() < twice).collect();
    batch.extend(again);
    batch.shuffle(&mut rng);
    batch
}
