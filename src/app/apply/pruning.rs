//! Removing what an earlier apply with the same label has made, and what the files declare no longer.

use std::fmt;

use serde_json::json;

use super::ApplyResult;
use crate::config::manifest::Manifest;
use crate::domain::{AppliedKind, ApplyLabel};
use crate::store::applied::{self, LeftEntry};
use crate::store::audit::DoneBy;
use crate::store::{PgConnection, StoreError, WriteChange, savepoint};

/// What became of something that the files declare no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedEntry {
    /// The entry, for example `topics "news"`.
    pub entry: String,
    /// What was done.
    pub change: PruneChange,
}

/// What became of something that the files declare no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PruneChange {
    /// It is gone.
    Removed,
    /// It is there to be read, and used no more.
    Retired,
    /// It is needed: by what, in words.
    Kept(String),
}

impl PruneChange {
    /// The change in a word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Retired => "retired",
            Self::Kept(_) => "kept",
        }
    }

    /// Of a kind whose entries are taken away. People and keys have a history; versions are never lost.
    const fn of(kind: AppliedKind) -> Self {
        match kind {
            AppliedKind::Users
            | AppliedKind::Templates
            | AppliedKind::Workflows
            | AppliedKind::TokenKeys => Self::Retired,
            _ => Self::Removed,
        }
    }
}

impl fmt::Display for PrunedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change.as_str(), self.entry)?;
        match &self.change {
            PruneChange::Kept(why) => write!(f, ": {why}"),
            PruneChange::Removed | PruneChange::Retired => Ok(()),
        }
    }
}

/// What the files declare of a kind, by keys (`store::applied`).
#[derive(Debug, Default, PartialEq)]
struct DeclaredKeys {
    made: Vec<String>,
    others: Vec<String>,
}

/// Notes what the label's files have made, and removes what they have no longer. `written` is what became of each entry.
pub(super) async fn prune(
    connection: &mut PgConnection,
    label: &ApplyLabel,
    manifest: &Manifest,
    written: &[ApplyResult],
) -> Result<Vec<PrunedEntry>, StoreError> {
    let mut left = vec![];
    let mut written = written.iter();
    for kind in AppliedKind::ALL {
        let keys = keys(*kind, manifest);
        let changes: Vec<WriteChange> = written
            .by_ref()
            .take(keys.len())
            .map(|one| one.change)
            .collect();
        let declared = sorted(*kind, &keys, &changes);
        applied::note(connection, label, *kind, &declared.made, &declared.others).await?;
        left.push((*kind, applied::left(connection, label, *kind, &keys).await?));
    }
    let mut pruned = vec![];
    // What needs others goes before them.
    for (kind, left) in left.into_iter().rev() {
        pruned.extend(prune_kind(connection, label, kind, left).await?);
    }
    Ok(pruned)
}

/// A key that takes the place of another one is made by this.
fn sorted(kind: AppliedKind, keys: &[String], changes: &[WriteChange]) -> DeclaredKeys {
    let mut declared = DeclaredKeys::default();
    for (key, change) in keys.iter().zip(changes) {
        let is_made = match change {
            WriteChange::Created => true,
            WriteChange::Updated => kind == AppliedKind::TokenKeys,
            WriteChange::Unchanged => false,
        };
        let list = match is_made {
            true => &mut declared.made,
            false => &mut declared.others,
        };
        list.push(key.clone());
    }
    declared
}

/// The keys of a kind's entries, in the order in which these are written.
fn keys(kind: AppliedKind, manifest: &Manifest) -> Vec<String> {
    macro_rules! keys {
        ($list:ident, |$one:ident| $key:expr) => {{
            let entries = manifest.$list.iter().map(|entry| &entry.value);
            entries.map(|$one| json!($key).to_string()).collect()
        }};
    }
    match kind {
        AppliedKind::Tenants => keys!(tenants, |it| [it.id]),
        AppliedKind::Categories => keys!(categories, |it| (it.tenant_id, &it.name)),
        AppliedKind::Users => keys!(users, |it| (it.tenant_id, it.id)),
        AppliedKind::Preferences => keys!(preferences, |it| (
            it.tenant_id,
            it.user_id,
            it.scope.channel(),
            it.scope.category()
        )),
        AppliedKind::Templates => keys!(templates, |it| (
            it.tenant_id,
            &it.name,
            it.channel,
            &it.locale
        )),
        AppliedKind::Providers => keys!(providers, |it| (None::<()>, &it.name)),
        AppliedKind::Webhooks => keys!(webhooks, |it| (it.tenant_id, &it.name)),
        AppliedKind::Workflows => keys!(workflows, |it| (it.tenant_id, &it.name)),
        AppliedKind::TokenKeys => keys!(token_keys, |it| (it.tenant_id, &it.kid)),
        AppliedKind::Suppressions => keys!(suppressions, |it| (
            it.tenant_id,
            it.channel,
            crate::domain::Suppression::address(it.channel, &it.address),
            it.reason,
            &it.category
        )),
        AppliedKind::Topics => keys!(topics, |it| (it.tenant_id, &it.name)),
    }
}

