//! `loadtest flows`

mod happening;
mod topic;
mod waiting;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use self::happening::Happening;
use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::harness::environment::Environment;
use crate::seed::{Target, seed_file};
use crate::simulator::{Provider, Simulator};

/// Longest wait for a step forward.
const PATIENCE: Duration = Duration::from_secs(60);
/// People whom events name.
const PEOPLE: u32 = 1_000;
/// What happens, and whom it tells of it.
const WORKFLOWS: &str = r#"
[[templates]]
name = "flow"
message_type = "email"
subject = "{{ event.type }}"
body = "{{ data.text }}"
[[templates]]
name = "flow"
message_type = "in_app"
body = "{{ data.text }}"

[[workflows]]
name = "mail"
on = "flow.mail"
recipients = ["data.who"]
[[workflows.steps]]
send = { channel = "email", template = "flow" }

[[workflows]]
name = "two-steps"
on = "flow.two-steps"
recipients = ["data.who"]
[[workflows.steps]]
send = { channel = "in_app", template = "flow" }
[[workflows.steps]]
throttle = { at_most = 1000000, per = "1d" }

[[workflows]]
name = "topic"
on = "flow.topic"
recipients = ["topic:all"]
[[workflows.steps]]
send = { channel = "in_app", template = "flow", priority = "low" }

[[workflows]]
name = "later"
on = "flow.later"
recipients = ["data.who"]
[[workflows.steps]]
delay = { for = "1d" }
"#;

/// Measure how events become what people are told.
///
/// One engine on a fresh database and virtual host. From an event to its mail at the provider, while nothing else happens;
/// events at a rate, each a run of two steps; a topic that an event tells; and the first again while very many runs wait.
/// Exit code 1 when somebody is left out or told twice.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Events that happen alone, one after the other
    #[arg(long, value_name = "N", default_value_t = 200)]
    alone: u32,

    /// Events a second
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    rate: u32,

    /// For how long, in seconds; 0 leaves that out
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u32,

    /// Subscribers of a topic; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    subscribers: u32,

    /// Runs that wait; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    waiting: u32,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn flows(arguments: Arguments) -> Result<(), Failure> {
    let settings = measuring::fan_out_at_will();
    let work = async |environment: &Environment| measure(environment, &arguments).await;
    measuring::measure(&arguments.bench, "flows", &settings, work).await
}

async fn measure(environment: &Environment, arguments: &Arguments) -> Result<bool> {
    let simulator = Simulator::builder(Provider::SendGrid)
        .ledger(environment.ledger.clone())
        .start()?;
    environment.engine.migrate().await?;
    let mut seed = seed_file(PEOPLE, &[Target::from(&simulator)], false)?;
    seed.write_str(WORKFLOWS)?;
    environment.engine.apply("flows.toml", &seed).await?;
    let (engine, key) = measuring::serving(environment).await?;
    let happening = Happening::new(environment, &engine, key).await?;
    let mut is_whole = happening.alone("alone", arguments.alone).await?;
    if arguments.seconds > 0 {
        is_whole &= happening
            .at_a_rate(arguments.rate, arguments.seconds)
            .await?;
    }
    if arguments.subscribers > 0 {
        is_whole &= topic::fan_out(&happening, arguments.subscribers).await?;
    }
    if arguments.waiting > 0 {
        waiting::fill(&happening, arguments.waiting).await?;
        let what = format!("alone while {} runs wait", arguments.waiting);
        is_whole &= happening.alone(&what, arguments.alone).await?;
    }
    measuring::stop(&engine).await?;
    Ok(is_whole)
}
