//! Processes by their ids: who is whose child, and signals.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Sends a signal by its name; a process that has ended meanwhile is no error.
pub(super) async fn signal(name: &str, processes: &[u32]) -> Result<()> {
    if processes.is_empty() {
        return Ok(());
    }
    let ids = processes.iter().map(u32::to_string);
    let mut command = Command::new("kill");
    command.args(["-s", name]).args(ids);
    command
        .stderr(std::process::Stdio::null())
        .status()
        .await
        .context("cannot run `kill`, which procps or util-linux brings")?;
    Ok(())
}

/// A process and all that descend from it.
pub(super) fn family(process: u32) -> Result<Vec<u32>> {
    let parents = parents()?;
    let mut known = BTreeSet::from([process]);
    loop {
        let before = known.len();
        for (child, parent) in &parents {
            if known.contains(parent) {
                known.insert(*child);
            }
        }
        if known.len() == before {
            return Ok(known.into_iter().collect());
        }
    }
}

fn parents() -> Result<Vec<(u32, u32)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let parent = crate::process::parent(process);
        all.extend(parent.map(|parent| (process, parent)));
    }
    Ok(all)
}

/// Refuses a process that does not work in this folder: nobody else's server is ever signalled.
pub(super) fn must_work_in(process: u32, folder: &Path) -> Result<()> {
    let line = std::fs::read(format!("/proc/{process}/cmdline"))
        .with_context(|| format!("process {process} is not there"))?;
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let folder = folder.to_string_lossy();
    ensure!(
        line.contains(folder.as_ref()),
        "process {process} is not a server of {folder}: {line}"
    );
    Ok(())
}

/// Waits until none of the processes is left. One that nobody collects stays listed as a zombie.
pub(super) async fn gone(processes: &[u32], limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let lives = |process: &u32| {
        std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
    };
    while processes.iter().any(lives) {
        ensure!(
            Instant::now() < deadline,
            "processes {processes:?} do not end"
        );
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_belongs_to_the_family_until_it_is_killed() {
        let mut child = Command::new("sleep")
            .arg("60")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let id = child.id().unwrap();
        assert!(family(std::process::id()).unwrap().contains(&id));
        assert!(must_work_in(id, Path::new("/nowhere")).is_err());
        signal("KILL", &[id]).await.unwrap();
        child.wait().await.unwrap();
        gone(&[id], Duration::from_secs(5)).await.unwrap();
    }
}
