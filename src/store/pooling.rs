//! Whether what may stand between the engine and PostgreSQL keeps a session together.
//!
//! A pooler that lends servers for a transaction each makes nonsense of what a session of the engine has: its role and
//! schema, its time limits, its prepared statements, its `LISTEN`.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use super::session;
use super::{Access, StoreError};

/// Sessions that take what a pooler would lend next.
const OTHERS: usize = 3;
/// Longest wait for each of them: a pooler that has no more servers makes them wait.
const OTHERS_PATIENCE: Duration = Duration::from_secs(1);

/// Says whether a session has the same server, and what was set on it, from one transaction to the next, although
/// others ask for servers in between.
///
/// # Errors
/// No server answers within the limit, or none lets us in.
pub async fn keeps_sessions(access: &Access, limit: Duration) -> Result<bool, StoreError> {
    let client = session::plain(access, limit).await?;
    let probe = Uuid::new_v4();
    let set = format!("SELECT set_config('herald.probe', '{probe}', false), pg_backend_pid()");
    let before = timeout(limit, asked(&client, &set))
        .await
        .map_err(|_| silent())??;
    let mut others = vec![];
    for _ in 0..OTHERS {
        let Ok(Ok(other)) = timeout(OTHERS_PATIENCE, session::plain(access, OTHERS_PATIENCE)).await
        else {
            continue;
        };
        // Whether it may, or waits, is no matter: what becomes of the first session is.
        let _ = timeout(OTHERS_PATIENCE, other.batch_execute("BEGIN")).await;
        others.push(other);
    }
    let again = "SELECT current_setting('herald.probe', true), pg_backend_pid()";
    // One that keeps its server never waits for one.
    let after = timeout(limit, asked(&client, again)).await;
    Ok(matches!(after, Ok(Ok(after)) if after == before))
}

fn silent() -> StoreError {
    StoreError::Unavailable("a session was opened and gives no answer".to_owned())
}

/// The first row, by the simple protocol: nothing is prepared, which a pooler might not carry.
async fn asked(client: &Client, query: &str) -> Result<Vec<Option<String>>, StoreError> {
    let answers = client
        .simple_query(query)
        .await
        .map_err(|error| StoreError::Unavailable(session::words(&error)))?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let columns = row.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)));
    Ok(columns.map(Iterator::collect).unwrap_or_default())
}
