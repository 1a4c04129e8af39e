//! What processes use: CPU time and resident memory, from `/proc`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};
use serde::Serialize;
use tokio_postgres::Client;

use super::meter::Meter;

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

fn process(pid: u32) -> Result<Process> {
    let process = i32::try_from(pid).map(Process::new);
    process?.with_context(|| format!("process {pid}: is it running?"))
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

impl Sample {
    /// The process `pid` now.
    ///
    /// # Errors
    /// When there is no such process, or this is not Linux.
    pub fn take(pid: u32) -> Result<Self> {
        let process = process(pid)?;
        let (stat, status) = (process.stat()?, process.status()?);
        // A process without memory of its own (a zombie) has no such figures.
        let bytes = |kibibytes: Option<u64>| kibibytes.unwrap_or(0) * 1024;
        Ok(Self {
            user_seconds: seconds(stat.utime),
            system_seconds: seconds(stat.stime),
            resident_bytes: bytes(status.vmrss),
            resident_peak_bytes: bytes(status.vmhwm),
        })
    }

    /// User and system time together, seconds.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

/// A server of many processes, such as PostgreSQL, now: the process `pid` and its children.
///
/// A child's CPU time is its own while it lives and its parent's afterwards, so that the sum never
/// falls. Memory that they share is counted once.
///
/// # Errors
/// When there is no such process, or this is not Linux.
pub fn family(pid: u32) -> Result<Sample> {
    let parent = process(pid)?;
    let children = parent.task_main_thread()?.children()?;
    let stat = parent.stat()?;
    let reaped = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
    let mut sum = Member::take(&parent)?;
    sum.cpu_seconds += seconds(reaped);
    for child in children {
        // It may have ended meanwhile.
        let Ok(member) = process(child).and_then(|child| Member::take(&child)) else {
            continue;
        };
        sum.cpu_seconds += member.cpu_seconds;
        sum.private_bytes += member.private_bytes;
        sum.shared_bytes = sum.shared_bytes.max(member.shared_bytes);
    }
    Ok(Sample {
        user_seconds: sum.cpu_seconds,
        resident_bytes: sum.private_bytes + sum.shared_bytes,
        ..Sample::default()
    })
}

/// One process of a family.
struct Member {
    cpu_seconds: f64,
    private_bytes: u64,
    shared_bytes: u64,
}

impl Member {
    fn take(process: &Process) -> Result<Self> {
        let (stat, memory) = (process.stat()?, process.statm()?);
        Ok(Self {
            cpu_seconds: seconds(stat.utime + stat.stime),
            private_bytes: memory.resident.saturating_sub(memory.shared) * procfs::page_size(),
            shared_bytes: memory.shared * procfs::page_size(),
        })
    }
}

/// A process and all that descend from it.
///
/// # Errors
/// When this is not Linux.
pub fn with_descendants(pid: u32) -> Result<Vec<u32>> {
    let parents: Vec<(u32, u32)> = all_processes()?
        .filter_map(|process| process.ok()?.stat().ok())
        .filter_map(|stat| Some((stat.pid.try_into().ok()?, stat.ppid.try_into().ok()?)))
        .collect();
    let mut known = BTreeSet::from([pid]);
    loop {
        let before = known.len();
        let theirs = parents.iter().filter(|(_, parent)| known.contains(parent));
        let theirs: Vec<u32> = theirs.map(|(child, _)| *child).collect();
        known.extend(theirs);
        if known.len() == before {
            return Ok(known.into_iter().collect());
        }
    }
}

/// The processes of this name, as the kernel shows it (cut after 15 characters).
fn named(name: &str) -> Vec<procfs::process::Stat> {
    let all = all_processes().into_iter().flatten();
    all.filter_map(|process| process.ok()?.stat().ok())
        .filter(|stat| stat.comm == name)
        .collect()
}

/// Which of these processes listens on a TCP port of this machine.
fn listener(port: u16, among: &[u32]) -> Option<u32> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let sockets: BTreeSet<u64> = tables
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
        .map(|entry| entry.inode)
        .collect();
    let holds = |pid: &u32| {
        let open = process(*pid).and_then(|process| Ok(process.fd()?));
        open.into_iter()
            .flatten()
            .flatten()
            .any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
    };
    among.iter().copied().find(holds)
}

/// The first process of the database server that `client` is connected to, if it runs here.
pub async fn postgresql(client: &Client) -> Option<u32> {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    let backend: i32 = row.ok()?.try_get(0).ok()?;
    // A server on another machine has process numbers of its own, which mean nothing here.
    let backends = named("postgres");
    let ours = backends.iter().find(|stat| stat.pid == backend)?;
    u32::try_from(ours.ppid).ok()
}

/// The process of the broker at `amqp://user:password@host:port/vhost`, if it runs here.
#[must_use]
pub fn rabbitmq(url: &str) -> Option<u32> {
    // RabbitMQ is an Erlang machine. Of several here it is the one that listens there, which only
    // its own account and root may see.
    let machines = named("beam.smp");
    let machines: Vec<u32> = machines
        .iter()
        .filter_map(|stat| stat.pid.try_into().ok())
        .collect();
    match machines.as_slice() {
        [only] => Some(*only),
        several => {
            let (address, _) = url.rsplit_once('/')?;
            let port = address.rsplit_once(':')?.1.parse().ok()?;
            listener(port, several)
        }
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
pub struct Sampler(Meter<Usage>);

impl Sampler {
    /// Starts sampling `pid` five times a second.
    ///
    /// # Errors
    /// When the process cannot be read.
    pub fn start(pid: u32) -> Result<Self> {
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
    fn this_process_is_found_by_its_port_its_family_and_its_child() {
        let this = std::process::id();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(listener(port, &[1, this]), Some(this));
        assert!(family(this).unwrap().resident_bytes > 1_000_000);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(with_descendants(this).unwrap().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
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
