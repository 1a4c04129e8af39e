//! Ten thousand connections on which nothing is asked: memory stays flat, and others are answered.

use std::fs;
use std::net::TcpStream;

use loadtest::harness::http;

use super::door::stage;
use super::robust::connect;
use crate::faults::process::engine;

/// Most bytes of memory for a connection on which nothing was asked.
const BYTES_EACH: u64 = 24 * 1_024;
const WANTED: usize = 10_000;

fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1_024
}

/// Open files that this process may have.
fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    line.split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap_or(1 << 20)
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_cost_little_and_keep_nobody_out() {
    let mut stage = stage().await;
    stage.set("HERALD__HTTP__HEAD_TIMEOUT", "5m");
    let running = engine(stage.herald(&["serve"])).await;
    let before = resident(running.id());
    let count = WANTED.min(open_files().saturating_sub(300));
    let held: Vec<TcpStream> = (0..count).map(|_| connect(&stage)).collect();
    let answer = http::get(&stage.url("/livez")).await.unwrap();
    assert_eq!(answer.status, 200, "whoever asks is answered");
    let grown = resident(running.id()).saturating_sub(before);
    let most = count as u64 * BYTES_EACH + (16 << 20);
    assert!(grown < most, "{grown} bytes for {count} connections");
    eprintln!(
        "{count} idle connections: {} bytes each",
        grown / count.max(1) as u64
    );
    drop(held);
}
