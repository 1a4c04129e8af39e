//! `herald dlq`: what failed for good, listed, replayed, resolved.

mod output;

use clap::{Args, Subcommand};
use herald::config::Required;
use herald::domain::{Channel, Reason};
use herald::ops::replay::{self, Order, ReplayFate, ReplayedLetter};
use herald::store::Database;
use herald::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use herald::store::dead_letters::{self, LetterFilter};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::moment::moment;
use super::{Cli, CommandFailure, say};

/// Dead letters in a page of a list.
const PAGE: usize = 500;

/// Looks at dead letters, replays them, or marks them as dealt with.
#[derive(Debug, Subcommand)]
pub(super) enum Dlq {
    /// Shows dead letters, the newest first; with --id one with all that happened to it.
    List(ListLetters),
    /// Sends notifications on their way again. What has expired, is no longer wanted, or has
    /// nobody to go to is left alone, and said.
    Replay(ReplayLetters),
    /// Marks dead letters as dealt with; nothing is sent.
    Resolve(ResolveLetters),
}

/// Which dead letters are meant; all of them, without any.
#[derive(Debug, Args)]
struct Chosen {
    /// The dead letter, or its notification.
    #[arg(long, value_name = "UUID")]
    id: Option<Uuid>,
    /// Of this tenant.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// Of this channel.
    #[arg(long)]
    channel: Option<Channel>,
    /// That failed for this reason.
    #[arg(long, value_parser = Reason::failure)]
    reason: Option<Reason>,
    /// That this account was asked last for.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// That failed at this time or later: RFC 3339, or an age such as "2h" or "7d".
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// That failed before this time.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct ListLetters {
    #[command(flatten)]
    chosen: Chosen,
    /// Most that are shown.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Those that were dealt with, too.
    #[arg(long)]
    all: bool,
    /// Shows addresses, which are personal data.
    #[arg(long)]
    show_recipient: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayLetters {
    #[command(flatten)]
    chosen: Chosen,
    /// All of them: needed where nothing else says which.
    #[arg(long)]
    all: bool,
    /// Most that are looked at, the newest first; all, without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Notifications that become due in a second.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Says what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ResolveLetters {
    #[command(flatten)]
    chosen: Chosen,
    /// All of them: needed where nothing else says which.
    #[arg(long)]
    all: bool,
    /// Most that are resolved, the newest first; all, without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Says how many would be resolved, and does nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Chosen {
    /// Whoever names nothing must say that all are meant.
    fn is_meant(&self, all: bool) -> Result<(), CommandFailure> {
        match all || self.filter(None) != LetterFilter::default() {
            true => Ok(()),
            false => Err(CommandFailure(
                "nothing says which dead letters: name them, for example with --provider or --since, or \
                 write --all"
                    .to_owned(),
            )),
        }
    }

    fn filter(&self, resolved: Option<bool>) -> LetterFilter {
        LetterFilter {
            id: self.id,
            tenant_id: self.tenant,
            channel: self.channel,
            reason: self.reason,
            provider: self.provider.clone(),
            since: self.since,
            until: self.until,
            resolved,
        }
    }
}

pub(super) fn dlq(cli: &Cli, dlq: &Dlq) -> Result<(), CommandFailure> {
    match dlq {
        Dlq::List(list) => show(cli, list),
        Dlq::Replay(replay) => send_again(cli, replay),
        Dlq::Resolve(resolve) => settle(cli, resolve),
    }
}

fn show(cli: &Cli, list: &ListLetters) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    // Whoever names one wants to see it however it stands.
    let everything = list.all || list.chosen.id.is_some();
    let filter = list.chosen.filter((!everything).then_some(false));
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let (letters, total) = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let mut letters = vec![];
        let mut after = None;
        while letters.len() < limit {
            let most = PAGE.min(limit - letters.len());
            let page = dead_letters::list(&database, &filter, after, most).await?;
            after = page.last().map(dead_letters::DeadLetter::place);
            letters.extend(page);
            if after.is_none() {
                break;
            }
        }
        let total = dead_letters::count(&database, &filter).await?;
        Ok((letters, total))
    })?;
    if letters.is_empty() {
        found_nothing(list.chosen.id)?;
    }
    let text = match (cli.json, list.chosen.id, letters.as_slice()) {
        (true, ..) => output::letters_in_json(&letters, total, list.show_recipient),
        (false, Some(_), [letter]) => output::letter(letter, list.show_recipient),
        _ => output::letters(&letters, total, list.show_recipient),
    };
    say::answer(&text)
}

