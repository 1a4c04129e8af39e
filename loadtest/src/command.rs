//! The subcommands of `loadtest`.

use clap::{Parser, Subcommand};

mod chaos;
mod failure;
mod load;
mod publish;
mod run;
mod seed;
mod signal;
mod simulate;
mod simulators;

pub use failure::Failure;

/// Measures Herald from outside: simulates its providers, publishes load, compares what was
/// published with what the providers accepted.
///
/// Exit code 0: good. 1: it failed, or the run showed a fault. 2: wrong use.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub struct Command {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    Simulate(simulate::Arguments),
    Seed(seed::Arguments),
    Publish(publish::Arguments),
    Run(run::Arguments),
    Chaos(chaos::Arguments),
}

impl Command {
    /// Does what the arguments ask for.
    ///
    /// # Errors
    /// With what went wrong and how to mend it.
    pub async fn obey(self) -> Result<(), Failure> {
        match self.deed {
            Deed::Simulate(arguments) => simulate::simulate(arguments).await,
            Deed::Seed(arguments) => seed::seed(&arguments),
            Deed::Publish(arguments) => publish::publish(arguments).await,
            Deed::Run(arguments) => run::run(arguments).await,
            Deed::Chaos(arguments) => chaos::chaos(arguments).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn documented_lines_are_understood() {
        for line in [
            "loadtest simulate --seed-out seed.toml --users 50 --port sendgrid=0 --only sendgrid,smtp",
            "loadtest seed --users 10 --out -",
            "loadtest publish --count 10 --rate 5 --channels email=1,sms=2 --expired 0.1",
            "loadtest run --count 50000 --rate 0 --engine-pid 1 --json out.json --free-ports",
            "loadtest chaos --list",
            "loadtest chaos --quick --rounds 2 --only panics --only clock --seed 7 --jobs 2",
        ] {
            Command::try_parse_from(line.split(' ')).unwrap();
        }
        for line in [
            "loadtest publish --channels mail=1",
            "loadtest publish --expired 1.5",
            "loadtest chaos --only weather",
        ] {
            assert_eq!(
                Command::try_parse_from(line.split(' '))
                    .unwrap_err()
                    .exit_code(),
                2
            );
        }
    }
}
