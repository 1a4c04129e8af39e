//! CPU time and resident memory of a process, from `/proc`.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;

use crate::meter::Meter;

pub mod server;

/// `/proc` counts CPU time in ticks of 10 ms, on every architecture that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
/// The page size of the machines that this runs on, as far as `/proc` counts in pages.
const PAGE_BYTES: u64 = 4_096;
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

/// A server of many processes, such as PostgreSQL, now: the process `pid` and its children.
///
/// A child's CPU time is its own while it lives and its parent's afterwards, so that the sum never
/// falls. Memory that they share is counted once.
///
/// # Errors
/// When there is no such process, or this is not Linux.
pub fn family(pid: u32) -> io::Result<Sample> {
    let unknown = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "/proc is not in the form this program knows",
        )
    };
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let mut sum = Member::take(pid)?.ok_or_else(unknown)?;
    let mut seconds = sum.seconds + sum.reaped_seconds;
    for child in children
        .split_ascii_whitespace()
        .filter_map(|child| child.parse().ok())
    {
        // It may have ended meanwhile.
        let Ok(Some(member)) = Member::take(child) else {
            continue;
        };
        seconds += member.seconds;
        sum.private_bytes += member.private_bytes;
        sum.shared_bytes = sum.shared_bytes.max(member.shared_bytes);
    }
    Ok(Sample {
        user_seconds: seconds,
        resident_bytes: sum.private_bytes + sum.shared_bytes,
        ..Sample::default()
    })
}

/// One process of a family.
struct Member {
    seconds: f64,
    reaped_seconds: f64,
    private_bytes: u64,
    shared_bytes: u64,
}

impl Member {
    fn take(pid: u32) -> io::Result<Option<Self>> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let memory = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
        Ok(Self::parse(&stat, &memory))
    }

    fn parse(stat: &str, memory: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: Vec<f64> = fields
            .split_ascii_whitespace()
            .skip(11)
            .take(4)
            .filter_map(|field| field.parse().ok())
            .collect();
        let [user, system, reaped_user, reaped_system] = ticks.as_slice() else {
            return None;
        };
        let mut pages = memory.split_ascii_whitespace().skip(1);
        let mut bytes = || -> Option<u64> { Some(pages.next()?.parse::<u64>().ok()? * PAGE_BYTES) };
        let (resident, shared) = (bytes()?, bytes()?);
        Some(Self {
            seconds: (user + system) / TICKS_PER_SECOND,
            reaped_seconds: (reaped_user + reaped_system) / TICKS_PER_SECOND,
            private_bytes: resident.saturating_sub(shared),
            shared_bytes: shared,
        })
    }
}

/// The parent of a process.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The processes of this name, as the kernel shows it (cut after 15 characters).
#[must_use]
pub fn named(name: &str) -> Vec<u32> {
    let Ok(all) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_named = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| comm.trim_end() == name)
    };
    all.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_named)
        .collect()
}

/// Which of these processes listens on a TCP port of this machine.
#[must_use]
pub fn listener(port: u16, among: &[u32]) -> Option<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|line| listening_socket(line, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let holds = |pid: &u32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
        open.into_iter().flatten().flatten().any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| {
                sockets
                    .iter()
                    .any(|socket| to.as_os_str() == socket.as_str())
            })
        })
    };
    among.iter().copied().find(holds)
}

/// The inode in a line of `/proc/net/tcp`, when the line is about somebody who listens on `port`.
fn listening_socket(line: &str, port: u16) -> Option<&str> {
    const LISTENING: &str = "0A";
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let (_, given) = fields.get(1)?.rsplit_once(':')?;
    let is_meant = u16::from_str_radix(given, 16) == Ok(port) && *fields.get(3)? == LISTENING;
    fields.get(9).copied().filter(|_| is_meant)
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
pub struct Sampler(Meter<Usage>);

impl Sampler {
    /// Starts sampling `pid` five times a second.
    ///
    /// # Errors
    /// When the process cannot be read.
    pub fn start(pid: u32) -> io::Result<Self> {
        let first = Sample::take(pid)?;
        let usage = Usage {
            pid,
            ..Usage::default()
        };
        Ok(Self(Meter::start(SAMPLE_EVERY, usage, move |usage| {
            let Ok(now) = Sample::take(pid) else {
                return ControlFlow::Break(());
            };
            usage.user_seconds = now.user_seconds - first.user_seconds;
            usage.system_seconds = now.system_seconds - first.system_seconds;
            usage.resident_last_bytes = now.resident_bytes;
            usage.resident_max_bytes = usage.resident_max_bytes.max(now.resident_bytes);
            ControlFlow::Continue(())
        })))
    }

    /// What it used since the start of sampling, up to now or to its end.
    pub async fn finish(self) -> Usage {
        self.0.finish().await
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

    #[test]
    fn who_listens_is_found() {
        let line = "  2: 0100007F:6A9B 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 43210 1";
        assert_eq!(listening_socket(line, 27_291), Some("43210"));
        assert_eq!(listening_socket(line, 27_292), None);
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let this = std::process::id();
        assert_eq!(listener(port, &[1, this]), Some(this));
    }

    #[test]
    fn a_family_counts_its_dead_and_shares_its_memory_once() {
        let stat = "7 (postgres) S 1 2 3 4 5 6 7 8 9 10 100 50 200 50 20";
        let member = Member::parse(stat, "900 100 60 0 0 0 0").unwrap();
        assert_eq!((member.seconds, member.reaped_seconds), (1.5, 2.5));
        assert_eq!(
            (member.private_bytes, member.shared_bytes),
            (40 * 4_096, 60 * 4_096)
        );
        assert!(Member::parse("7 (x) S 1", "").is_none());
        let this = std::process::id();
        assert!(family(this).unwrap().resident_bytes > 1_000_000);
        assert!(parent(this).is_some());
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
