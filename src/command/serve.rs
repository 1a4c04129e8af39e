//! `herald serve`.

use clap::{Args, ValueEnum};
use herald::app::{self, ServedParts};
use herald::config::{self, Required};
use herald::runtime::{Ending, Shutdown, files};
use herald::telemetry::logging::{self, LineFormat};

use super::{Cli, CommandFailure, signals};

/// Runs the engine until a signal ends it.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Serves some parts alone; HTTP is always there.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<ServedPart>,
}

/// A part that can be served alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ServedPart {
    /// Consumers, providers, and all that belongs to notifications.
    Engine,
    /// HTTP.
    Api,
    /// The support desk's clocks and events.
    Tickets,
}

impl Serve {
    fn parts(&self) -> ServedParts {
        let has = |part| self.only.is_empty() || self.only.contains(&part);
        ServedParts {
            engine: has(ServedPart::Engine),
            tickets: has(ServedPart::Tickets),
            api: has(ServedPart::Api),
        }
    }
}

pub(super) fn serve(cli: &Cli, serve: &Serve) -> Result<(), CommandFailure> {
    let settings = cli.settings(Required::ALL)?;
    logging::start(log_format(settings.log.format), &settings.log.filter)?;
    #[cfg(debug_assertions)]
    arm_failpoints(cli)?;
    if let Err(error) = files::raise() {
        tracing::warn!(%error, "the limit of open files could not be raised to the allowed maximum");
    }
    let shutdown = Shutdown::new();
    signals::listen(shutdown.clone())?;
    let ended = app::run_only(settings, shutdown, serve.parts());
    logging::flush();
    let report = ended?;
    match report.ending {
        Ending::Asked => Ok(()),
        Ending::Fatal(why) => Err(CommandFailure(why)),
    }
}

/// For `loadtest chaos` and tests, which have the real program panic, die, or act as its next version: a
/// release is built without this.
#[cfg(debug_assertions)]
fn arm_failpoints(cli: &Cli) -> Result<(), CommandFailure> {
    use herald::runtime::failpoint;
    const POINTS: &str = "HERALD_FAILPOINTS";
    const NEXT_VERSION: &str = "HERALD_FAILPOINT_NEXT_VERSION";
    const DEADLY: &str = "HERALD_FAILPOINT_DEADLY";
    let environment = cli.sources().environment;
    let word = |variable| environment.get(variable).map_or("", String::as_str);
    failpoint::arm_all(word(POINTS)).map_err(|why| CommandFailure(format!("{POINTS}: {why}")))?;
    failpoint::set_deadly(word(DEADLY));
    failpoint::act_as_next(word(NEXT_VERSION))
        .map_err(|why| CommandFailure(format!("{NEXT_VERSION}: {why}")))
}

const fn log_format(format: config::LogFormat) -> LineFormat {
    match format {
        config::LogFormat::Pretty => LineFormat::Pretty,
        config::LogFormat::Json => LineFormat::Json,
    }
}
