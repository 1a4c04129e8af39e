//! `herald rejected`: what could not be accepted, listed and published again.

use clap::Subcommand;
use herald::app::rejected::{self, MeantRejected, RejectedFate};
use herald::config::Required;
use serde_json::json;

use super::columns::columns_with_text;
use super::{Cli, CommandFailure, say};

/// Looks at rejected messages, or publishes them to their lanes again.
#[derive(Debug, Subcommand)]
pub(super) enum RejectedCommand {
    /// Shows the eldest rejected messages; all of them stay. Nobody else sees them meanwhile.
    List {
        /// Most that are shown.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Shows what they say, which may be personal data.
        #[arg(long)]
        show_body: bool,
    },
    /// Publishes messages to their lanes again, as they are: their cause must be gone. Their keys keep them from
    /// being sent twice.
    Replay {
        /// The messages, by the ids of the list.
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// All of them, each once.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// With --all: those alone that were rejected for this reason.
        #[arg(long, requires = "all")]
        reason: Option<String>,
    },
}

pub(super) fn rejected(cli: &Cli, rejected: &RejectedCommand) -> Result<(), CommandFailure> {
    match rejected {
        RejectedCommand::List { limit, show_body } => list(cli, *limit, *show_body),
        RejectedCommand::Replay { ids, all, reason } => {
            let meant = match all {
                true => MeantRejected::All(reason.clone()),
                false => MeantRejected::Ids(ids.clone()),
            };
            replay(cli, meant)
        }
    }
}

fn list(cli: &Cli, limit: u32, show_body: bool) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Broker])?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let look = super::on_runtime(async {
        let look = rejected::look(&settings, most).await;
        look.map_err(|error| CommandFailure(error.words()))
    })?;
    let lane = |it: &Option<herald::domain::Lane>| it.map(|lane| lane.routing_key());
    let body = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if cli.json {
        let rows: Vec<_> = look
            .messages
            .iter()
            .map(|it| {
                let mut row = json!({
                    "id": it.id, "reason": it.reason, "detail": it.detail, "lane": lane(&it.lane),
                    "message_id": it.message_id, "bytes": it.body.len(),
                });
                if let (true, Some(row)) = (show_body, row.as_object_mut()) {
                    row.insert("body".to_owned(), json!(body(&it.body)));
                }
                row
            })
            .collect();
        return say::answer(&json!({ "waiting": look.waiting, "messages": rows }).to_string());
    }
    let mut rows = vec![];
    for it in &look.messages {
        let lane = lane(&it.lane).unwrap_or_default();
        let said = match show_body {
            true => format!("{}\n{}", it.detail, body(&it.body)),
            false => it.detail.clone(),
        };
        rows.push((vec![it.id.clone(), it.reason.clone(), lane], said));
    }
    if !rows.is_empty() {
        say::answer(&columns_with_text(&rows))?;
    }
    say::answer(&format!(
        "{} shown of {}",
        look.messages.len(),
        look.waiting
    ))
}

fn replay(cli: &Cli, meant: MeantRejected) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database, Required::Broker])?;
    let mut fates: Vec<RejectedFate> = vec![];
    let ended = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let told = |fate| fates.push(fate);
        Ok(rejected::publish_again(&settings, &database, meant, told).await)
    })?;
    let published = fates.iter().filter(|it| it.published.is_ok()).count();
    let left = fates.len() - published;
    if cli.json {
        let rows: Vec<_> = fates
            .iter()
            .map(|it| match &it.published {
                Ok(lane) => json!({ "id": it.id, "lane": lane.routing_key() }),
                Err(error) => json!({ "id": it.id, "error": error.to_string() }),
            })
            .collect();
        say::answer(&json!({ "published": published, "messages": rows }).to_string())?;
    } else {
        for it in &fates {
            say::answer(&match &it.published {
                Ok(lane) => format!("published {} to {lane}", it.id),
                Err(error) => format!("left {}: {error}", it.id),
            })?;
        }
        say::answer(&format!("{published} published, {left} left"))?;
    }
    ended?;
    match left {
        0 => Ok(()),
        left => Err(CommandFailure(format!("{left} were not published"))),
    }
}
