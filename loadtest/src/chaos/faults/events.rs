//! A provider tells what became of its messages while an engine, RabbitMQ and the database die. What was answered with
//! 2xx is kept, whatever was told twice is kept once, and all of it is published to who listens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::broker::SETTLED;
use super::database::dies_for_a_while;
use super::{Spec, ordinary, status};
use crate::chaos::finding::Finding;
use crate::chaos::round::{PATIENCE, Round};
use crate::chaos::seed::Special;
use crate::chaos::servers::Server;
use crate::events::{EventTeller, EventVoice, SendgridKey, Telling};
use crate::seed::SENDGRID_ACCOUNT;

const TELLING: Telling = Telling {
    each: 4,
    batch: 50,
    connections: 3,
    twice: 0.2,
};
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Status events that wait for RabbitMQ when it comes back.
const WAITING: u64 = 200;

pub(super) async fn killed(mut spec: Spec<'_>) -> Result<Finding> {
    let key = SendgridKey::generate()?;
    let public = key.public()?;
    let teller = Arc::new(EventTeller::start(
        EventVoice::Sendgrid(key),
        SENDGRID_ACCOUNT,
        TELLING,
    ));
    let special = Special {
        teller: Some((Arc::clone(&teller), public)),
        ..ordinary()
    };
    spec.scale.seconds += u32::try_from(SETTLED.as_secs()).unwrap_or(0);
    let mut environment = spec.environment(special).await?;
    status::listen(&mut environment).await?;
    let mut round = spec.round_on(environment).await?;
    round.teller = Some(teller);
    round.posts_to_both();
    round.moment(0.1, 0.3).await;
    let left = round.kill_the_first().await?;
    round.engine = round.environment.engine(round.engine.name()).await?;
    round.posts_to_both();
    round.recovers(left.at).await;
    round.moment(0.4, 0.7).await;
    // What happens meanwhile waits in PostgreSQL, which dies while it is published.
    round.servers.kill(Server::Rabbitmq).await?;
    round.status_waits(WAITING).await?;
    round.servers.boot(Server::Rabbitmq).await?;
    dies_for_a_while(&mut round).await?;
    round.finish().await
}

impl Round<'_> {
    /// Waits until all events are told, and judges what is kept of them.
    pub(in crate::chaos) async fn events_are_kept(&mut self) -> Result<()> {
        let Some(teller) = self.teller.take() else {
            return Ok(());
        };
        let settled = teller.settle(PATIENCE).await;
        self.finding.must(settled, || {
            format!("{} of {} events are told", teller.told(), teller.made())
        });
        let database = &self.environment.database;
        let kept = "SELECT count(*) FROM notification_schema.email_logs";
        let astray = "SELECT count(*) FROM notification_schema.email_logs e
            WHERE tenant_id IS NULL OR NOT EXISTS (
                SELECT FROM notification_schema.notifications n WHERE n.id = e.notification_id)";
        // What came before its notification finds it a moment later.
        let deadline = Instant::now() + PATIENCE;
        while database.count(astray).await? > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        let (kept, astray) = (database.count(kept).await?, database.count(astray).await?);
        let made = teller.made();
        self.finding.must(kept == made && made > 0, || {
            format!("{kept} events are kept of {made} that were told")
        });
        self.finding.must(astray == 0, || {
            format!("{astray} events are about no notification")
        });
        let (calls, failed, _) = teller.calls();
        self.finding.note(format!(
            "{made} events in {calls} calls; {failed} calls were not answered with 2xx, and told again"
        ));
        Ok(())
    }
}
