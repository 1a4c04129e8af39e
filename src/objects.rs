//! Where files are kept: a folder of this machine, or a bucket that speaks S3.
//!
//! An object is there whole or not at all, and of a file no more than two parts are in memory. Nothing here knows what
//! is in a file, or must ever say it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::client::HttpConnector;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Bytes of a part: the least that S3 takes.
const PART_BYTES: usize = 5 * 1_024 * 1_024;
/// Bytes of a part of what may be very large: there are 10,000 parts at most.
const LARGE_PART_BYTES: usize = 16 * 1_024 * 1_024;
/// Parts that are sent at once, beside the one that is gathered.
const PARTS_AT_ONCE: usize = 1;
/// How long and how often a bucket is asked again.
const RETRY_FOR: Duration = Duration::from_secs(20);
const RETRIES: usize = 3;

/// Where files are kept. Clones share it.
#[derive(Clone)]
pub struct Objects(Arc<ObjectPlace>);

enum ObjectPlace {
    /// Made when it is needed first.
    Folder(PathBuf, OnceCell<Arc<dyn ObjectStore>>),
    Bucket(Arc<dyn ObjectStore>),
}

/// A bucket.
#[derive(Clone)]
pub struct ObjectBucket {
    /// Its name.
    pub name: String,
    /// Where it is, unless at Amazon's.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who asks, and their secret; without it the machine's role.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for ObjectBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectBucket").field(&self.name).finish()
    }
}

/// The store did not do it; words for operators, which name no person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ObjectError(String);

impl ObjectError {
    fn of(error: &dyn std::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// An object that is being read: how long it is, and its bytes, or those of the part that was asked for.
pub struct ObjectReading {
    /// Bytes of the whole object.
    pub length: u64,
    /// In order.
    pub bytes: BoxStream<'static, Result<Bytes, ObjectError>>,
}

impl fmt::Debug for ObjectReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReading")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// An object that is being written; nobody sees it before it is finished.
#[derive(Debug)]
pub struct ObjectWriting(BufWriter);

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            ObjectPlace::Folder(folder, _) => f.debug_tuple("Folder").field(folder).finish(),
            ObjectPlace::Bucket(_) => f.write_str("Bucket"),
        }
    }
}

impl Objects {
    /// In a folder, which is made when it is needed first.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(Arc::new(ObjectPlace::Folder(folder, OnceCell::new())))
    }

    /// In a bucket, which is reached by `connector`.
    ///
    /// # Errors
    /// What is said of it is contradictory.
    pub fn in_bucket<C: HttpConnector>(
        bucket: ObjectBucket,
        connector: C,
    ) -> Result<Self, ObjectError> {
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.name)
            .with_region(bucket.region)
            .with_allow_http(true)
            // Not all that speak S3 remove several at once.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            .with_http_connector(connector);
        if let Some(endpoint) = bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some((id, secret)) = bucket.credentials {
            builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| ObjectError::of(&error))?;
        Ok(Self(Arc::new(ObjectPlace::Bucket(Arc::new(store)))))
    }

    async fn store(&self) -> Result<Arc<dyn ObjectStore>, ObjectError> {
        match &*self.0 {
            ObjectPlace::Bucket(store) => Ok(Arc::clone(store)),
            ObjectPlace::Folder(folder, made) => {
                let make = || make_folder(folder.clone());
                made.get_or_try_init(make).await.map(Arc::clone)
            }
        }
    }

    /// Begins an object.
    ///
    /// # Errors
    /// There is no store.
    pub async fn write(&self, object: &str) -> Result<ObjectWriting, ObjectError> {
        self.write_in_parts(object, PART_BYTES).await
    }

    /// Begins an object that may have up to 160 GB, as far as its store goes along.
    ///
    /// # Errors
    /// There is no store.
    pub async fn write_large(&self, object: &str) -> Result<ObjectWriting, ObjectError> {
        self.write_in_parts(object, LARGE_PART_BYTES).await
    }

    async fn write_in_parts(
        &self,
        object: &str,
        part_bytes: usize,
    ) -> Result<ObjectWriting, ObjectError> {
        let store = self.store().await?;
        if let ObjectPlace::Folder(folder, _) = &*self.0 {
            let place = folder.join(object);
            let made = tokio::task::spawn_blocking(move || make_own_folder(place.parent()));
            made.await.map_err(|error| ObjectError::of(&error))??;
        }
        let writer = BufWriter::with_capacity(store, Path::from(object), part_bytes);
        Ok(ObjectWriting(writer.with_max_concurrency(PARTS_AT_ONCE)))
    }

    /// Opens an object, or a part of it, which must begin in it; `None`: it is not there.
    ///
    /// # Errors
    /// The store does not answer, or has no such part.
    pub async fn read(
        &self,
        object: &str,
        part: Option<Range<u64>>,
    ) -> Result<Option<ObjectReading>, ObjectError> {
        let store = self.store().await?;
        let options = GetOptions {
            range: part.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let got = match store.get_opts(&Path::from(object), options).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(ObjectError::of(&error)),
        };
        Ok(Some(ObjectReading {
            length: got.meta.size,
            bytes: got
                .into_stream()
                .map(|part| part.map_err(|error| ObjectError::of(&error)))
                .boxed(),
        }))
    }

    /// Removes an object, and what is left of one that was begun; one that is not there is gone.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn remove(&self, object: &str) -> Result<(), ObjectError> {
        let store = self.store().await?;
        match store.delete(&Path::from(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(ObjectError::of(&error)),
        }
        let ObjectPlace::Folder(folder, _) = &*self.0 else {
            return Ok(());
        };
        let place = folder.join(object);
        let cleared = tokio::task::spawn_blocking(move || clear_begun(&place)).await;
        cleared.map_err(|error| ObjectError::of(&error))
    }

    /// Writes something and removes it: whether files can be kept.
    ///
    /// # Errors
    /// Why they cannot.
    pub async fn probe(&self) -> Result<(), ObjectError> {
        let object = format!("probe/{}", Uuid::now_v7());
        let mut writing = self.write(&object).await?;
        writing.write(Bytes::from_static(b"probe")).await?;
        writing.finish().await?;
        self.remove(&object).await
    }
}

