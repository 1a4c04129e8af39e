//! What a newcomer tries first: the first message of the README, the examples, `herald publish`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use loadtest::simulator::Provider;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::variable;
use crate::stage::{ANA, PATIENCE, Stage, envelope, envelope_with};

// The example as it is compiled for users, beside its `main`.
#[expect(dead_code, reason = "its `main` is for users")]
#[path = "../../../examples/publish.rs"]
mod rust_example;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the programs, as a newcomer has it in PATH.
fn programs() -> PathBuf {
    let herald = Path::new(env!("CARGO_BIN_EXE_herald"));
    let folder = herald.parent().unwrap();
    let loadtest = folder.join("loadtest");
    assert!(loadtest.exists(), "cargo build --bin loadtest");
    folder.to_owned()
}

fn with_programs(mut command: Command) -> Command {
    let path = variable("PATH");
    command
        .env("PATH", format!("{}:{path}", programs().display()))
        .current_dir(checkout());
    command
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The script of the README: the block of code that publishes.
fn script_of_the_readme() -> String {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    let mut blocks = readme.split("```sh\n").skip(1);
    let block = blocks
        .find(|block| block.contains("herald publish"))
        .unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// A shell with the variables of the stage that a newcomer sets.
fn shell(stage: &Stage, script: &str) -> Command {
    let mut shell = Command::new("flock");
    // The script listens where the README says: once at a time on this machine.
    shell.args([
        "/tmp/herald-first-message.lock",
        "timeout",
        "120",
        "bash",
        "-c",
        script,
    ]);
    let of_stage = stage.herald(&[]);
    for name in ["DATABASE__URL", "BROKER__URL", "SECRETS__KEY", "HTTP__BIND"] {
        let name = format!("HERALD__{name}");
        let value = of_stage.get_envs().find(|(set, _)| *set == name.as_str());
        shell.env(&name, value.and_then(|(_, value)| value).unwrap());
    }
    with_programs(shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn first_message_of_the_readme_is_sent_word_for_word() {
    let stage = Stage::with_lanes("*.*").await;
    let ends_what_it_started = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT; set -em";
    let script = format!("{ends_what_it_started}\n{}", script_of_the_readme());
    let output = shell(&stage, &script).output().unwrap();
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    for expected in [
        "3 created, 0 updated, 0 unchanged",
        "It would be sent to one address through sendgrid-main.",
        "published to email.normal with key order-A-17-shipped",
        "ok      provider sendgrid-main",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("failed  "), "a check failed: {said}");
    assert!(
        !said.contains('\u{1b}'),
        "colours without a terminal: {said}"
    );
    let mut outcomes = stage.outcomes().await;
    assert_eq!(
        outcomes.rows().await.len(),
        1,
        "the second one is a duplicate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_is_good_against_every_simulator() {
    let stage = Stage::with_lanes("email.normal").await;
    let simulators = [
        Provider::SendGrid,
        Provider::Smtp,
        Provider::Twilio,
        Provider::Fcm,
        Provider::Slack,
    ];
    let simulators = simulators.map(|provider| stage.simulator(provider));
    stage.apply_ana_and(&simulators.each_ref());
    let output = stage.herald(&["check"]).output().unwrap();
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ok      provider ").count(), 5, "{said}");
}

/// Runs an example against an engine that consumes its lane, and waits for its mail.
async fn sends_a_mail(example: impl AsyncFnOnce(&Stage)) {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    example(&stage).await;
    outcomes.only("sent", None).await;
}

fn run(stage: &Stage, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("HERALD__BROKER__URL", stage.vhost.url());
    let local = checkout().join(".local/examples");
    command
        .env("PYTHONPATH", local.join("python"))
        .env("NODE_PATH", local.join("node_modules"));
    with_programs(command).output().unwrap()
}

/// Installs what an example needs, unless it is there.
fn install(client: &str) {
    let script = checkout().join("script/examples");
    let installed = Command::new(script).arg(client).output().unwrap();
    assert!(installed.status.success(), "{}", words(&installed));
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_example_sends_a_mail() {
    sends_a_mail(async |stage: &Stage| {
        rust_example::publish(stage.vhost.url(), ANA).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_example_sends_a_mail() {
    sends_a_mail(async |stage: &Stage| {
        let output = run(stage, "examples/publish.sh", &[ANA]);
        assert!(output.status.success(), "{}", words(&output));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_example_sends_a_mail_and_republishes_what_was_rejected() {
    install("python");
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let stranger = Uuid::now_v7().to_string();
    let publish = |id: &str| run(&stage, "python3", &["examples/publish.py", id]);
    let output = publish(ANA);
    assert!(output.status.success(), "{}", words(&output));
    outcomes.only("sent", None).await;

    let output = publish(&stranger);
    assert!(output.status.success(), "{}", words(&output));
    let rejected = async { while stage.vhost.waiting("herald.rejected").await == 0 {} };
    tokio::time::timeout(PATIENCE, rejected).await.unwrap();
    stage.apply(&format!(
        "[[users]]\nid = \"{stranger}\"\nemail = \"bo@example.com\"\nusername = \"bo\"\n"
    ));
    let output = run(
        &stage,
        "python3",
        &["examples/republish.py", "unknown_user"],
    );
    assert!(
        words(&output).contains("1 published again, 0 left"),
        "{}",
        words(&output)
    );
    outcomes
        .until(|rows| rows.iter().filter(|row| row.is("sent", None)).count() == 2)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_example_sends_a_mail() {
    install("node");
    sends_a_mail(async |stage: &Stage| {
        let output = run(stage, "node", &["examples/publish.js", ANA]);
        assert!(output.status.success(), "{}", words(&output));
    })
    .await;
}

fn publish(stage: &Stage, message: &str, arguments: &[&str]) -> Output {
    let mut command = stage.herald(&[&["publish", "-"][..], arguments].concat());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, message.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn published_file_is_checked_and_sent() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let message = envelope_with("email", json!({ "idempotency_key": "first" })).to_string();
    let output = publish(&stage, &message, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = words(&output);
    assert!(
        said.contains("email.normal") && said.contains("start one"),
        "{said}"
    );

    let _engine = stage.start().await;
    let output = publish(&stage, &message, &["--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = outcomes.only("sent", None).await.id;
    let answer = |duplicate: bool| {
        json!({ "lane": "email.normal", "idempotency_key": "first",
        "notification_id": id, "duplicate": duplicate })
    };
    assert_eq!(said, answer(false));
    let output = publish(&stage, &message, &["--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said, answer(true));
    let nobody = envelope_with("email", json!({ "user_id": uuid::Uuid::now_v7() })).to_string();
    let output = publish(&stage, &nobody, &["--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["rejected"], "unknown_user", "{said}");
    assert_eq!(output.status.code(), Some(1));

    let mut other_lane = envelope("sms");
    other_lane["content"] = json!({ "body": "Hello" });
    let output = publish(&stage, &other_lane.to_string(), &[]);
    assert!(
        words(&output).contains("sms.normal: RabbitMQ did not take the message"),
        "{}",
        words(&output)
    );
    assert_eq!(output.status.code(), Some(1));

    for (message, why) in [
        ("{", "malformed_json"),
        (
            r#"{"version":1,"user_id":"x"}"#,
            "invalid_envelope: user_id",
        ),
        (
            &envelope_with("email", json!({ "chanel": "sms" })).to_string(),
            "unknown field `chanel`",
        ),
    ] {
        let output = publish(&stage, message, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(why), "{why}: {}", words(&output));
    }
    assert_eq!(
        outcomes.rows().await.len(),
        1,
        "what is refused is not published"
    );
}
