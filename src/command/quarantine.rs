//! `herald quarantine`: outcomes that PostgreSQL refused for their own data.

use clap::{Args, Subcommand};
use herald::config::Required;
use herald::store::audit::DoneBy;
use herald::store::quarantine::{self, OutcomeReplay, QuarantineFilter, Quarantined};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Cli, CommandFailure, say};

/// Outcomes that PostgreSQL refused for their own data, kept whole: looks at them, stores them once
/// the cause is mended, marks them as dealt with.
#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// Shows what is quarantined, the oldest first.
    List(ListQuarantined),
    /// Shows one of them.
    Show(Show),
    /// Stores outcomes as they would have been stored: what was put off is then due.
    Replay(ReplayQuarantined),
    /// Marks one as dealt with; nothing of it is stored, and nothing is sent.
    Resolve(ResolveQuarantined),
}

#[derive(Debug, Args)]
pub(super) struct ListQuarantined {
    /// Of this tenant.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// Those that were dealt with, too.
    #[arg(long)]
    all: bool,
    /// Most that are shown.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The entry, or its notification.
    id: Uuid,
    /// Shows the outcome with its content and addresses, which are personal data.
    #[arg(long)]
    content: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayQuarantined {
    /// The entry, or its notification.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<Uuid>,
    /// All that is quarantined.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ResolveQuarantined {
    /// The entry, or its notification.
    id: Uuid,
}

pub(super) fn quarantine(cli: &Cli, quarantine: &Quarantine) -> Result<(), CommandFailure> {
    match quarantine {
        Quarantine::List(list) => show_all(cli, list),
        Quarantine::Show(show) => show_one(cli, show),
        Quarantine::Replay(replay) => store(cli, replay),
        Quarantine::Resolve(resolve) => close(cli, resolve),
    }
}

fn find(
    cli: &Cli,
    filter: &QuarantineFilter,
    most: usize,
) -> Result<Vec<Quarantined>, CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    super::on_runtime(async {
        let database = super::database(&settings).await?;
        Ok(quarantine::list(&database, filter, most).await?)
    })
}

fn one(cli: &Cli, id: Uuid, resolved_too: bool) -> Result<Quarantined, CommandFailure> {
    let filter = QuarantineFilter {
        id: Some(id),
        resolved_too,
        ..QuarantineFilter::default()
    };
    let found = find(cli, &filter, 1)?.into_iter().next();
    found.ok_or_else(|| CommandFailure(format!("nothing of this id is quarantined: {id}")))
}

fn show_all(cli: &Cli, list: &ListQuarantined) -> Result<(), CommandFailure> {
    let filter = QuarantineFilter {
        id: None,
        tenant_id: list.tenant,
        resolved_too: list.all,
    };
    let most = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let found = find(cli, &filter, most)?;
    if cli.json {
        let entries: Vec<Value> = found.iter().map(|entry| in_json(entry, false)).collect();
        say::answer(&json!({ "data": entries }).to_string())
    } else if found.is_empty() {
        say::answer("nothing is quarantined")
    } else {
        let lines: Vec<String> = found.iter().map(line).collect();
        say::answer(&lines.join("\n"))
    }
}

fn show_one(cli: &Cli, show: &Show) -> Result<(), CommandFailure> {
    let entry = one(cli, show.id, true)?;
    if cli.json {
        return say::answer(&in_json(&entry, show.content).to_string());
    }
    let mut lines = vec![line(&entry), entry.message.clone()];
    if show.content {
        lines.push(format!("{:#}", content(&entry)));
    }
    say::answer(&lines.join("\n"))
}

fn store(cli: &Cli, replay: &ReplayQuarantined) -> Result<(), CommandFailure> {
    let chosen = match replay.id {
        Some(id) => vec![one(cli, id, false)?],
        None => find(cli, &QuarantineFilter::default(), usize::MAX)?,
    };
    let settings = cli.settings(&[Required::Database])?;
    let mut refused = 0;
    let told = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let (mut told, by) = (vec![], DoneBy::command_line());
        for entry in &chosen {
            let (became, why) = match quarantine::replay(&database, entry, &by).await {
                Ok(OutcomeReplay::Stored) => ("stored", None),
                Ok(OutcomeReplay::Superseded) => ("superseded", None),
                Ok(OutcomeReplay::Gone) => ("gone", None),
                Err(error) => {
                    refused += 1;
                    ("refused", Some(error.to_string()))
                }
            };
            told.push((entry.notification_id, became, why));
        }
        Ok(told)
    })?;
    if cli.json {
        let each: Vec<Value> = told
            .iter()
            .map(|(id, became, why)| json!({ "notification_id": id, "result": became, "why": why }))
            .collect();
        say::answer(&json!({ "data": each }).to_string())?;
    } else if told.is_empty() {
        say::answer("nothing is quarantined")?;
    } else {
        let line = |(id, became, why): &(Uuid, &str, Option<String>)| {
            let why = why.as_ref().map(|why| format!(": {why}"));
            format!("{id}  {became}{}", why.unwrap_or_default())
        };
        let lines: Vec<String> = told.iter().map(line).collect();
        say::answer(&lines.join("\n"))?;
    }
    match refused {
        0 => Ok(()),
        refused => Err(CommandFailure(format!(
            "{refused} were refused again, and stay in quarantine"
        ))),
    }
}

fn close(cli: &Cli, resolve: &ResolveQuarantined) -> Result<(), CommandFailure> {
    let entry = one(cli, resolve.id, false)?;
    let settings = cli.settings(&[Required::Database])?;
    let closed = super::on_runtime(async {
        let database = super::database(&settings).await?;
        Ok(quarantine::resolve(&database, &entry, &DoneBy::command_line()).await?)
    })?;
    if !closed {
        return Err(CommandFailure(format!(
            "somebody else dealt with it: {}",
            resolve.id
        )));
    }
    if cli.json {
        let said = json!({ "notification_id": entry.notification_id, "result": "resolved" });
        say::answer(&said.to_string())
    } else {
        say::answer(&format!("{}  resolved", entry.notification_id))
    }
}

fn line(entry: &Quarantined) -> String {
    let reason = entry.reason.as_deref().unwrap_or("-");
    let resolution = entry.resolution.as_deref().unwrap_or("open");
    format!(
        "{}  {}  {}  {} {reason}  SQLSTATE {}  {resolution}",
        entry.notification_id, entry.created_at, entry.channel, entry.status, entry.sqlstate
    )
}

fn in_json(entry: &Quarantined, with_content: bool) -> Value {
    let mut value = json!({
        "id": entry.id,
        "notification_id": entry.notification_id,
        "tenant_id": entry.tenant_id,
        "channel": entry.channel,
        "status": entry.status,
        "reason": entry.reason,
        "sqlstate": entry.sqlstate,
        "message": entry.message,
        "run_id": entry.run.0,
        "created_at": entry.created_at.to_string(),
        "resolved_at": entry.resolved_at.map(|at| at.to_string()),
        "resolution": entry.resolution,
    });
    if with_content && let Some(fields) = value.as_object_mut() {
        fields.insert("settlement".to_owned(), content(entry));
    }
    value
}

/// What cannot be read is shown as it stands.
fn content(entry: &Quarantined) -> Value {
    serde_json::from_slice(&entry.settlement).unwrap_or_else(|_| {
        String::from_utf8_lossy(&entry.settlement)
            .into_owned()
            .into()
    })
}
