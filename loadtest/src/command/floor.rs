//! `loadtest floor`

use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{Notify, oneshot};

use super::failure::Failure;
use super::signal;
use crate::floor::{self, Providers, Settings, Summary};

/// Deliver what waits in the broker with the barest loop that makes the engine's durable writes.
///
/// It is the yardstick for the engine: no policy, no actors, no templates, no retries. The database
/// must be migrated and hold the seed file's people; simulators must run. It says "ready" once it
/// consumes, and ends at SIGTERM or SIGINT, with --drain also when the queues are empty. It is no
/// engine: killed, it loses what it had in hand.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The database
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD__DATABASE__URL",
        hide_env_values = true
    )]
    database: String,

    /// The broker
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD__BROKER__URL",
        hide_env_values = true
    )]
    broker: String,

    /// The SendGrid simulator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4030")]
    sendgrid: String,

    /// The Twilio simulator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4031")]
    twilio: String,

    /// The FCM simulator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4032")]
    fcm: String,

    /// The Slack simulator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4034")]
    slack: String,

    /// Requests in flight at most
    #[arg(long, value_name = "N", default_value_t = 128)]
    in_flight: usize,

    /// Messages claimed in one transaction at most, and settled unless more have gathered meanwhile
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch: usize,

    /// How long a batch waits to be full, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3)]
    linger: u64,

    /// Unacknowledged messages of one queue at most; 20 lanes hold as many times this
    #[arg(long, value_name = "N", default_value_t = 512)]
    prefetch: u16,

    /// One queue for all lanes, instead of the engine's own for each
    #[arg(long)]
    one_queue: bool,

    /// End when nothing has come for a second and everything is acknowledged
    #[arg(long)]
    drain: bool,
}

pub(super) async fn floor(arguments: Arguments) -> Result<(), Failure> {
    let settings = Settings {
        database: arguments.database,
        broker: arguments.broker,
        providers: Providers {
            sendgrid: arguments.sendgrid,
            twilio: arguments.twilio,
            fcm: arguments.fcm,
            slack: arguments.slack,
        },
        in_flight: arguments.in_flight.max(1),
        batch: arguments.batch.max(1),
        linger: Duration::from_millis(arguments.linger),
        prefetch: arguments.prefetch.max(1),
        one_queue: arguments.one_queue,
        drain: arguments.drain,
    };
    let (ended, end) = oneshot::channel();
    // One thread for all of it: nothing has to be locked, or to wake another core.
    std::thread::Builder::new()
        .name("floor".to_owned())
        .spawn(move || ended.send(on_this_thread(settings)))
        .map_err(Failure::while_doing("a thread"))?;
    let summary = end
        .await
        .map_err(|_| Failure::Failed("the floor panicked".to_owned()))??;
    report(&summary);
    Ok(())
}

fn on_this_thread(settings: Settings) -> Result<Summary, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::while_doing("a runtime"))?;
    runtime.block_on(async {
        let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
        let end = Rc::new(Notify::new());
        let work = floor::run(settings, || println!("ready"), Rc::clone(&end));
        let wait = async {
            ended.await;
            end.notify_one();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            summary = work => summary.map_err(Failure::while_doing("the floor")),
            () = wait => unreachable!("it waits for ever"),
        }
    })
}

fn report(summary: &Summary) {
    println!(
        "settled {} in {} batches, accepted {}, duplicates {}, claimed in {} batches, acknowledged with {} frames",
        summary.settled,
        summary.settlements,
        summary.accepted,
        summary.duplicates,
        summary.claims,
        summary.acks,
    );
}
