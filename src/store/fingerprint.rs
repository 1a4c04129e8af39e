//! A cheap way to ask whether a small table has changed since it was read.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;

/// Equal for two readings of a table that has not changed in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

/// Tables that are held in memory and polled for change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Polled {
    Templates,
    Accounts,
}

impl Polled {
    /// The hashes of every row's identity and last change, summed. The newest `updated_at` alone
    /// would miss a transaction that began earlier and committed later.
    const fn sql(self) -> &'static str {
        match self {
            Self::Templates => {
                "SELECT count(*) || ':' || coalesce(sum(hashtextextended( \
                 id || ':' || extract(epoch FROM updated_at), 0)), 0) AS fingerprint \
                 FROM notification_templates"
            }
            Self::Accounts => {
                "SELECT count(*) || ':' || coalesce(sum(hashtextextended( \
                 id || ':' || extract(epoch FROM updated_at), 0)), 0) \
                 || ':' || (SELECT coalesce(sum(hashtextextended(id::text, 0)), 0) \
                 FROM provider_pauses WHERE ended_at IS NULL AND ends_at > now()) AS fingerprint \
                 FROM provider_configs"
            }
        }
    }

    pub(super) async fn fingerprint(
        self,
        connection: &mut AsyncPgConnection,
    ) -> Result<Fingerprint, StoreError> {
        #[derive(QueryableByName)]
        struct FingerprintRow {
            #[diesel(sql_type = Text)]
            fingerprint: String,
        }
        let row: FingerprintRow = diesel::sql_query(self.sql()).get_result(connection).await?;
        Ok(Fingerprint(row.fingerprint))
    }
}
