//! The arguments that describe a load, and publishing it with progress lines.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use crate::lane::{Channel, Priority};
use crate::ledger::Ledger;
use crate::publisher::{Mix, Pace, Plan, Progress, Published, Publisher, Weights};
use tokio::time::{MissedTickBehavior, interval};

/// With a rate the publisher never waits for confirms, up to this many.
const OPEN_LOOP_WINDOW: usize = 1_000_000;

/// Each run has 2^24 sequences of its own.
const RUN_BITS: u32 = 24;

#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    /// The broker
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD__BROKER__URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    broker: String,

    #[command(flatten)]
    pub(super) shape: ShapeArguments,
}

/// What a load is like, wherever it is published.
#[derive(Debug, Args)]
pub(super) struct ShapeArguments {
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(super) count: u64,

    /// Messages a second, on a fixed schedule that does not slow down with the broker; 0 is flat out
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0)]
    pub(super) rate: f64,

    /// Unconfirmed messages at most when flat out
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    window: usize,

    /// Weights of the channels email, sms, push, in_app, chat [default: email=5,sms=2,push=2,chat=1]
    #[arg(long, value_name = "WEIGHTS")]
    channels: Option<Weights<Channel>>,

    /// Weights of the priorities urgent, high, normal, low [default: urgent=1,high=2,normal=5,low=2]
    #[arg(long, value_name = "WEIGHTS")]
    priorities: Option<Weights<Priority>>,

    /// Share of messages that name a template, 0 to 1; the others carry their content
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    templates: f64,

    /// Share of messages that have expired already, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    expired: f64,

    /// Share of messages with a send_at ahead, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    scheduled: f64,

    /// How far ahead those are, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    schedule_ahead: u64,

    /// Share of messages that repeat an earlier one with its idempotency key, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    duplicates: f64,

    /// Size of an envelope, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 700)]
    size: usize,

    /// How many people to write to; the seed file must hold as many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) users: u32,

    /// Seed of the load: the same one publishes the same messages [default: random, printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// A load ready to be published.
pub(super) struct Load {
    pub(super) run: String,
    pub(super) seed: u64,
    pub(super) rate: f64,
    count: u64,
    window: usize,
    plan: Plan,
    publisher: Publisher,
}

impl LoadArguments {
    /// The broker's URL.
    pub(super) fn broker(&self) -> &str {
        &self.broker
    }
}

impl ShapeArguments {
    pub(super) fn mix(&self) -> Mix {
        let usual = Mix::default();
        Mix {
            channels: self.channels.clone().unwrap_or(usual.channels),
            priorities: self.priorities.clone().unwrap_or(usual.priorities),
            template_share: self.templates,
            equal_content: false,
            expired_share: self.expired,
            scheduled_share: self.scheduled,
            schedule_ahead_ms: self.schedule_ahead,
            duplicate_share: self.duplicates,
            envelope_bytes: self.size,
            users: self.users,
            tenants: 1,
        }
    }

    /// The seed that was asked for, else any.
    pub(super) fn seed_or_any(&self) -> u64 {
        self.seed.unwrap_or_else(rand::random)
    }

    /// Unconfirmed messages at most at a rate.
    pub(super) fn window(&self, rate: f64) -> usize {
        match rate {
            rate if rate > 0.0 => OPEN_LOOP_WINDOW,
            _ => self.window,
        }
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.expired + self.scheduled + self.duplicates > 1.0 {
            let message = "--expired, --scheduled and --duplicates together exceed 1";
            return Err(Failure::Usage(message.into()));
        }
        if self.count > 1 << RUN_BITS {
            let message = format!("--count is at most {}", 1_u64 << RUN_BITS);
            return Err(Failure::Usage(message));
        }
        if self.users == 0 || self.count == 0 {
            let message = "--users and --count must be 1 or more";
            return Err(Failure::Usage(message.into()));
        }
        if !self.rate.is_finite() || self.rate < 0.0 {
            let message = "--rate is messages a second, or 0 for flat out";
            return Err(Failure::Usage(message.into()));
        }
        Ok(())
    }
}

impl LoadArguments {
    /// Connects to the broker and prepares the load.
    pub(super) async fn prepare(&self) -> Result<Load, Failure> {
        let shape = &self.shape;
        shape.check()?;
        let seed = shape.seed_or_any();
        // Idempotency keys are remembered for a day: each run needs its own.
        let number: u32 = rand::random();
        let run = format!("lt-{number:08x}");
        let first = u64::from(number) << RUN_BITS;
        println!("run {run}, seed {seed}");
        let publisher = Publisher::connect(&self.broker)
            .await
            .map_err(Failure::while_doing("the broker (--broker)"))?;
        Ok(Load {
            plan: Plan::new(shape.mix(), seed, run.clone()).starting_at(first),
            run,
            seed,
            rate: shape.rate,
            count: shape.count,
            window: shape.window(shape.rate),
            publisher,
        })
    }
}

impl Load {
    /// The sequences that the load may use.
    pub(super) fn sequences(&self) -> Range<u64> {
        self.plan.first()..self.plan.first() + self.count
    }

    /// Publishes it, with a progress line each second.
    pub(super) async fn publish(
        &mut self,
        ledger: Option<&Ledger>,
        progress: &Arc<Progress>,
    ) -> Result<Published, Failure> {
        let pace = Pace::starting_now(self.rate);
        let work = self
            .publisher
            .run(&mut self.plan, self.count, pace, self.window, progress);
        let published = tokio::select! {
            published = work => published,
            () = report(progress, ledger) => unreachable!("it reports for ever"),
        };
        published.map_err(Failure::while_doing("publishing"))
    }
}

/// Prints a line each second, for ever.
async fn report(progress: &Progress, ledger: Option<&Ledger>) {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        let (published, confirmed) = (progress.published(), progress.confirmed());
        match ledger {
            Some(ledger) => println!(
                "published {published:>8}  confirmed {confirmed:>8}  accepted {:>8}",
                ledger.accepted()
            ),
            None => println!("published {published:>8}  confirmed {confirmed:>8}"),
        }
    }
}
