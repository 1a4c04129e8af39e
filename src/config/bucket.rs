//! Settings of a place for files: a folder, or a bucket.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Where files go. In words, what kind of place it is, and which one.
#[derive(Debug, Clone)]
pub enum FilePlace {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketConfig),
}

impl FilePlace {
    /// The settings below `place`, such as `tickets.attachments`; `None`: there is neither. A bucket comes first.
    pub(super) fn read(reader: &mut Reader<'_>, place: &str) -> Option<Self> {
        let folder = reader.path(&format!("{place}.folder"));
        let bucket = BucketConfig::read(reader, place);
        bucket.map(Self::Bucket).or(folder.map(Self::Folder))
    }
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the folder {}", folder.display()),
            Self::Bucket(bucket) => write!(f, "the bucket {}", bucket.name),
        }
    }
}

/// A bucket that speaks S3. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Its name.
    pub name: String,
    /// Where it is; at Amazon's without it.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who asks, and their secret.
    pub credentials: Option<(SecretString, SecretString)>,
}

impl BucketConfig {
    fn read(reader: &mut Reader<'_>, place: &str) -> Option<Self> {
        let key = |name: &str| format!("{place}.{name}");
        let name = reader.text(&key("bucket"));
        let endpoint = reader.parsed(
            &key("endpoint"),
            "a URL such as \"https://s3.example.com\", or nothing",
            |text| {
                let is_url = text.starts_with("https://") || text.starts_with("http://");
                (text.is_empty() || is_url).then(|| text.trim_end_matches('/').to_owned())
            },
        );
        let region = reader.text(&key("region"));
        let id = reader.secret(&key("access_key_id"));
        let secret = reader.secret(&key("secret_access_key"));
        let given = |secret: &SecretString| !secret.expose_secret().is_empty();
        if given(&id) != given(&secret) {
            let problem = "only one of access_key_id and secret_access_key is given";
            let () = reader.refuse(&key("secret_access_key"), problem, "both, or none");
        }
        (!name.is_empty()).then(|| Self {
            name,
            endpoint: Some(endpoint).filter(|url: &String| !url.is_empty()),
            region,
            credentials: given(&id).then_some((id, secret)),
        })
    }
}
