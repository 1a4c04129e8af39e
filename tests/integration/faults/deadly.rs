//! A row of the database that ends every process that takes it.

use herald::runtime::clock;
use jiff::SignedDuration;
use loadtest::simulator::Simulator;
use serde_json::json;

use super::process;
use crate::outcomes::Outcomes;
use crate::stage::{PATIENCE, Stage, envelope_with};
use loadtest::harness::process::Process;

/// The row is found by what it is about.
const DEADLY: &str = "deadly";
/// Takes without an outcome from which it is worked alone, and from which it is a dead letter.
const SUSPECT: i64 = 5;
const MOST: i64 = 50;

struct Scene {
    stage: Stage,
    outcomes: Outcomes,
    _sendgrid: Simulator,
    sent: i64,
}

impl Scene {
    async fn new() -> Self {
        let (stage, sendgrid, outcomes) = Stage::mailing().await;
        Self {
            stage,
            outcomes,
            _sendgrid: sendgrid,
            sent: 0,
        }
    }

    /// The real program, which dies of the row.
    async fn engine(&self) -> Process {
        let mut command = self.stage.herald(&["serve"]);
        command.env("HERALD_FAILPOINT_DEADLY", DEADLY);
        process::engine(command).await
    }

    /// Publishes one for later, about this.
    async fn scheduled(&mut self, about: &str) {
        let later = (clock::now() + SignedDuration::from_hours(1)).to_string();
        let fields = json!({ "send_at": later, "source": { "type": "test", "id": about } });
        let publisher = self.stage.publisher().await;
        publisher.publish(&envelope_with("email", fields)).await;
        let scheduled = format!(
            "SELECT count(*) FROM notifications WHERE status = 'pending' AND source_id = '{about}'"
        );
        self.outcomes.until_count(&scheduled, 1).await;
    }

    async fn due(&mut self) {
        let due =
            "UPDATE notifications SET send_at = now(), due_at = now() WHERE status = 'pending'";
        self.outcomes.execute(due).await;
    }

    /// What a dead process held is free at once, as when another node has found it dead.
    async fn buried(&mut self, run: i64) {
        let bury = format!(
            "UPDATE engine_nodes SET ended_at = now(), lives_until = now() WHERE run_id = {run}"
        );
        self.outcomes.execute(&bury).await;
    }

    async fn takes(&mut self) -> i64 {
        let takes = format!(
            "SELECT takes::bigint AS count FROM notifications WHERE source_id = '{DEADLY}'"
        );
        self.outcomes.count(&takes).await
    }

    /// As if so many had died of it.
    async fn set_takes(&mut self, takes: i64) {
        let set = format!("UPDATE notifications SET takes = {takes} WHERE source_id = '{DEADLY}'");
        self.outcomes.execute(&set).await;
    }

    /// An engine takes the row, and dies.
    async fn death(&mut self) {
        // Not before it has said which run it is.
        let later =
            "UPDATE notifications SET due_at = now() + interval '1 hour' WHERE status = 'pending'";
        self.outcomes.execute(later).await;
        let engine = self.engine().await;
        let run = process::run_of(&engine).await;
        self.due().await;
        let status = engine.ended(PATIENCE).await.unwrap();
        assert!(!status.success(), "it was to die");
        self.buried(run).await;
    }

    /// Another row that is due is sent by whoever runs.
    async fn others_go_on(&mut self, about: &str) {
        self.sent += 1;
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        self.outcomes.until_count(sent, self.sent).await;
        let one = format!("{sent} AND source_id = '{about}'");
        assert_eq!(self.outcomes.count(&one).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_every_process_dies_of_is_worked_alone_and_is_a_dead_letter_in_the_end() {
    let mut scene = Scene::new().await;
    let engine = scene.engine().await;
    scene.scheduled(DEADLY).await;
    process::end(&engine).await;
    scene.death().await;
    scene.death().await;
    assert_eq!(scene.takes().await, 2, "each death counts");

    // From here on it comes once a minute, whoever dies: others are taken without it meanwhile.
    scene.set_takes(SUSPECT).await;
    scene.death().await;
    assert_eq!(scene.takes().await, SUSPECT + 1);
    let later = format!(
        "SELECT count(*) FROM notifications WHERE source_id = '{DEADLY}'
             AND due_at > now() AND due_at < now() + interval '90 seconds'"
    );
    assert_eq!(scene.outcomes.count(&later).await, 1);
    let engine = scene.engine().await;
    scene.scheduled("harmless").await;
    let due =
        "UPDATE notifications SET send_at = now(), due_at = now() WHERE source_id = 'harmless'";
    scene.outcomes.execute(due).await;
    scene.others_go_on("harmless").await;

    // The last death that it is given; then nothing of it is read any more.
    scene.set_takes(MOST - 1).await;
    let run = process::run_of(&engine).await;
    scene.due().await;
    assert!(!engine.ended(PATIENCE).await.unwrap().success());
    scene.buried(run).await;
    assert_eq!(scene.takes().await, MOST);
    let engine = scene.engine().await;
    scene.due().await;
    let dead = format!(
        "SELECT count(*) FROM notifications n JOIN notification_dlq d ON d.notification_id = n.id
         WHERE n.source_id = '{DEADLY}' AND n.reason = 'retries_exhausted'"
    );
    scene.outcomes.until_count(&dead, 1).await;
    scene.scheduled("after").await;
    scene.due().await;
    scene.others_go_on("after").await;
    process::end(&engine).await;
    let accepted = u64::try_from(scene.sent).unwrap();
    assert_eq!(
        scene.stage.ledger.accepted(),
        accepted,
        "the deadly one was never sent"
    );
}
