//! Readers of inbox streams: many at once, each of one person, who note how long what they are shown was on its way.

mod stream;
mod tokens;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Deserialize;

pub use stream::{StreamReader, StreamedFrame};
pub use tokens::{PersonTokens, TENANT};

/// Longest time that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// What readers were shown.
#[derive(Debug)]
pub struct Shown {
    open: AtomicUsize,
    items: AtomicUsize,
    since_published: Mutex<Histogram<u64>>,
    since_stored: Mutex<Histogram<u64>>,
}

/// An item, as far as it is looked at. Its title is when it was published, in microseconds since 1970.
#[derive(Deserialize)]
struct StreamedItem {
    title: String,
    delivered_at: chrono::DateTime<chrono::Utc>,
}

/// Microseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

impl Shown {
    /// Nothing yet.
    ///
    /// # Errors
    /// None: the bounds of the histograms are good.
    pub fn new() -> Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3);
        Ok(Self {
            open: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            since_published: Mutex::new(histogram()?),
            since_stored: Mutex::new(histogram()?),
        })
    }

    /// Streams that were told how many there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Items that were shown.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// Milliseconds from publishing and from storing to showing: half, and 99 of 100, and all are faster.
    #[must_use]
    pub fn delays(&self) -> [(&'static str, [f64; 3]); 2] {
        let of = |histogram: &Mutex<Histogram<u64>>| {
            let histogram = histogram.lock().unwrap_or_else(PoisonError::into_inner);
            let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
            [at(0.5), at(0.99), histogram.max() as f64 / 1_000.0]
        };
        [
            ("published", of(&self.since_published)),
            ("stored", of(&self.since_stored)),
        ]
    }

    fn note(&self, item: &StreamedItem) {
        let now = now();
        let stored = u64::try_from(item.delivered_at.timestamp_micros()).unwrap_or(now);
        let published = item.title.parse().unwrap_or(now);
        for (histogram, since) in [
            (&self.since_published, published),
            (&self.since_stored, stored),
        ] {
            let mut histogram = histogram.lock().unwrap_or_else(PoisonError::into_inner);
            histogram.saturating_record(now.saturating_sub(since).max(1));
        }
        self.items.fetch_add(1, Ordering::Relaxed);
    }
}

/// Opens a stream of the person whose token this is at `address`, and reads it until it ends.
///
/// # Errors
/// It is refused, or breaks.
pub async fn read(address: &str, token: &str, shown: Arc<Shown>) -> Result<()> {
    let mut stream = StreamReader::open(address, token, None).await?;
    let mut is_counted = false;
    while let Some(frame) = stream.next().await? {
        if frame.event == "counts" && !is_counted {
            is_counted = true;
            shown.open.fetch_add(1, Ordering::Relaxed);
        }
        if frame.event == "item" {
            shown.note(&serde_json::from_str(&frame.data)?);
        }
    }
    Ok(())
}
