//! What the engine stored, and waiting for it without polling: a trigger of the test's own tells
//! of every change.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::{PATIENCE, TestDatabase};

const WATCH: &str = "
CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('changed', TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.notifications
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.intake
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.notification_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.admin_system_events
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.webhook_deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON notification_schema.notification_webhooks
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON ticket_schema.support_tickets
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
CREATE TRIGGER tell AFTER INSERT OR DELETE ON ticket_schema.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION public.tell();
";

/// A stored notification.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(crate) status: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) provider: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) recipient: Option<String>,
    #[diesel(sql_type = Integer)]
    pub(crate) attempt_count: i32,
    #[diesel(sql_type = Jsonb)]
    pub(crate) attempts: Value,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) error_message: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    pub(crate) dead: Vec<String>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// A watch on a test's database.
pub(crate) struct Outcomes {
    reader: AsyncPgConnection,
    listener: AsyncPgConnection,
}

impl Outcomes {
    pub(crate) async fn watch(database: &TestDatabase) -> Self {
        let mut reader = database.owner().await;
        reader
            .batch_execute("SET search_path TO notification_schema")
            .await
            .unwrap();
        let mut listener = AsyncPgConnection::establish(database.url()).await.unwrap();
        // A second watch on the same database finds the triggers there.
        let _ = listener.batch_execute(WATCH).await;
        listener.batch_execute("LISTEN changed").await.unwrap();
        Self { reader, listener }
    }

    pub(crate) async fn rows(&mut self) -> Vec<Row> {
        let query = "SELECT n.id, n.status, n.reason, n.provider, n.recipient, n.attempt_count,
                n.attempts, n.error_message,
                ARRAY(SELECT d.failure_reason FROM notification_dlq d
                      WHERE d.notification_id = n.id) AS dead
            FROM notifications n ORDER BY n.id";
        diesel::sql_query(query)
            .load(&mut self.reader)
            .await
            .unwrap()
    }

    pub(crate) async fn count(&mut self, query: &str) -> i64 {
        let count: Count = diesel::sql_query(query)
            .get_result(&mut self.reader)
            .await
            .unwrap();
        count.count
    }

    pub(crate) async fn execute(&mut self, statement: &str) {
        self.reader.batch_execute(statement).await.unwrap();
    }

    /// Waits until the rows are as wanted, looking again at each change.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let mut rows = vec![];
        let reached = timeout(PATIENCE, async {
            loop {
                rows = self.rows().await;
                if wanted(&rows) {
                    return;
                }
                self.change().await;
            }
        });
        let in_time = reached.await.is_ok();
        assert!(in_time, "not what was waited for: {rows:#?}");
        rows
    }

    /// Waits until the count that a query yields is as wanted, for as long as it comes nearer: how long it
    /// takes in all depends on the machine.
    pub(crate) async fn until_count(&mut self, query: &str, wanted: i64) {
        let mut count = self.count(query).await;
        while count != wanted {
            let before = count.abs_diff(wanted);
            let nearer = timeout(PATIENCE, async {
                while count.abs_diff(wanted) >= before {
                    self.change().await;
                    count = self.count(query).await;
                }
            });
            let in_time = nearer.await.is_ok();
            assert!(in_time, "{query}: {count} instead of {wanted}");
        }
    }

    /// Waits for the only notification to reach this status and reason.
    pub(crate) async fn only(&mut self, status: &str, reason: Option<&str>) -> Row {
        let mut rows = self
            .until(|rows| matches!(rows, [row] if row.is(status, reason)))
            .await;
        rows.remove(0)
    }

    /// Waits for a change; those that have come by then are one. An engine tells of changes also
    /// when it has changed nothing, so that a wait for one has no end of its own.
    async fn change(&mut self) {
        let mut changes = std::pin::pin!(self.listener.notifications_stream());
        changes.next().await;
        while let Some(Some(_)) = changes.next().now_or_never() {}
    }
}

impl Row {
    pub(crate) fn is(&self, status: &str, reason: Option<&str>) -> bool {
        self.status == status && self.reason.as_deref() == reason
    }

    /// The classes of the provider's answers, in order.
    pub(crate) fn classes(&self) -> Vec<&str> {
        let steps = self.attempts.as_array().unwrap().iter();
        steps.filter_map(|step| step["class"].as_str()).collect()
    }
}
