//! The rules of time zones that this node goes by, and the zones that it does not know.

use super::CheckResult;
use crate::app::zones::Rules;
use crate::domain::zone;
use crate::store::{Database, zones};

/// Zones that are named in one line.
const SHOWN: usize = 10;

/// Which rules there are.
pub(super) fn rules() -> CheckResult {
    CheckResult {
        detail: Some(Rules::at_hand().to_string()),
        ..CheckResult::new("time zones", Ok(()))
    }
}

/// Zones that recipients live in or preferences go by, and that this node does not know.
pub(super) async fn unknown(database: &Database) -> CheckResult {
    let part = "time zones of people and preferences";
    let named = async { zones::named(&mut *database.get().await?).await }.await;
    let named = match named {
        Ok(named) => named,
        // Whether the database works is another part's to say; a migration may hold the tables.
        Err(error) => {
            return CheckResult {
                warning: Some(format!("not looked at: {error}")),
                ..CheckResult::new(part, Ok(()))
            };
        }
    };
    let unknown: Vec<String> = named
        .into_iter()
        .filter(|name| zone::find(name).is_err())
        .take(SHOWN)
        .collect();
    let warning = (!unknown.is_empty()).then(|| {
        let names = unknown.join(", ");
        format!("not known to this node: {names}; what goes by them waits until they are")
    });
    CheckResult {
        warning,
        ..CheckResult::new(part, Ok(()))
    }
}
