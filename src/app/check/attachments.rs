//! Whether files of tickets can be kept, and months be written to where they go.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::CheckResult;
use crate::app::{desk_settings, objects};
use crate::config::{FilePlace, Settings};
use crate::providers::HttpClient;
use crate::store::Database;
use crate::tickets::desk;

const PART: &str = "attachments";
/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(30);

/// What cannot be kept is a failure only where somebody counts on it: the engine sends without.
const UNUSED: &str = "no ticket has files, and notifications need none";

/// Whether any ticket has files; not as long as nobody can say it.
pub(super) async fn are_used(settings: &Settings, patience: Duration) -> bool {
    let mut access = desk_settings(settings);
    access.statement_timeout = access.statement_timeout.min(patience);
    let looked = async {
        let database = Database::connect(&access, &Handle::current()).await?;
        desk::has_files(&database).await
    };
    looked.await.unwrap_or(false)
}

/// Writes something where files are kept, and removes it. Who names a bucket counts on it.
pub(super) async fn kept(settings: &Settings, are_used: bool) -> CheckResult {
    let place = &settings.tickets.attachments.place;
    let mend = match place {
        FilePlace::Bucket(_) => "see tickets.attachments.bucket, endpoint, region and the keys",
        FilePlace::Folder(_) => {
            "set HERALD__TICKETS__ATTACHMENTS__FOLDER to a folder that can be written, or \
             HERALD__TICKETS__ATTACHMENTS__BUCKET to a bucket"
        }
    };
    let Err(why) = probed(settings, place).await else {
        return CheckResult {
            detail: Some(place.to_string()),
            ..CheckResult::new(PART, Ok(()))
        };
    };
    let why = format!("files of tickets cannot be kept in {place}: {why}; {mend}");
    if are_used || matches!(place, FilePlace::Bucket(_)) {
        let why = format!("{why}; notifications are sent all the same");
        return CheckResult::new(PART, Err(why));
    }
    CheckResult {
        warning: Some(format!("{why}; {UNUSED}")),
        ..CheckResult::new(PART, Ok(()))
    }
}

/// The same where months are written to; nothing, unless they are.
pub(super) async fn months(settings: &Settings) -> Option<CheckResult> {
    let place = settings.retention.export.as_ref()?;
    let looked = probed(settings, place).await;
    let looked = looked.map_err(|why| {
        format!("months cannot be written to {place}: {why}; see [retention.export]")
    });
    let detail = looked.is_ok().then(|| place.to_string());
    Some(CheckResult {
        detail,
        ..CheckResult::new("export", looked)
    })
}

/// Writes something to a place, and removes it.
async fn probed(settings: &Settings, place: &FilePlace) -> Result<(), String> {
    let client = HttpClient::new(&settings.providers).map_err(|error| error.to_string())?;
    let objects = objects::objects(place, client).map_err(|error| error.to_string())?;
    let probed = timeout(PATIENCE, objects.probe()).await;
    let probed = probed.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    probed.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Sources;

    fn settings(folder: &str) -> Settings {
        let folder = (
            "HERALD__TICKETS__ATTACHMENTS__FOLDER".to_owned(),
            folder.to_owned(),
        );
        let sources = Sources {
            environment: BTreeMap::from([folder]),
            hostname: "test".to_owned(),
            cores: 2,
            ..Sources::default()
        };
        Settings::load(&sources, &[]).unwrap()
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_a_failure_only_where_files_are_kept() {
        let nowhere = settings("/dev/null/files");
        let unused = kept(&nowhere, false).await;
        assert!(!unused.is_problem(), "{unused}");
        let said = unused.to_string();
        for part in [
            "warning attachments: files of tickets cannot be kept in the folder /dev/null/files",
            "set HERALD__TICKETS__ATTACHMENTS__FOLDER",
            "HERALD__TICKETS__ATTACHMENTS__BUCKET",
            UNUSED,
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let used = kept(&nowhere, true).await;
        assert!(used.is_problem(), "{used}");
        let said = used.to_string();
        assert!(
            said.contains("notifications are sent all the same"),
            "{said}"
        );
        let folder = tempfile::tempdir().unwrap();
        let fine = kept(&settings(folder.path().to_str().unwrap()), false).await;
        assert_eq!((fine.problem, fine.warning), (None, None));
    }
}
