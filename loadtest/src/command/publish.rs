//! `loadtest publish`

use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::failure::Failure;
use super::load::LoadArguments;

/// Publish a load to the broker, and nothing else.
///
/// The engine must have declared exchange and queues: a message that no queue takes is an error.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) async fn publish(arguments: Arguments) -> Result<(), Failure> {
    let mut load = arguments.load.prepare().await?;
    let begun = Instant::now();
    let published = load.publish(None, &Arc::default()).await?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "published {} in {seconds:.2} s ({:.0}/s), confirmed {}, unroutable {}, failed {}",
        published.published,
        published.published as f64 / seconds.max(1e-9),
        published.confirmed,
        published.unroutable,
        published.failed,
    );
    println!(
        "to be accepted by providers: {} of {} messages",
        published.expected.acceptances(),
        published.expected.messages()
    );
    match published.first_error {
        Some(error) => Err(Failure::Failed(error)),
        None => Ok(()),
    }
}
