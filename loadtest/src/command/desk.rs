//! `loadtest desk`

mod fill;
mod pages;
mod recount;
mod telling;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::harness::environment::Environment;

/// Longest wait for a step forward.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measure the support desk with many tickets.
///
/// A fresh database holds so many tickets of a year, each with five comments. Timed are the pages of lists, the clocks of
/// a tenth of the tickets after a changed rule (while others write), and how soon an event is in the inbox of whoever a
/// ticket is given to, when nothing else happens. Exit code 1 when one of the figures is not good enough; with fewer than
/// a million tickets only the recount must end.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Tickets
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    tickets: u64,

    /// Tickets of which it is measured how soon somebody is told
    #[arg(long, value_name = "N", default_value_t = 300)]
    told: usize,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn desk(arguments: Arguments) -> Result<(), Failure> {
    let settings = [("HERALD__HTTP__PERSON_RATE", "0".to_owned())];
    let work = async |environment: &Environment| measure(environment, &arguments).await;
    measuring::measure(&arguments.bench, "desk", &settings, work).await
}

async fn measure(environment: &Environment, arguments: &Arguments) -> Result<bool> {
    environment.engine.migrate().await?;
    let began = Instant::now();
    fill::fill(environment, arguments.tickets).await?;
    println!(
        "{} tickets with {} comments, made in {:.0} s",
        arguments.tickets,
        arguments.tickets * fill::COMMENTS,
        began.elapsed().as_secs_f64()
    );
    let (engine, key) = measuring::serving(environment).await?;
    let told = telling::measure(environment, &engine, &key, arguments.told).await?;
    let lists = pages::measure(environment, &engine, &key).await?;
    let recounted = recount::measure(environment, &engine, &key).await?;
    measuring::stop(&engine).await?;
    // Fewer tickets say nothing of the figures that a million must reach.
    Ok(recounted && (arguments.tickets < 1_000_000 || (lists && told)))
}
