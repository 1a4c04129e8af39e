//! The templates in use: each compiled once, and again when it changes.

#[cfg(test)]
mod depth;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::runtime::stack;
use crate::store::{Database, Fingerprint, StoreError, templates};
use crate::templates::{Library, Limits, TemplateKey, TemplateSource};

/// Most templates that are read in one statement.
const READ_AT_ONCE: usize = 1_000;

/// The compiled templates. Clones share them.
#[derive(Clone)]
pub struct TemplateCache {
    inner: Arc<TemplateCacheInner>,
}

struct TemplateCacheInner {
    library: ArcSwap<Library>,
    limits: Limits,
    /// What the library was compiled from; held while it is being replaced.
    read: Mutex<ReadTemplates>,
}

/// What was read.
#[derive(Default)]
struct ReadTemplates {
    fingerprint: Option<Fingerprint>,
    /// By id: how the row was changed last, and what it is.
    rows: HashMap<Uuid, (String, TemplateKey)>,
}

impl fmt::Debug for TemplateCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateCache")
            .field("templates", &self.library().len())
            .finish_non_exhaustive()
    }
}

impl TemplateCache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let library = ArcSwap::from_pointee(Library::compile(&[], limits));
        Self {
            inner: Arc::new(TemplateCacheInner {
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

    /// Reads those templates that have changed, and compiles them on a thread of its own. Who asks
    /// while that is under way waits for it, and then finds little or nothing to do.
    ///
    /// # Errors
    /// When the database fails; the templates stay as they are.
    pub async fn reload(&self, database: &Database) -> Result<(), StoreError> {
        let mut read = self.inner.read.lock().await;
        let now = templates::fingerprint(&mut *database.get().await?).await?;
        if read.fingerprint.as_ref() == Some(&now) {
            return Ok(());
        }
        let active = templates::active(&mut *database.get().await?).await?;
        let active: HashMap<Uuid, String> = active
            .into_iter()
            .map(|row| (row.id, row.changed))
            .collect();
        let known = |id: &Uuid| read.rows.get(id).map(|(changed, _)| changed);
        let news: Vec<Uuid> = active
            .iter()
            .filter(|(id, changed)| known(id) != Some(*changed))
            .map(|(id, _)| *id)
            .collect();
        let gone: Vec<Uuid> = read
            .rows
            .iter()
            .filter(|(id, (changed, _))| active.get(*id) != Some(changed))
            .map(|(id, _)| *id)
            .collect();
        let mut sources = Vec::with_capacity(news.len());
        for some in news.chunks(READ_AT_ONCE) {
            let stored = templates::load(&mut *database.get().await?, some).await?;
            sources.extend(stored.into_iter().map(|stored| (stored.id, source(stored))));
        }
        tracing::info!(changed = news.len(), gone = gone.len(), "templates read");
        let gone: Vec<TemplateKey> = gone
            .iter()
            .filter_map(|id| Some(read.rows.remove(id)?.1))
            .collect();
        for (id, source) in &sources {
            if let Some(changed) = active.get(id) {
                read.rows.insert(*id, (changed.clone(), source.key()));
            }
        }
        let sources: Vec<TemplateSource> = sources.into_iter().map(|(_, source)| source).collect();
        let library = match &read.fingerprint {
            Some(_) => self.library(),
            // All of it was read.
            None => Arc::new(Library::compile(&[], self.inner.limits)),
        };
        let compile = tokio::task::spawn_blocking(move || {
            // Dropped in there, too.
            stack::on_large(move || library.changed(&gone, &sources))
        });
        match compile.await {
            Ok(library) => {
                self.inner.library.store(Arc::new(library));
                read.fingerprint = Some(now);
                Ok(())
            }
            // Nothing is known of what the library holds then: all of it is read again.
            Err(error) => {
                *read = ReadTemplates::default();
                Err(StoreError::Other(format!(
                    "templates were not compiled: {error}"
                )))
            }
        }
    }
}

/// A stored template, to be compiled.
#[must_use]
pub fn source(stored: templates::StoredTemplate) -> TemplateSource {
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
        trouble: stored.trouble,
    }
}
