//! Work with the database for whoever asks by HTTP.

use tokio::sync::oneshot;

use crate::runtime::Tasks;
use crate::store::change::{Use, uses_in_words};
use crate::store::{Database, StoreError};

/// Does work where connections live. Clones share it.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where everything is stored.
    pub database: Database,
    /// Connections live on their runtime, and work with them does.
    pub tasks: Tasks,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such thing, or it is another tenant's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What is there stands against it; the code is a problem's, the words say what to do.
    #[error("{1}")]
    Conflict(&'static str, String),
    /// Others change the same at this moment.
    #[error("{0}")]
    Busy(String),
    /// The database is out of reach.
    #[error("{0}")]
    Unavailable(String),
    /// The engine is at fault.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for DeskError {
    /// What rows refer to is their tenant.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ForeignKey { .. } => Self::NotFound("tenant"),
            error if error.is_contention() => Self::Busy(error.without_data()),
            StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Timeout(_)
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly => Self::Unavailable(error.without_data()),
            other => Self::Failed(other.without_data()),
        }
    }
}

/// Refuses to remove a thing that others name.
pub(super) fn in_use(what: &str, uses: &[Use]) -> Result<(), DeskError> {
    if uses.is_empty() {
        return Ok(());
    }
    let uses = uses_in_words(uses);
    let words = format!("the {what} is in use: {uses}; remove them first");
    Err(DeskError::Conflict("in_use", words))
}

impl Desk {
    /// Does work with the database, and answers with what came of it; `name` is its task's.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn with<T, E, F>(
        &self,
        name: &'static str,
        work: impl FnOnce(Database) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DeskError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let done = self.beside(name, work(self.database.clone())).await;
        done.unwrap_or_else(|| Err(DeskError::Failed(format!("{name}: it panicked")).into()))
    }

    /// Does work on the runtime of connections; `None` when it panics.
    pub async fn beside<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.tasks.spawn(name, async move {
            // Whoever asked may have gone.
            let _ = answer.send(work.await);
        });
        answered.await.ok()
    }
}