impl ObjectWriting {
    /// Writes on; waits while a part is under way.
    ///
    /// # Errors
    /// The store does not take it.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        let written = self.0.put(bytes).await;
        written.map_err(|error| ObjectError::of(&error))
    }

    /// Writes the rest; then the object is there.
    ///
    /// # Errors
    /// It is not there, or nobody knows.
    pub async fn finish(mut self) -> Result<(), ObjectError> {
        let finished = self.0.shutdown().await;
        finished.map_err(|error| ObjectError::of(&error))
    }

    /// Lets go of what was written.
    pub async fn abort(mut self) {
        if let Err(error) = self.0.abort().await {
            tracing::warn!(%error, "parts of an object that was given up are left in the store");
        }
    }
}

/// The folder, for its owner alone.
async fn make_folder(folder: PathBuf) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let made = tokio::task::spawn_blocking(move || {
        make_own_folder(Some(&folder))?;
        let store = LocalFileSystem::new_with_prefix(&folder);
        let store = store.map_err(|error| ObjectError::of(&error))?;
        let store = store.with_fsync(true).with_automatic_cleanup(true);
        Ok(Arc::new(store) as Arc<dyn ObjectStore>)
    });
    made.await.map_err(|error| ObjectError::of(&error))?
}

/// Makes a folder that its owner alone may look into, unless it is there.
fn make_own_folder(folder: Option<&std::path::Path>) -> Result<(), ObjectError> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = folder else { return Ok(()) };
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(|error| ObjectError(format!("{}: {error}", folder.display())))
}

/// Removes files that an object was begun in by a process that died: its name with `#` and a number.
fn clear_begun(place: &std::path::Path) {
    let name = place.file_name().and_then(|name| name.to_str());
    let (Some(folder), Some(name)) = (place.parent(), name) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let begun = entry.file_name();
        let begun = begun.to_str().and_then(|it| it.strip_prefix(name));
        if begun.is_some_and(|rest| rest.starts_with('#')) {
            // Whoever looks next removes it.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    // If it was the last one.
    let _ = std::fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "tenant/ticket/file";

    async fn bytes(reading: ObjectReading) -> Vec<u8> {
        let mut whole = vec![];
        let mut parts = reading.bytes;
        while let Some(part) = parts.next().await {
            whole.extend_from_slice(&part.unwrap());
        }
        whole
    }

    #[tokio::test]
    async fn an_object_is_there_whole_or_not_at_all_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::in_folder(folder.path().join("files"));
        objects.probe().await.unwrap();
        assert!(objects.read(OBJECT, None).await.unwrap().is_none());
        let mut writing = objects.write(OBJECT).await.unwrap();
        let chunk = Bytes::from(vec![7; 3 * 1_024 * 1_024]);
        for _ in 0..4 {
            writing.write(chunk.clone()).await.unwrap();
            assert!(objects.read(OBJECT, None).await.unwrap().is_none());
        }
        writing.finish().await.unwrap();
        let reading = objects.read(OBJECT, None).await.unwrap().unwrap();
        assert_eq!(reading.length, 12 * 1_024 * 1_024);
        assert_eq!(bytes(reading).await.len(), 12 * 1_024 * 1_024);
        let part = Some(12 * 1_024 * 1_024 - 3..12 * 1_024 * 1_024);
        let reading = objects.read(OBJECT, part).await.unwrap().unwrap();
        assert_eq!(reading.length, 12 * 1_024 * 1_024, "of the whole");
        assert_eq!(bytes(reading).await, [7, 7, 7]);
        objects.remove(OBJECT).await.unwrap();
        objects.remove(OBJECT).await.unwrap();
        // One that was begun by a process that died.
        let left = folder.path().join("files/tenant/ticket");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("file#1"), "half").unwrap();
        objects.remove(OBJECT).await.unwrap();
        assert!(!left.exists(), "what was begun is left");
        let mut writing = objects.write(OBJECT).await.unwrap();
        for _ in 0..3 {
            writing.write(chunk.clone()).await.unwrap();
        }
        writing.abort().await;
        assert!(objects.read(OBJECT, None).await.unwrap().is_none());
        objects.remove(OBJECT).await.unwrap();
        assert!(!left.exists(), "what was given up is left");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        let error = Objects::in_folder(file.join("files")).probe().await;
        assert!(error.unwrap_err().to_string().contains("file/files"));
    }
}
