//! A month as objects: a file for each table, and one that says what was written. With that the month is whole; before,
//! it is written anew from the first table on. Each time before the month may go, all of it is read back and compared.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::MonthError;
use crate::domain::hex;
use crate::objects::{ObjectReading, Objects};
use crate::store::months::{ExportedTable, Month, MonthKeeper};

/// Largest manifest, bytes.
const MOST_MANIFEST_BYTES: usize = 1 << 20;

/// What was written of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MonthManifest {
    /// The month, `YYYY-MM`.
    month: String,
    /// A file for each table.
    files: Vec<WrittenFile>,
}

/// A file, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WrittenFile {
    /// Its name.
    name: String,
    /// Rows, a line each.
    rows: u64,
    /// Bytes.
    bytes: u64,
    /// SHA-256 of all of it, in hexadecimal digits.
    sha256: String,
}

/// Writes a month, unless it is there whole; and reads all of it back.
pub(super) async fn export(
    keeper: &MonthKeeper,
    month: Month,
    place: &Objects,
) -> Result<(), MonthError> {
    let written = match manifest(month, place).await? {
        Some(written) => written,
        None => write(keeper, month, place).await?,
    };
    for file in &written.files {
        let is_same = match place.read(&file.name, None).await? {
            Some(reading) => FileSum::of(reading).await?.file(&file.name) == *file,
            None => false,
        };
        if !is_same {
            return Err(MonthError::Damaged(file.name.clone()));
        }
    }
    Ok(())
}

/// What is said to be there of a month, if it was written whole.
async fn manifest(month: Month, place: &Objects) -> Result<Option<MonthManifest>, MonthError> {
    let name = name_of(month, "manifest.json");
    let Some(mut reading) = place.read(&name, None).await? else {
        return Ok(None);
    };
    let mut text = vec![];
    while let Some(bytes) = reading.bytes.try_next().await? {
        text.extend_from_slice(&bytes);
        if text.len() > MOST_MANIFEST_BYTES {
            return Err(MonthError::Damaged(name));
        }
    }
    let read: Option<MonthManifest> = serde_json::from_slice(&text).ok();
    let wanted = ExportedTable::ALL.map(|table| file_of(month, table));
    let is_whole = |read: &MonthManifest| read.files.iter().map(|file| &file.name).eq(&wanted);
    match read.filter(is_whole) {
        Some(read) => Ok(Some(read)),
        None => Err(MonthError::Damaged(name)),
    }
}

async fn write(
    keeper: &MonthKeeper,
    month: Month,
    place: &Objects,
) -> Result<MonthManifest, MonthError> {
    let mut files = vec![];
    for table in ExportedTable::ALL {
        files.push(write_table(keeper, month, table, place).await?);
    }
    let written = MonthManifest {
        month: month.name(),
        files,
    };
    let text = serde_json::to_vec(&written).unwrap_or_default();
    let mut writing = place.write(&name_of(month, "manifest.json")).await?;
    writing.write(Bytes::from(text)).await?;
    writing.finish().await?;
    Ok(written)
}

/// Writes the rows of a table; as many as there are by the same view of the database.
async fn write_table(
    keeper: &MonthKeeper,
    month: Month,
    table: ExportedTable,
    place: &Objects,
) -> Result<WrittenFile, MonthError> {
    let name = file_of(month, table);
    // What a process left behind that was killed here.
    place.remove(&name).await?;
    keeper.begin_view().await?;
    let rows = keeper.count(month, table).await?;
    let mut writing = place.write_large(&name).await?;
    let mut sum = FileSum::default();
    let copied = async {
        let mut stream = std::pin::pin!(keeper.copy(month, table).await?);
        while let Some(bytes) = stream.try_next().await? {
            sum.add(&bytes);
            writing.write(bytes).await?;
        }
        Ok::<(), MonthError>(())
    };
    let copied = copied.await;
    let is_whole = sum.rows == rows;
    if copied.is_err() || !is_whole {
        writing.abort().await;
        copied?;
        return Err(MonthError::Damaged(name));
    }
    writing.finish().await?;
    keeper.end_view().await?;
    Ok(sum.file(&name))
}

fn file_of(month: Month, table: ExportedTable) -> String {
    name_of(month, &format!("{}.ndjson", table.name()))
}

fn name_of(month: Month, name: &str) -> String {
    format!("{}/{name}", month.name())
}

/// What is known of a file as it goes by.
#[derive(Default)]
struct FileSum {
    rows: u64,
    bytes: u64,
    sha256: Sha256,
}

impl FileSum {
    async fn of(mut reading: ObjectReading) -> Result<Self, MonthError> {
        let mut sum = Self::default();
        while let Some(bytes) = reading.bytes.try_next().await? {
            sum.add(&bytes);
        }
        Ok(sum)
    }

    /// JSON has no line break of its own: each ends a row.
    fn add(&mut self, bytes: &[u8]) {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.rows += u64::try_from(lines).unwrap_or(0);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        self.sha256.update(bytes);
    }

    fn file(self, name: &str) -> WrittenFile {
        WrittenFile {
            name: name.to_owned(),
            rows: self.rows,
            bytes: self.bytes,
            sha256: hex(&self.sha256.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_lines_its_length_and_its_sum() {
        let mut sum = FileSum::default();
        sum.add(b"{\"a\":1}\n{\"b\"");
        sum.add(b":2}\n");
        let whole = sum.file("2026-01/notifications.ndjson");
        assert_eq!((whole.rows, whole.bytes), (2, 16));
        let mut other = FileSum::default();
        other.add(b"{\"a\":1}\n{\"b\":3}\n");
        assert_ne!(other.file("2026-01/notifications.ndjson"), whole);
    }
}
