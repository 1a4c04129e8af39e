//! Entries of the suppression list that hold nothing back: they stand there in a spelling that is looked up
//! for nobody.

use super::CheckResult;
use crate::store::{Database, suppressions};

/// Looks at the whole list.
pub(super) async fn unspelt(database: &Database) -> CheckResult {
    let part = "suppression list";
    let warning = match suppressions::unspelt(database).await {
        Ok(None) => None,
        Ok(Some(unspelt)) => Some(format!(
            "{} entries never match, for they are no address in its one spelling (the first: \
             suppressions.id {}); write them again with `herald apply`, and delete these",
            unspelt.count, unspelt.first
        )),
        // Whether the database works is another part's to say; a migration may hold the table.
        Err(error) => Some(format!("not looked at: {error}")),
    };
    CheckResult {
        warning,
        ..CheckResult::new(part, Ok(()))
    }
}
