//! Work that is done before anything is measured, so that a copy that was written out a moment ago is
//! like a database in the midst of its day.
//!
//! The first change of a page after a checkpoint logs the whole page. Claims and people hit the pages
//! of their tables and indexes by chance, so that after a checkpoint almost every notification of a short run
//! would pay for pages that a busy database logs once in minutes.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// So many rows for each page of the index of claims leave a twentieth of the pages untouched.
const CLAIMS_A_PAGE: u32 = 3;
/// About so many people get a row, by chance: their own rows are locked by the foreign key, and lie on
/// fewer pages.
const PEOPLE: f64 = 100_000.0;

const CLAIMS: &str = "INSERT INTO notification_deduplication
        (idempotency_key, notification_id, created_at, expires_at)
    SELECT sha256(uuid_send(gen_random_uuid())), gen_random_uuid(), now(), now() + interval '24 hours'
    FROM generate_series(1, (pg_relation_size('notification_deduplication_pkey') / 8192
        * $1::text::bigint))";

const ROWS: &str =
    "INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type,
        priority, status, recipient, payload, created_at, sent_at, source_type)
    SELECT (substr(uuid_bound(now())::text, 1, 13) || '-7' || substr(dice, 1, 3) || '-b' ||
            substr(dice, 4, 3) || '-' || substr(dice, 7, 12))::uuid,
        tenant_id, id, dice || dice, 'email', 'normal', 'sent', 'somebody@example.com', '{}', now(),
        now(), 'loadtest-growth'
    FROM (SELECT id, tenant_id, md5(random()::text || id) AS dice FROM users
        WHERE random() * (SELECT count(*) FROM users) <= $1) AS somebody";

/// Touches the pages that a load will hit by chance.
pub(super) async fn warm_up(client: &Client) -> Result<()> {
    let claims = client.execute(CLAIMS, &[&CLAIMS_A_PAGE.to_string()]).await;
    let named = "touching the pages that the load will hit";
    claims.context(named)?;
    client.execute(ROWS, &[&PEOPLE]).await.context(named)?;
    Ok(())
}