fn send_again(cli: &Cli, replay: &ReplayLetters) -> Result<(), CommandFailure> {
    replay.chosen.is_meant(replay.all)?;
    let settings = cli.settings(&[Required::Database])?;
    // One that was marked as dealt with by mistake can be named.
    let filter = replay
        .chosen
        .filter(replay.chosen.id.is_none().then_some(false));
    let order = Order {
        rate: replay.rate,
        most: most(replay.limit),
        dry_run: replay.dry_run,
        by: None,
    };
    let replayed = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let mut so_far = 0;
        let told = |page: &[ReplayedLetter]| {
            so_far += page.len();
            if so_far > page.len() {
                say::tell(&format!("{so_far} dead letters so far"));
            }
        };
        let replayed = replay::replay(&database, &filter, &order, told).await?;
        if !order.dry_run {
            let sent = replayed
                .iter()
                .filter(|it| matches!(it.fate, ReplayFate::Due(_)));
            note(&database, "replay", &filter, sent.count()).await?;
        }
        Ok(replayed)
    })?;
    if replayed.is_empty() {
        found_nothing(replay.chosen.id)?;
    }
    say::answer(&if cli.json {
        output::replayed_in_json(&replayed, &order)
    } else {
        output::replayed(&replayed, &order)
    })
}

fn settle(cli: &Cli, resolve: &ResolveLetters) -> Result<(), CommandFailure> {
    resolve.chosen.is_meant(resolve.all)?;
    let settings = cli.settings(&[Required::Database])?;
    let filter = resolve.chosen.filter(Some(false));
    let most = most(resolve.limit);
    let count = super::on_runtime(async {
        let database = super::database(&settings).await?;
        if resolve.dry_run {
            return Ok(dead_letters::count(&database, &filter).await?.min(most));
        }
        let mut done = 0;
        while done < most {
            let page = PAGE.min(most - done);
            match dead_letters::resolve(&database, &filter, None, page).await? {
                0 => break,
                count => done += count,
            }
        }
        note(&database, "resolve", &filter, done).await?;
        Ok(done)
    })?;
    if count == 0 {
        found_nothing(resolve.chosen.id)?;
    }
    say::answer(&output::resolved(count, resolve.dry_run, cli.json))
}

/// Notes in the audit trail what was done to how many.
async fn note(
    database: &Database,
    action: &'static str,
    filter: &LetterFilter,
    count: usize,
) -> Result<(), CommandFailure> {
    if count == 0 {
        return Ok(());
    }
    let entry = AuditEntry {
        tenant_id: filter.tenant_id,
        action,
        resource: "dead_letter",
        resource_id: filter
            .id
            .map_or_else(|| "several".to_owned(), |id| id.to_string()),
        changes: AuditChanges::made(json!({ "filter": filter, "count": count })),
    };
    let by = DoneBy::command_line();
    audit::record(&mut *database.get().await?, &by, entry).await?;
    Ok(())
}

/// That nothing is there is good news, unless one was named.
fn found_nothing(id: Option<Uuid>) -> Result<(), CommandFailure> {
    match id {
        Some(id) => Err(CommandFailure(format!(
            "there is no such dead letter, or it was dealt with already: {id}"
        ))),
        None => Ok(()),
    }
}

fn most(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_of_failures_are_taken_and_the_others_are_named() {
        assert_eq!(Reason::failure("no_address"), Ok(Reason::NoAddress));
        let error = Reason::failure("expired").unwrap_err();
        assert!(error.contains("retries_exhausted"), "{error}");
        assert!(!error.contains("expired,"), "{error}");
    }
}
