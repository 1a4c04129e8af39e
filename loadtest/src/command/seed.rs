//! `loadtest seed`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::simulators::{PlaceArguments, write_seed};
use super::tellers::EventKeyArgument;

/// Write a file for `herald apply`: people, templates, and the simulators as providers.
///
/// The simulators need not run; the file names the ports that `loadtest simulate` takes by default,
/// or those given here.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    places: PlaceArguments,

    /// How many people
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,

    /// Switch every policy on for everybody, so that none stops a message
    #[arg(long)]
    policies: bool,

    #[command(flatten)]
    key: EventKeyArgument,

    /// Where to write; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

pub(super) fn seed(arguments: &Arguments) -> Result<(), Failure> {
    let targets = arguments.places.targets();
    write_seed(
        &arguments.out,
        arguments.users,
        &targets,
        (arguments.policies, &arguments.key),
    )
}
