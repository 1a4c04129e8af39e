//! Transactions: all of some work or none of it, and work that is taken back.

use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};

use super::{Database, StoreError};

impl Database {
    /// Does all of the work in one transaction, or none of it.
    ///
    /// # Errors
    /// Those of the work, or no connection. [`StoreError::Unavailable`] may also mean that the
    /// commit went through and its answer was lost.
    pub async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.attempt(work).await
    }

    /// The same with errors of the work's own.
    ///
    /// # Errors
    /// As [`Self::transaction`].
    pub async fn attempt<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.get().await?;
        let begun = AnsiTransactionManager::begin_transaction(&mut *connection).await;
        begun.map_err(StoreError::from)?;
        match work(&mut connection).await {
            Ok(done) => {
                let commit = AnsiTransactionManager::commit_transaction(&mut *connection).await;
                commit.map_err(StoreError::from)?;
                Ok(done)
            }
            Err(error) => {
                // What went wrong first says more than a rollback that fails because of it; such a
                // connection is thrown away by the pool.
                let _ = AnsiTransactionManager::rollback_transaction(&mut *connection).await;
                Err(error)
            }
        }
    }

    /// Does work in a transaction, and takes it back, however it ends.
    ///
    /// # Errors
    /// Those of the work, or no connection.
    pub(super) async fn rehearse<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.get().await?;
        AnsiTransactionManager::begin_transaction(&mut *connection).await?;
        let done = work(&mut connection).await;
        // A connection that cannot is thrown away by the pool.
        let _ = AnsiTransactionManager::rollback_transaction(&mut *connection).await;
        done
    }
}

/// Does work inside a transaction in such a way that its failure undoes the work alone.
///
/// # Errors
/// Those of the work; those of the savepoint itself.
pub async fn savepoint<T, E: From<StoreError>>(
    connection: &mut AsyncPgConnection,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E> {
    // Inside of a transaction, beginning one makes a savepoint.
    AnsiTransactionManager::begin_transaction(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    match work(&mut *connection).await {
        Ok(done) => {
            let commit = AnsiTransactionManager::commit_transaction(&mut *connection).await;
            commit.map_err(StoreError::from)?;
            Ok(done)
        }
        Err(error) => {
            let rollback = AnsiTransactionManager::rollback_transaction(&mut *connection).await;
            rollback.map_err(StoreError::from)?;
            Err(error)
        }
    }
}
