//! `loadtest chaos`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::signal;
use crate::chaos::{self, Options, Row};

/// Play the kill matrix: whatever may happen to an engine happens to it, under load.
///
/// Starts a PostgreSQL and a RabbitMQ of its own with script/servers, in a temporary folder, and
/// kills no others. Faults strike at random moments of a seed that is printed. Exit code 1 when
/// anything was lost, was sent twice though it was not in flight, or broke another rule of its row.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this row; may be repeated [default: all]
    #[arg(long, value_name = "ROW")]
    only: Vec<Row>,

    /// Say which rows there are, and do nothing
    #[arg(long)]
    list: bool,

    /// How often each row is played
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: u32,

    /// A small load and short faults: a few minutes in all
    #[arg(long)]
    quick: bool,

    /// Seed of the moments and loads [default: random, printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Rounds side by side; those that hit a whole server are alone [default: 2 when quick, else 1]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// The engine, a debug build [default: herald beside this program]
    #[arg(long, value_name = "PROGRAM")]
    engine: Option<PathBuf>,

    /// The script that starts the servers
    #[arg(long, value_name = "FILE", default_value = "script/servers")]
    servers: PathBuf,

    /// Folder for the engines' logs
    #[arg(long, value_name = "FOLDER", default_value = ".local/chaos")]
    logs: PathBuf,

    /// Write the table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

pub(super) async fn chaos(arguments: Arguments) -> Result<(), Failure> {
    if arguments.list {
        for row in Row::ALL {
            println!("{row:<22} {}", row.fault());
        }
        return Ok(());
    }
    let markdown = arguments.markdown.clone();
    let options = arguments.options()?;
    println!("seed {}", options.seed);
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let results = tokio::select! {
        results = chaos::run(&options) => results,
        // What was started is stopped with the future that is dropped here.
        () = ended => return Err(Failure::Failed("ended by a signal before the table".into())),
    };
    let results = results.map_err(|error| Failure::Failed(format!("{error:#}")))?;
    println!("\n{}", chaos::text(&results));
    println!("seed {}", options.seed);
    if let Some(path) = markdown {
        let what = format!("writing {}", path.display());
        std::fs::write(&path, chaos::markdown(&results, options.seed))
            .map_err(Failure::while_doing(&what))?;
    }
    match results.iter().all(chaos::RowResult::is_good) {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}

impl Arguments {
    fn options(self) -> Result<Options, Failure> {
        if self.rounds == 0 || self.jobs == Some(0) {
            return Err(Failure::Usage("--rounds and --jobs are 1 or more".into()));
        }
        let engine = match self.engine {
            Some(engine) => engine,
            None => std::env::current_exe()
                .map_err(Failure::while_doing("this program"))?
                .with_file_name("herald"),
        };
        let usual_jobs = if self.quick { 2 } else { 1 };
        Ok(Options {
            engine,
            servers: self.servers,
            logs: self.logs,
            seed: self.seed.unwrap_or_else(rand::random),
            rounds: self.rounds,
            rows: match self.only {
                only if only.is_empty() => Row::ALL.to_vec(),
                only => only,
            },
            quick: self.quick,
            jobs: self.jobs.unwrap_or(usual_jobs),
        })
    }
}
