//! CPU time and resident memory of a process, from `/proc`.

use std::io;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// `/proc` counts CPU time in ticks of 10 ms, on every architecture that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

/// CPU time used since a process began, in seconds, and its resident memory now, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time in user mode, seconds.
    pub user_seconds: f64,
    /// Time in the kernel, seconds.
    pub system_seconds: f64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// The largest resident memory that it ever had, bytes.
    pub resident_peak_bytes: u64,
}

impl Sample {
    /// The process `pid` now.
    ///
    /// # Errors
    /// When there is no such process, or this is not Linux.
    pub fn take(pid: u32) -> io::Result<Self> {
        let named = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("process {pid}: {error}; is it running?"),
            )
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(named)?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(named)?;
        Self::parse(&stat, &status).ok_or_else(|| {
            let message = format!("process {pid}: /proc is not in the form this program knows");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The second field is the name in parentheses, which may hold spaces and parentheses.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(11);
        let mut seconds =
            || -> Option<f64> { Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND) };
        let (user_seconds, system_seconds) = (seconds()?, seconds()?);
        // A process without memory of its own (a zombie) has no such lines.
        let bytes = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok())
                .map_or(0, |kibibytes| kibibytes * 1024)
        };
        Some(Self {
            user_seconds,
            system_seconds,
            resident_bytes: bytes("VmRSS:"),
            resident_peak_bytes: bytes("VmHWM:"),
        })
    }
}

/// What a process used between two instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// The process.
    pub pid: u32,
    /// Time in user mode, seconds.
    pub user_seconds: f64,
    /// Time in the kernel, seconds.
    pub system_seconds: f64,
    /// Largest resident memory seen, bytes.
    pub resident_max_bytes: u64,
    /// Resident memory at the end, bytes.
    pub resident_last_bytes: u64,
}

impl Usage {
    /// User and system time together, seconds.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

/// Samples a process until asked for the result.
#[derive(Debug)]
pub struct Sampler {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Usage>,
}

impl Sampler {
    /// Starts sampling `pid` five times a second.
    ///
    /// # Errors
    /// When the process cannot be read.
    pub fn start(pid: u32) -> io::Result<Self> {
        let first = Sample::take(pid)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample(pid, first, stopped));
        Ok(Self { stop, task })
    }

    /// What it used since the start of sampling, up to now or to its end.
    pub async fn finish(self) -> Usage {
        let _ = self.stop.send(());
        self.task.await.unwrap_or_default()
    }
}

async fn sample(pid: u32, first: Sample, mut stopped: oneshot::Receiver<()>) -> Usage {
    let mut usage = Usage {
        pid,
        ..Usage::default()
    };
    let mut tick = interval(SAMPLE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = &mut stopped => true,
            _ = tick.tick() => false,
        };
        let Ok(now) = Sample::take(pid) else {
            return usage;
        };
        usage.user_seconds = now.user_seconds - first.user_seconds;
        usage.system_seconds = now.system_seconds - first.system_seconds;
        usage.resident_last_bytes = now.resident_bytes;
        usage.resident_max_bytes = usage.resident_max_bytes.max(now.resident_bytes);
        if last {
            return usage;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_process_names_do_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        let sample =
            Sample::parse(stat, "Name:\tx\nVmHWM:\t  4096 kB\nVmRSS:\t  2048 kB\n").unwrap();
        assert_eq!((sample.user_seconds, sample.system_seconds), (2.5, 0.5));
        assert_eq!(sample.resident_bytes, 2_097_152);
        assert_eq!(sample.resident_peak_bytes, 4_194_304);
        assert!(Sample::parse("nothing", "").is_none());
    }

    #[tokio::test]
    async fn this_process_can_be_sampled() {
        let sampler = Sampler::start(std::process::id()).unwrap();
        let usage = sampler.finish().await;
        assert!(usage.resident_max_bytes > 1_000_000);
        assert!(usage.cpu_seconds() >= 0.0);
        assert!(Sample::take(u32::MAX).is_err());
    }
}
