//! Standard error that takes nothing: log lines are lost, and nothing else.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Stdio};
use std::time::Duration;

use loadtest::harness::http;
use loadtest::simulator::Provider;

use crate::outcomes::Outcomes;
use crate::stage::{PATIENCE, Stage, envelope};
use loadtest::harness::process::{Log, Process};

/// What an orderly end may take beyond what is in hand.
const ENDING: Duration = Duration::from_secs(15);
const MESSAGES: usize = 40;

async fn stage() -> (Stage, Outcomes) {
    let mut stage = Stage::with_lanes("email.normal").await;
    // Far more than a pipe holds.
    stage.set("HERALD__LOG__FILTER", "trace");
    let simulator = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&simulator]);
    // The simulator lives as long as the test's process.
    std::mem::forget(simulator);
    let outcomes = stage.outcomes().await;
    (stage, outcomes)
}

/// It works on, and ends when it is asked to; returns how many lines it says were lost.
async fn works_and_ends(stage: &Stage, outcomes: &mut Outcomes, engine: &Process) -> f64 {
    stage.ready().await;
    let publisher = stage.publisher().await;
    for _ in 0..MESSAGES {
        publisher.publish(&envelope("email")).await;
    }
    let is_sent = |rows: &[crate::outcomes::Row]| {
        rows.len() == MESSAGES && rows.iter().all(|row| row.status == "sent")
    };
    outcomes.until(is_sent).await;
    let metrics = http::get(&stage.url("/metrics")).await.unwrap().text();
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("herald_log_lines_lost_total "))
        .unwrap();
    engine.signal("TERM").unwrap();
    let ended = engine.ended(ENDING).await.unwrap();
    assert!(ended.success(), "{ended}");
    assert_eq!(stage.ledger.sent_twice().len(), 0);
    lost.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_reads_stops_nothing() {
    let (stage, mut outcomes) = stage().await;
    let (_unread, errors) = pipe().unwrap();
    let engine = Process::with_errors(stage.herald(&["serve"]), Log::Shown, errors).unwrap();
    works_and_ends(&stage, &mut outcomes, &engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_gone_stops_nothing_and_the_lines_are_counted() {
    let (stage, mut outcomes) = stage().await;
    let (gone, errors) = pipe().unwrap();
    drop(gone);
    let engine = Process::with_errors(stage.herald(&["serve"]), Log::Shown, errors).unwrap();
    let lost = works_and_ends(&stage, &mut outcomes, &engine).await;
    assert!(lost > 100.0, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_nothing_and_the_lines_are_counted() {
    let (stage, mut outcomes) = stage().await;
    let full = File::options().write(true).open("/dev/full").unwrap();
    let engine = Process::with_errors(stage.herald(&["serve"]), Log::Shown, full).unwrap();
    let lost = works_and_ends(&stage, &mut outcomes, &engine).await;
    assert!(lost > 100.0, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_stops_nothing_and_the_lines_are_counted() {
    let (stage, mut outcomes) = stage().await;
    let file = tempfile::tempfile().unwrap();
    let engine = stage.herald_after("ulimit -f 1", "serve");
    let engine = Process::with_errors(engine, Log::Shown, file).unwrap();
    let lost = works_and_ends(&stage, &mut outcomes, &engine).await;
    assert!(lost > 100.0, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_standard_error_at_all_stops_nothing() {
    let (stage, mut outcomes) = stage().await;
    let engine = stage.herald_after("exec 2>&-", "serve");
    let engine = Process::with_errors(engine, Log::Shown, Stdio::null()).unwrap();
    works_and_ends(&stage, &mut outcomes, &engine).await;
}

/// A command, its answer going there: its exit code and what it says on standard error.
fn run(mut command: Command, answer: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = command.stdout(answer).stderr(Stdio::piped()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_wants_is_no_failure_and_one_that_cannot_be_stored_is() {
    let stage = Stage::with_lanes("email.normal").await;
    for arguments in [
        &["migrate", "--status"][..],
        &["migrate"],
        &["check"],
        &["dlq", "list"],
        &["dlq", "resolve", "--all"],
        &["quarantine", "list"],
        &["check", "--json"],
    ] {
        let (gone, answer) = pipe().unwrap();
        drop(gone);
        let (code, said) = run(stage.herald(arguments), answer);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = run(stage.herald(arguments), full);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("cannot be written"), "{arguments:?}: {said}");
    }
    // What it says on the way is of no consequence either.
    let (gone, errors) = pipe().unwrap();
    drop(gone);
    let mut wrong = stage.herald(&["migrate"]);
    wrong.env("HERALD__DATABASE__URL", "postgres://a@127.0.0.1:1/x");
    let wrong = Process::with_errors(wrong, Log::Shown, errors).unwrap();
    assert_eq!(wrong.ended(PATIENCE).await.unwrap().code(), Some(1));
}
