//! One of two engines dies while a webhook is told of everything. What was told is told again where nobody
//! knows whether it was heard; nothing is left out, and each id has one body.

use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::{PATIENCE, Round};
use crate::receiver::{Receiver, ReceiverBehaviour};

/// So many deliveries fail at first: they come again at a step of the schedule.
const REFUSED: u64 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn killed(spec: Spec<'_>) -> Result<Finding> {
    let receiver = Receiver::start(0)?;
    let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 24]>()));
    receiver.trust(&secret);
    receiver.behave(ReceiverBehaviour {
        status: 503,
        first: Some(REFUSED),
        ..ReceiverBehaviour::default()
    });
    let mut environment = spec.environment(ordinary()).await?;
    environment.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let url = receiver.url();
    let declared = format!(
        "[[webhooks]]\nname = \"judge\"\nurl = {url:?}\nsecret = {secret:?}\nevents = [\"*\"]\n"
    );
    environment.apply("webhook.toml", &declared).await?;
    let mut round = spec.round_on(environment).await?;
    round.webhook = Some(receiver);
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        round.moment(from, to).await;
        let left = round.kill_the_first().await?;
        round.engine = round.environment.engine(round.engine.name()).await?;
        round.recovers(left.at).await;
    }
    round.finish().await
}

impl Round<'_> {
    /// Waits until the webhook has taken all that is written for it, and judges what it heard.
    pub(in crate::chaos) async fn webhook_has_heard(&mut self) -> Result<()> {
        let Some(receiver) = self.webhook.take() else {
            return Ok(());
        };
        let database = &self.environment.database;
        let written = "SELECT count(*) FROM notification_schema.webhook_deliveries";
        let deadline = Instant::now() + PATIENCE;
        while receiver.taken() < database.count(written).await? && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        let written = database.count(written).await?;
        let untold =
            "SELECT count(*) FROM notification_schema.notifications n WHERE status = 'sent'
            AND NOT EXISTS (SELECT FROM notification_schema.webhook_deliveries d
                            WHERE d.notification_id = n.id AND d.event_type = 'notification.sent')";
        let untold = database.count(untold).await?;
        let stats = receiver.stats();
        self.finding.must(untold == 0, || {
            format!("of {untold} that were sent nothing is written for the webhook")
        });
        self.finding
            .must(stats.distinct == written && written > 0, || {
                format!(
                    "the webhook took {} of {written} deliveries",
                    stats.distinct
                )
            });
        self.finding
            .must(stats.changed == 0 && stats.invalid == 0, || {
                let (changed, invalid) = (stats.changed, stats.invalid);
                format!("{changed} deliveries changed under their ids, {invalid} were not signed")
            });
        self.finding.note(format!(
            "{written} deliveries, {} of them taken more than once",
            stats.repeated
        ));
        Ok(())
    }
}
