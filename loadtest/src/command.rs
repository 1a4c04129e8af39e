//! The subcommands of `loadtest`.

use clap::{Parser, Subcommand};

mod bench;
mod books;
mod chaos;
mod compare;
mod desk;
mod events;
mod failure;
mod fan_out;
mod floor;
mod flows;
mod growth;
mod inbox;
mod load;
mod measuring;
mod publish;
mod run;
mod scenario;
mod seed;
mod show;
mod signal;
mod simulate;
mod simulators;
mod tellers;

pub use failure::Failure;

/// Measures Herald from outside: simulates its providers, publishes load, compares what was
/// published with what the providers accepted.
///
/// Exit code 0: good. 1: it failed, or the run showed a fault. 2: wrong use.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Simulate(simulate::Arguments),
    Seed(seed::Arguments),
    Publish(publish::Arguments),
    Run(Box<run::Arguments>),
    Floor(floor::Arguments),
    Compare(Box<compare::Arguments>),
    Growth(growth::Arguments),
    Chaos(chaos::Arguments),
    Events(events::Arguments),
    Books(books::Arguments),
    Inbox(inbox::Arguments),
    Desk(desk::Arguments),
    FanOut(fan_out::Arguments),
    Flows(flows::Arguments),
}

impl Command {
    /// Does what the arguments ask for.
    ///
    /// # Errors
    /// With what went wrong and how to mend it.
    pub async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Simulate(arguments) => simulate::simulate(arguments).await,
            Action::Seed(arguments) => seed::seed(&arguments),
            Action::Publish(arguments) => publish::publish(arguments).await,
            Action::Run(arguments) => run::run(*arguments).await,
            Action::Floor(arguments) => floor::floor(arguments).await,
            Action::Compare(arguments) => compare::compare(*arguments).await,
            Action::Growth(arguments) => growth::growth(arguments).await,
            Action::Chaos(arguments) => chaos::chaos(arguments).await,
            Action::Events(arguments) => events::events(arguments).await,
            Action::Books(arguments) => books::books(arguments).await,
            Action::Inbox(arguments) => inbox::inbox(arguments).await,
            Action::Desk(arguments) => desk::desk(arguments).await,
            Action::FanOut(arguments) => fan_out::fan_out(arguments).await,
            Action::Flows(arguments) => flows::flows(arguments).await,
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
            "loadtest run steady --scale 0.1 --seed 7 --html steady.html --herald /x/herald",
            "loadtest run --list",
            "loadtest floor --database postgres://a/b --broker amqp://a --sendgrid http://a:1 --twilio http://a:2 --fcm http://a:3 --slack http://a:4 --drain",
            "loadtest compare --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --rounds 3 --half --contender floor --contender engine:old,bin=herald",
            "loadtest run --count 50000 --rate 0 --engine-pid 1 --json out.json --free-ports",
            "loadtest growth --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --axis rows=10k,1M --axis nodes --markdown growth.md",
            "loadtest events --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --rate 500 --each 10",
            "loadtest inbox --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --streams 10000 --idle",
            "loadtest inbox --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --alone",
            "loadtest desk --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --tickets 1000 --told 5",
            "loadtest books --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --rows 1000",
            "loadtest flows --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --subscribers 0 --waiting 0",
            "loadtest chaos --list",
            "loadtest chaos --quick --rounds 2 --only panics --only clock --seed 7 --jobs 2",
        ] {
            Command::try_parse_from(line.split(' ')).unwrap();
        }
        for line in [
            "loadtest publish --channels mail=1",
            "loadtest publish --expired 1.5",
            "loadtest run steady --count 5",
            "loadtest run --scale 2",
            "loadtest run steady --scale 0",
            "loadtest chaos --only weather",
            "loadtest growth --database postgres://a/b --broker amqp://a/b --broker-admin http://a:b@c:1 --axis pigeons",
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
