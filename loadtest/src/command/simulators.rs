//! The arguments that say which simulators to start and where, and starting them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use super::tellers::{EventKeyArgument, TellerArguments};
use crate::ledger::Ledger;
use crate::seed::{Target, seed_file, with_event_key};
use crate::simulator::{Behaviour, Provider, Simulator};

#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// Only these providers, by name, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = provider)]
    only: Vec<Provider>,

    /// Another port than the default 4030 (sendgrid), 4031 (twilio), 4032 (fcm), 4033 (smtp), 4034
    /// (slack); 0 takes a free one. May be repeated
    #[arg(long, value_name = "NAME=PORT", value_parser = port)]
    port: Vec<(Provider, u16)>,
}

#[derive(Debug, Args)]
pub(super) struct SimulatorArguments {
    #[command(flatten)]
    places: PlaceArguments,

    /// Free ports for all that --port does not name
    #[arg(long)]
    free_ports: bool,

    /// TOML file with the latency and fault rules of all simulators from the start on
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,

    /// Write a file for `herald apply`: people, templates, and the simulators as providers
    #[arg(long, value_name = "FILE")]
    seed_out: Option<PathBuf>,

    #[command(flatten)]
    tellers: TellerArguments,
}

fn provider(name: &str) -> Result<Provider, String> {
    Provider::ALL
        .into_iter()
        .find(|provider| provider.name() == name)
        .ok_or_else(|| {
            let names = Provider::ALL.map(Provider::name).join(", ");
            format!("no such provider; choose from {names}")
        })
}

fn port(text: &str) -> Result<(Provider, u16), String> {
    let (name, port) = text.split_once('=').ok_or("write it as NAME=PORT")?;
    let port = port
        .parse()
        .map_err(|_| "a port is a number from 0 to 65535")?;
    Ok((provider(name)?, port))
}

impl PlaceArguments {
    /// The wanted providers with their ports; `otherwise` is for those that were not given one.
    fn wanted(&self, otherwise: impl Fn(Provider) -> u16) -> Vec<(Provider, u16)> {
        let wanted = |provider: &Provider| self.only.is_empty() || self.only.contains(provider);
        Provider::ALL
            .into_iter()
            .filter(wanted)
            .map(|provider| {
                let named = self.port.iter().find(|(name, _)| *name == provider);
                let port = named.map_or_else(|| otherwise(provider), |(_, port)| *port);
                (provider, port)
            })
            .collect()
    }

    /// Where the simulators will be, without starting them.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.wanted(Provider::default_port)
            .into_iter()
            .map(|(provider, port)| Target {
                provider,
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            })
            .collect()
    }
}

impl SimulatorArguments {
    /// Starts the simulators with one ledger, and writes the seed file if one is wanted.
    pub(super) fn start(
        &self,
        ledger: &Arc<Ledger>,
        users: u32,
    ) -> Result<Vec<Simulator>, Failure> {
        let behaviour = match &self.behaviour {
            Some(path) => read_behaviour(path)?,
            None => Behaviour::default(),
        };
        let otherwise = |provider: Provider| match self.free_ports {
            true => 0,
            false => provider.default_port(),
        };
        let tellers = self.tellers.start()?;
        let mut simulators = Vec::new();
        for (provider, port) in self.places.wanted(otherwise) {
            let simulator = Simulator::builder(provider)
                .port(port)
                .ledger(ledger.clone())
                .behaviour(behaviour.clone())
                .told_by(tellers.get(&provider).cloned())
                .start()
                .map_err(Failure::while_doing(&format!("the {provider} simulator")))?;
            simulators.push(simulator);
        }
        if let Some(path) = &self.seed_out {
            let targets: Vec<_> = simulators.iter().map(Target::from).collect();
            write_seed(path, users, &targets, (false, self.tellers.key()))?;
        }
        print_addresses(&simulators);
        Ok(simulators)
    }
}

/// Writes the seed file, to standard output when the path is `-`.
pub(super) fn write_seed(
    path: &Path,
    users: u32,
    targets: &[Target],
    (policies, key): (bool, &EventKeyArgument),
) -> Result<(), Failure> {
    let text = seed_file(users, targets, policies)?;
    let text = match key.public()? {
        Some(key) => with_event_key(&text, &key)?,
        None => text,
    };
    if path == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    let what = format!("writing {}", path.display());
    std::fs::write(path, text).map_err(Failure::while_doing(&what))?;
    println!("seed file {} with {users} people", path.display());
    Ok(())
}

fn read_behaviour(path: &Path) -> Result<Behaviour, Failure> {
    let wrong = |error: String| Failure::Usage(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Behaviour::from_toml(&text).map_err(wrong)
}

/// One line for each simulator: where it is, where it is controlled, the seed of its faults.
fn print_addresses(simulators: &[Simulator]) {
    for simulator in simulators {
        println!(
            "{:<9} {:<23} control {}/_control/  seed {}",
            simulator.provider(),
            simulator.base_url(),
            simulator.control_url(),
            simulator.stats().seed,
        );
    }
}
