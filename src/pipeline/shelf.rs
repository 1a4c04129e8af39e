//! The templates in use: compiled once, replaced whole when one changes.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::store::{Database, Fingerprint, StoreError, templates};
use crate::templates::{Library, Limits, TemplateSource};

/// The compiled templates. Clones share them.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    library: ArcSwap<Library>,
    limits: Limits,
    /// What the library was compiled from; held while it is being replaced.
    read: Mutex<Option<Fingerprint>>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("templates", &self.library().len())
            .finish_non_exhaustive()
    }
}

impl Shelf {
    /// An empty shelf.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let library = ArcSwap::from_pointee(Library::compile(&[], limits));
        Self {
            inner: Arc::new(Inner {
                library,
                limits,
                read: Mutex::default(),
            }),
        }
    }

    /// The templates as they are now.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        self.inner.library.load_full()
    }

    /// Reads the templates again if one has changed.
    ///
    /// # Errors
    /// When the database fails; the templates stay as they are.
    pub async fn reload(&self, database: &Database) -> Result<(), StoreError> {
        let mut read = self.inner.read.lock().await;
        let now = templates::fingerprint(&mut *database.get().await?).await?;
        if read.as_ref() == Some(&now) {
            return Ok(());
        }
        let stored = templates::load(&mut *database.get().await?).await?;
        let sources: Vec<TemplateSource> = stored.into_iter().map(source).collect();
        tracing::info!(templates = sources.len(), "templates read");
        self.inner
            .library
            .store(Arc::new(Library::compile(&sources, self.inner.limits)));
        *read = Some(now);
        Ok(())
    }
}

fn source(stored: templates::Template) -> TemplateSource {
    let fields = stored.fields;
    TemplateSource {
        tenant_id: fields.tenant_id,
        name: fields.name,
        channel: fields.channel,
        locale: fields.locale,
        version: stored.version,
        subject: fields.subject,
        title: fields.title,
        body: Some(fields.body),
        html: fields.html,
        variables: fields.variables,
    }
}
