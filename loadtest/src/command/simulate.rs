//! `loadtest simulate`

use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use super::signal;
use super::simulators::SimulatorArguments;
use crate::ledger::Ledger;

/// Start the provider simulators and run until SIGTERM or SIGINT.
///
/// Each has a control endpoint: GET|PUT /_control/behaviour, GET /_control/stats,
/// GET|DELETE /_control/ledger, GET /_control/ledger/{notification id}. The mail server's is on a
/// port of its own, which is printed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    simulators: SimulatorArguments,

    /// How many people the seed file holds
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,
}

pub(super) async fn simulate(arguments: Arguments) -> Result<(), Failure> {
    let ledger = Arc::new(Ledger::new());
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let _simulators = arguments.simulators.start(&ledger, arguments.users)?;
    println!("ready");
    ended.await;
    let totals = ledger.totals();
    println!(
        "accepted {} (distinct {}, duplicates {})",
        totals.accepted, totals.distinct, totals.duplicates
    );
    Ok(())
}
