//! Months of notifications that are kept no longer: each is written to files first, if a folder is set, and removed
//! once these are on the disk. Whatever breaks that off leaves the month where it is.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::runtime::Shutdown;
use crate::store::months::{self, ExportedTable, Month, MonthKeeper};
use crate::store::{Access, Database, StoreError};

/// Time between rounds.
const EVERY: Duration = Duration::from_secs(600);
/// What is gathered before it is written, bytes.
const BUFFER: usize = 1 << 18;

/// Removes months until told to stop. One node does it at a time, whichever comes first.
#[derive(Debug)]
pub struct MonthRemoval {
    /// The database.
    pub database: Database,
    /// How it is reached for copying.
    pub access: Access,
    /// Whole months that are kept beside the running one; 0 keeps them all.
    pub months: i32,
    /// Where months are written to before they go.
    pub folder: Option<PathBuf>,
    /// Ends it.
    pub stop: Shutdown,
}

/// Why a month stays for now.
#[derive(Debug, thiserror::Error)]
pub enum MonthError {
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be written.
    #[error("{path} cannot be written: {error}; see HERALD__RETENTION__EXPORT_FOLDER")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
}

impl MonthRemoval {
    /// Runs until told to stop.
    pub async fn run(self) {
        while self.months > 0 && !self.stop.is_raised() {
            if let Some(Err(error)) = self.stop.or(self.round()).await {
                tracing::warn!(%error, "a month of notifications could not be removed; trying again later");
            }
            self.stop.or(tokio::time::sleep(EVERY)).await;
        }
    }

    /// Removes what has had its time; says which months.
    ///
    /// # Errors
    /// The database's, or a file's; what is left is removed the next time.
    pub async fn round(&self) -> Result<Vec<String>, MonthError> {
        let mut removed = vec![];
        let past = months::past(&self.database, self.months).await?;
        if past.is_empty() {
            return Ok(removed);
        }
        let Some(keeper) = MonthKeeper::alone(&self.access).await? else {
            return Ok(removed);
        };
        for month in past {
            // One in which something waits is looked at again the next time.
            if !months::is_quiet(&self.database, month).await? {
                continue;
            }
            if let Some(folder) = &self.folder {
                export(&keeper, month, folder).await?;
            }
            if months::remove(&self.database, month).await? {
                tracing::info!(month = month.name(), "a month of notifications was removed");
                removed.push(month.name());
            }
        }
        Ok(removed)
    }
}

/// Writes a month, unless it is there: one that was written whole may have lost rows in the database since.
async fn export(keeper: &MonthKeeper, month: Month, folder: &Path) -> Result<(), MonthError> {
    let file =
        |table: ExportedTable| folder.join(format!("{}-{}.ndjson", table.name(), month.name()));
    let whole = file(ExportedTable::Notifications);
    if fs::try_exists(&whole).await.map_err(of_file(&whole))? {
        return Ok(());
    }
    fs::create_dir_all(folder).await.map_err(of_file(folder))?;
    for table in ExportedTable::ALL {
        let path = file(table);
        let unfinished = path.with_extension("part");
        write(keeper, month, table, &unfinished).await?;
        fs::rename(&unfinished, &path)
            .await
            .map_err(of_file(&path))?;
        sync_folder(folder).await.map_err(of_file(folder))?;
    }
    Ok(())
}

/// Writes a month's rows of a table to a file that its owner alone may read, and waits until they are on the disk.
async fn write(
    keeper: &MonthKeeper,
    month: Month,
    table: ExportedTable,
    path: &Path,
) -> Result<(), MonthError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options.open(path).await.map_err(of_file(path))?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let mut rows = std::pin::pin!(keeper.copy(month, table).await?);
    while let Some(bytes) = rows.try_next().await? {
        file.write_all(&bytes).await.map_err(of_file(path))?;
    }
    file.flush().await.map_err(of_file(path))?;
    file.get_ref().sync_all().await.map_err(of_file(path))
}

/// A name is on the disk once its folder is.
async fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

fn of_file(path: &Path) -> impl Fn(io::Error) -> MonthError {
    let path = path.display().to_string();
    move |error| MonthError::File {
        path: path.clone(),
        error,
    }
}