/// Removes what is left of a kind. What another label has is that label's alone from now on; what is needed stays this
/// label's, so that it goes as soon as nothing needs it.
async fn prune_kind(
    connection: &mut PgConnection,
    label: &ApplyLabel,
    kind: AppliedKind,
    left: Vec<LeftEntry>,
) -> Result<Vec<PrunedEntry>, StoreError> {
    let entry = |left: &LeftEntry, change| PrunedEntry {
        entry: format!("{kind} \"{}\"", left.name),
        change,
    };
    let (shared, mut open): (Vec<_>, Vec<_>) = left.into_iter().partition(|it| it.is_shared);
    let ids: Vec<_> = shared.iter().map(|it| it.id).collect();
    applied::forget(connection, label, kind, &ids).await?;
    let others = || PruneChange::Kept("another label has it, too".to_owned());
    let mut pruned: Vec<PrunedEntry> = shared.iter().map(|it| entry(it, others())).collect();
    loop {
        let (mut free, mut held) = (vec![], vec![]);
        for one in open {
            match applied::in_use(connection, kind, &one).await? {
                Some(why) => held.push((one, why)),
                None => free.push(one),
            }
        }
        if free.is_empty() {
            pruned.extend(
                held.iter()
                    .map(|(it, why)| entry(it, PruneChange::Kept(why.clone()))),
            );
            return Ok(pruned);
        }
        for one in &free {
            let change = removed(connection, label, kind, one).await?;
            pruned.push(entry(one, change));
        }
        // What included one of them may be free now.
        open = held.into_iter().map(|(it, _)| it).collect();
    }
}

async fn removed(
    connection: &mut PgConnection,
    label: &ApplyLabel,
    kind: AppliedKind,
    one: &LeftEntry,
) -> Result<PruneChange, StoreError> {
    let by = DoneBy::command_line();
    let done = savepoint(connection, async |connection| {
        applied::remove(connection, kind, &[one.id], &by).await?;
        applied::forget(connection, label, kind, &[one.id]).await
    })
    .await;
    match done {
        Ok(()) => Ok(PruneChange::of(kind)),
        Err(StoreError::ForeignKey { .. }) => {
            Ok(PruneChange::Kept("rows of others name it".to_owned()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Sources;
    use crate::config::manifest::ManifestChecks;

    #[test]
    fn an_entry_has_the_key_by_which_its_row_is_found() {
        let text = "[[users]]\nid = \"0190c1a0-0000-7000-8000-000000000001\"\n\
                    [[preferences]]\nchannel = \"sms\"\n[[preferences]]\nchannel = \"all\"\n\
                    [[suppressions]]\nchannel = \"email\"\naddress = \"Ana@Example.com\"\n";
        let (path, sources) = (Path::new("a.toml"), Sources::default());
        let manifest = Manifest::parse(path, text, &sources, &ManifestChecks::default()).unwrap();
        let tenant = crate::domain::DEFAULT_TENANT;
        let user = "0190c1a0-0000-7000-8000-000000000001";
        let wanted = [format!("[\"{tenant}\",\"{user}\"]")];
        assert_eq!(keys(AppliedKind::Users, &manifest), wanted);
        let wanted = [
            format!("[\"{tenant}\",null,\"sms\",null]"),
            format!("[\"{tenant}\",null,null,null]"),
        ];
        assert_eq!(keys(AppliedKind::Preferences, &manifest), wanted);
        let wanted = [format!(
            "[\"{tenant}\",\"email\",\"ana@example.com\",\"manual\",null]"
        )];
        assert_eq!(keys(AppliedKind::Suppressions, &manifest), wanted);
    }

    #[test]
    fn what_was_there_is_somebody_elses_and_a_key_that_takes_a_place_is_new() {
        use WriteChange::{Created, Unchanged, Updated};
        let keys = ["a", "b", "c"].map(str::to_owned);
        let changes = [Created, Updated, Unchanged];
        let topics = sorted(AppliedKind::Topics, &keys, &changes);
        assert_eq!(topics.made, ["a"]);
        assert_eq!(topics.others, ["b", "c"]);
        let tokens = sorted(AppliedKind::TokenKeys, &keys, &changes);
        assert_eq!(tokens.made, ["a", "b"]);
    }
}
