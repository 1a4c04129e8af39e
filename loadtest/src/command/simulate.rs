//! `loadtest simulate`

use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use super::signal;
use super::simulators::SimulatorArguments;
use crate::ledger::Ledger;
use crate::receiver::Receiver;

/// Start the provider simulators and run until SIGTERM or SIGINT.
///
/// Each has a control endpoint: GET|PUT /_control/behaviour, GET /_control/stats,
/// GET|DELETE /_control/ledger, GET /_control/ledger/{notification id}. The mail server's is on a
/// port of its own, which is printed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    simulators: SimulatorArguments,

    /// Also take webhooks, on this port; 0 takes a free one. GET /_control/stats and /_control/ledger,
    /// GET|PUT /_control/behaviour
    #[arg(long, value_name = "PORT")]
    webhooks: Option<u16>,

    /// What webhooks are signed with; may be repeated, and PUT to /_control/secrets
    #[arg(long, value_name = "whsec_...", requires = "webhooks")]
    webhook_secret: Vec<String>,

    /// How many people the seed file holds
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,
}

pub(super) async fn simulate(arguments: Arguments) -> Result<(), Failure> {
    let ledger = Arc::new(Ledger::new());
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let _simulators = arguments.simulators.start(&ledger, arguments.users)?;
    let receiver = arguments.webhooks.map(Receiver::start).transpose();
    let receiver = receiver.map_err(Failure::while_doing("the receiver of webhooks"))?;
    if let Some(receiver) = &receiver {
        for secret in &arguments.webhook_secret {
            receiver.trust(secret);
        }
        println!("{:<9} {}", "webhooks", receiver.url());
    }
    println!("ready");
    ended.await;
    let totals = ledger.totals();
    println!(
        "accepted {} (distinct {}, duplicates {})",
        totals.accepted, totals.distinct, totals.duplicates
    );
    if let Some(stats) = receiver.map(|receiver| receiver.stats()) {
        println!(
            "webhooks {} (accepted {}, distinct {}, not signed {}, changed {})",
            stats.received, stats.accepted, stats.distinct, stats.invalid, stats.changed
        );
    }
    Ok(())
}
