//! Commands beside each other, beside engines, and as the login with the fewest rights.

use std::process::{Output, Stdio};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use loadtest::harness::process::{Log, Process};
use uuid::Uuid;

use crate::faults::process;
use crate::stage::{PATIENCE, Stage};

fn people(count: u128) -> String {
    let person = |number: u128| {
        let id = Uuid::from_u128(0x0190_c1a0_0000_7000_8000_0000_0001_0000 + number);
        format!("[[users]]\nid = \"{id}\"\nemail = \"p{number}@example.com\"\n")
    };
    (0..count).map(person).collect()
}

/// The same people, the last of them first.
fn backwards(file: &str) -> String {
    let mut entries: Vec<&str> = file.split("[[users]]").skip(1).collect();
    entries.reverse();
    entries
        .iter()
        .map(|entry| format!("[[users]]{entry}"))
        .collect()
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_applies_take_turns() {
    let stage = Stage::with_lanes("email.normal").await;
    let forwards = people(300);
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    std::fs::write(&one, &forwards).unwrap();
    std::fs::write(&other, backwards(&forwards)).unwrap();
    let runs = [&one, &other, &one, &other].map(|file| {
        let mut command = stage.herald(&["apply", file.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        tokio::process::Command::from(command).output()
    });
    let ended = join_all(runs).await;
    let said: Vec<String> = ended
        .iter()
        .map(|run| words(run.as_ref().unwrap()))
        .collect();
    let with = |text: &str| said.iter().filter(|said| said.contains(text)).count();
    assert_eq!(with("300 created, 0 updated, 0 unchanged"), 1, "{said:#?}");
    assert_eq!(with("0 created, 0 updated, 300 unchanged"), 3, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_reports_that_it_waits_for_another_apply() {
    let stage = Stage::with_lanes("email.normal").await;
    let mut other = stage.database.owner().await;
    let take =
        "SET application_name = 'somebody'; BEGIN; SELECT pg_advisory_xact_lock(79462569954373)";
    other.batch_execute(take).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), people(1)).unwrap();
    let apply = stage.herald(&["apply", file.path().to_str().unwrap()]);
    let apply = Process::start(apply, Log::Shown).unwrap();
    let said = apply.says("waiting for another apply").await.unwrap();
    assert!(said.contains("(`somebody`)"), "{said}");
    other.batch_execute("COMMIT").await.unwrap();
    assert!(apply.ended(PATIENCE).await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_needs_no_more_than_the_least_login_and_waits_for_no_migration() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let login = format!("least_{}", Uuid::now_v7().simple());
    let mut owner = stage.database.owner().await;
    let make = format!(
        "CREATE ROLE {login} LOGIN PASSWORD 'least'; GRANT herald_notifications TO {login}"
    );
    owner.batch_execute(&make).await.unwrap();
    let url = stage.database.url().to_owned();
    let (_, place) = url.split_once('@').unwrap();
    stage.set(
        "HERALD__DATABASE__URL",
        format!("postgres://{login}:least@{place}"),
    );
    // As a migration that has been at it for a while.
    let migrate = "SELECT pg_advisory_lock(79462569954372); BEGIN;
        LOCK notification_schema.notifications, notification_schema.users IN ACCESS EXCLUSIVE MODE;
        INSERT INTO migration_schema.migrations VALUES ('9999-under-way', 'x')";
    owner.batch_execute(migrate).await.unwrap();
    for arguments in [&["migrate", "--status"][..], &["check"]] {
        let mut command = tokio::process::Command::from(stage.herald(arguments));
        let answered = tokio::time::timeout(PATIENCE, command.output()).await;
        let answer = answered.expect("it waits for the migration").unwrap();
        assert!(answer.status.success(), "{arguments:?}: {}", words(&answer));
    }
    owner.batch_execute("ROLLBACK").await.unwrap();
    let drop = format!("REVOKE herald_notifications FROM {login}; DROP ROLE {login}");
    owner.batch_execute(&drop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_database_login_is_told_with_a_remedy() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let right = stage.database.url().to_owned();
    let (scheme, rest) = right.split_once("://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (user, _) = login.split_once(':').unwrap();
    let host = place.split('/').next().unwrap();
    for (url, why) in [
        (
            format!("{scheme}://{user}:wrong@{place}"),
            "SQLSTATE 28P01); see user and password",
        ),
        (
            format!("{scheme}://{login}@{host}/nowhere"),
            "SQLSTATE 3D000); create it",
        ),
        (
            format!("{scheme}://{login}@127.0.0.1:1/x"),
            "127.0.0.1:1: the server does not listen there",
        ),
        (
            format!("{scheme}://{login}@no.such.host.invalid/x"),
            "the host no.such.host.invalid: failed to lookup address",
        ),
        (
            "postgres:///x?host=/nowhere".to_owned(),
            "/nowhere/.s.PGSQL.5432: there is no such socket",
        ),
    ] {
        stage.set("HERALD__DATABASE__URL", url);
        let checked = words(&stage.herald(&["check"]).output().unwrap());
        let line = checked
            .lines()
            .find(|line| line.starts_with("failed  database"));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{why}: {checked}"
        );
        let engine = process::starting(stage.herald(&["serve"]));
        let said = engine
            .says("the database cannot be used yet")
            .await
            .unwrap();
        assert!(said.contains(why), "{said}");
        let ready = loadtest::harness::http::get(&stage.url("/readyz"))
            .await
            .unwrap();
        assert!(ready.text().contains(why), "{}", ready.text());
    }
}
