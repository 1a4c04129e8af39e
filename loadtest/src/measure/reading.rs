//! Readers of the HTTP API beside a load: what one stored notification and a page of a person's list take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::ledger::new_histogram;
use crate::report::Percentiles;

/// What the key of a reader may do.
pub(super) const SCOPES: &str = "notifications:read";
/// Between two calls of a reader: a support desk at work, not a flood.
const PAUSE: Duration = Duration::from_millis(10);
/// Different notifications that are asked for, so that each is hardly ever asked for twice.
const SAMPLE: i64 = 20_000;

/// How long reads took; not numbers where nobody read.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReadTimes {
    /// Calls that were answered.
    pub calls: u64,
    /// One by its id: 99 of 100 took at most so long.
    pub one_p99_ms: f64,
    /// The first page of a person's list: 99 of 100 took at most so long.
    pub page_p99_ms: f64,
}

impl ReadTimes {
    pub(super) const NONE: Self = Self {
        calls: 0,
        one_p99_ms: f64::NAN,
        page_p99_ms: f64::NAN,
    };
}

/// Of one by its id, and of a page; microseconds.
type Times = [Histogram<u64>; 2];

/// Readers at work, until they are asked what they saw.
pub(super) struct Readers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Result<Times>>>,
}

impl Readers {
    /// Starts so many, each with a connection of its own, that ask the engine at `url` (`http://host:port`).
    ///
    /// # Errors
    /// When the database is empty or fails.
    pub(super) async fn start(
        many: usize,
        url: &str,
        key: &str,
        stored: &tokio_postgres::Client,
    ) -> Result<Self> {
        let drawn = "SELECT id::text, user_id::text FROM notifications
             TABLESAMPLE SYSTEM (1) WHERE user_id IS NOT NULL ORDER BY random() LIMIT $1";
        let rows = stored.query(drawn, &[&SAMPLE]).await.context(drawn)?;
        ensure!(!rows.is_empty(), "no stored notification to read");
        let paths = rows.iter().map(|row| {
            let (id, person): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let one = format!("{url}/v1/notifications/{id}");
            let page = format!("{url}/v1/notifications?user_id={person}&limit=50");
            anyhow::Ok([one, page])
        });
        let paths: Arc<[[String; 2]]> = paths.collect::<Result<_>>()?;
        let stop = Arc::<AtomicBool>::default();
        let tasks = (0..many).map(|number| {
            let reader = Reader {
                client: Client::builder(TokioExecutor::new()).build_http(),
                authorization: format!("Bearer {key}"),
            };
            tokio::spawn(reader.keep_reading(Arc::clone(&paths), (number, many), Arc::clone(&stop)))
        });
        Ok(Self {
            tasks: tasks.collect(),
            stop,
        })
    }

    /// Ends them.
    ///
    /// # Errors
    /// When a read was not answered with 200.
    pub(super) async fn finish(self) -> Result<ReadTimes> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = [new_histogram(), new_histogram()];
        for seen in try_join_all(self.tasks).await? {
            for (sum, part) in times.iter_mut().zip(seen?) {
                sum.add(part)?;
            }
        }
        let [one, page] = &times;
        Ok(ReadTimes {
            calls: one.len() + page.len(),
            one_p99_ms: Percentiles::of(one).p99_ms,
            page_p99_ms: Percentiles::of(page).p99_ms,
        })
    }
}

struct Reader {
    client: Client<HttpConnector, Empty<Bytes>>,
    authorization: String,
}

impl Reader {
    /// Asks for one and for a page in turn; each reader has its own share of the paths.
    async fn keep_reading(
        self,
        paths: Arc<[[String; 2]]>,
        (number, many): (usize, usize),
        stop: Arc<AtomicBool>,
    ) -> Result<Times> {
        let mut times = [new_histogram(), new_histogram()];
        let mut turn = paths.iter().cycle().skip(number).step_by(many);
        while let (false, Some(pair)) = (stop.load(Ordering::Relaxed), turn.next()) {
            for (path, times) in pair.iter().zip(&mut times) {
                let asked = Instant::now();
                self.read(path).await?;
                let micros = u64::try_from(asked.elapsed().as_micros());
                times.saturating_record(micros.unwrap_or(u64::MAX).max(1));
                sleep(PAUSE).await;
            }
        }
        Ok(times)
    }

    async fn read(&self, path: &str) -> Result<()> {
        let request = Request::get(path)
            .header("authorization", &self.authorization)
            .body(Empty::new())?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status == 200,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }
}
