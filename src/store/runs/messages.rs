//! Notifications of runs that wait still: they end with their run.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::meant::RunsMeant;
use crate::store::StoreError;

/// Most runs of a part.
const PART: i64 = 2_000;

#[derive(QueryableByName)]
struct WaitingMessage {
    #[diesel(sql_type = SqlUuid)]
    run_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    id: Option<Uuid>,
}

/// The notifications of the next runs that are meant, however these stand, as far as they wait; and the last of these runs,
/// if there may be more behind it.
///
/// # Errors
/// The database is out of reach.
pub async fn waiting(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
    after: Uuid,
) -> Result<(Vec<Uuid>, Option<Uuid>), StoreError> {
    let found: Vec<WaitingMessage> = query(tenant_id, meant, after).load(connection).await?;
    let last = found.iter().map(|it| it.run_id).max();
    Ok((found.into_iter().filter_map(|it| it.id).collect(), last))
}

fn query(tenant_id: Uuid, meant: &RunsMeant, after: Uuid) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
    let text = |whose: &str| {
        format!(
            "WITH part AS (
                 SELECT r.id, r.sent FROM workflow_runs r
                 WHERE r.tenant_id = $1 AND r.id > $2 AND {whose} ORDER BY r.id LIMIT $3
             )
             SELECT part.id AS run_id, n.id FROM part
             LEFT JOIN LATERAL jsonb_array_elements(part.sent) AS sent (it) ON true
             LEFT JOIN notifications n ON n.id = (sent.it ->> 'id')::uuid AND n.tenant_id = $1
                 AND n.status = 'pending'"
        )
    };
    let query = |whose| {
        let query = diesel::sql_query(text(whose)).into_boxed::<Pg>();
        let query = query
            .bind::<SqlUuid, _>(tenant_id)
            .bind::<SqlUuid, _>(after);
        query.bind::<Int8, _>(PART)
    };
    match meant.clone() {
        RunsMeant::Run(id) => query("r.id = $4").bind::<SqlUuid, _>(id),
        RunsMeant::Event(id) => query("r.event_id = $4").bind::<SqlUuid, _>(id),
        RunsMeant::Person(id) => query("r.user_id = $4").bind::<SqlUuid, _>(id),
        RunsMeant::Key(None, key) => query("r.key = $4").bind::<Text, _>(key),
        RunsMeant::Key(Some(workflow), key) => query("r.key = $4 AND r.workflow = $5")
            .bind::<Text, _>(key)
            .bind::<Text, _>(workflow),
    }
}
