//! Keeping an outcome that PostgreSQL refuses for its own data.

use diesel::sql_types::{BigInt, Bytea, Int4, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::EVENT;
use crate::domain::{Body, Content, Reason, Severity, SystemEvent};
use crate::store::settle::{Origin, Settlement};
use crate::store::statement::statement;
use crate::store::{StoreError, savepoint, system_events};

/// Most bytes of PostgreSQL's words that are kept.
const MOST_WORDS: usize = 2_000;

statement!(
    Insert(
        notification: Uuid => SqlUuid,
        tenant: Uuid => SqlUuid,
        channel: &'static str => Text,
        key: Vec<u8> => Bytea,
        status: &'static str => Text,
        reason: Option<&'static str> => Nullable<Text>,
        settlement: Vec<u8> => Bytea,
        sqlstate: String => Text,
        message: String => Text,
        run: i32 => Int4,
        user: Option<Uuid> => Nullable<SqlUuid>,
    ) -> SqlUuid =
    "INSERT INTO notification_quarantine
         (notification_id, tenant_id, channel, idempotency_key, status, reason, settlement,
          sqlstate, message, run_id, user_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (notification_id) DO UPDATE SET
         user_id = excluded.user_id, status = excluded.status, reason = excluded.reason, settlement = excluded.settlement,
         sqlstate = excluded.sqlstate, message = excluded.message, run_id = excluded.run_id,
         created_at = now(), resolved_at = NULL, resolution = NULL
     RETURNING id"
);

// Whoever erases the person waits until the entry is there, and takes it along.
statement!(
    HoldPerson(id: Uuid => SqlUuid) -> SqlUuid = "SELECT id FROM users WHERE id = ? FOR KEY SHARE"
);

// Without a due time, and waiting for no account, nobody takes it, and without an owner whoever replays may store it.
statement!(
    SetAside(id: Uuid => SqlUuid, take: i64 => BigInt) -> SqlUuid =
    "UPDATE notifications SET owner = NULL, due_at = NULL, waits_for = NULL
     WHERE id = ? AND status = 'pending' AND take = ? RETURNING id"
);

/// Keeps an outcome that was refused; without its content, if its person was erased. In the transaction of its batch, or one of its own: only once
/// this is committed may its delivery be acknowledged.
pub(in crate::store) async fn keep(
    connection: &mut AsyncPgConnection,
    settlement: &Settlement,
    refusal: &StoreError,
) -> Result<(), StoreError> {
    let hold = HoldPerson {
        id: settlement.notification.user_id,
    };
    let held: Vec<Uuid> = hold.load(connection).await?;
    let user = held.into_iter().next();
    let is_erased = user.is_none() && !settlement.notification.is_for_everybody();
    let anonymous = is_erased.then(|| without_person(settlement.clone()));
    let settlement = anonymous.as_ref().unwrap_or(settlement);
    let notification = &settlement.notification;
    // Our own types have only string keys and finite numbers: they always have a JSON text. If one
    // had none, it must not be lost for that.
    let whole = serde_json::to_vec(settlement)
        .map_err(|error| StoreError::Other(format!("an outcome has no JSON text: {error}")))?;
    let insert = Insert {
        notification: notification.id,
        tenant: notification.tenant_id,
        channel: notification.lane.channel.as_str(),
        key: notification.key.0.to_vec(),
        status: settlement.status.as_str(),
        reason: settlement.reason.map(Reason::as_str),
        settlement: whole,
        sqlstate: refusal.code().to_string(),
        message: match is_erased {
            true => String::new(),
            false => words(refusal),
        },
        run: settlement.origin.take().run().0,
        user,
    };
    let _: Uuid = insert.get_result(connection).await?;
    if let Origin::Database(take) = settlement.origin {
        let aside = SetAside {
            id: notification.id,
            take: take.0,
        };
        let set = savepoint(connection, async |connection| {
            let _: Vec<Uuid> = aside.load(connection).await?;
            Ok::<(), StoreError>(())
        });
        match set.await {
            // What stands there breaks the same rule: it can be neither changed nor taken.
            Err(error) if error.is_about_data() => {
                let id = notification.id;
                tracing::warn!(notification_id = %id, %error, "a row could not be quarantined");
            }
            set => set?,
        }
    }
    system_events::open(connection, &event()).await?;
    Ok(())
}

/// What happened, not to whom nor with what content.
fn without_person(mut settlement: Settlement) -> Settlement {
    let notification = &mut settlement.notification;
    notification.payload.body = Body::Content(Content::default());
    notification.payload.to = None;
    notification.payload.inbox = None;
    notification.metadata = None;
    settlement.recipient = None;
    settlement.error_message = None;
    settlement.dead_addresses.clear();
    settlement.item = None;
    settlement
}

fn words(refusal: &StoreError) -> String {
    let mut words = refusal.to_string();
    if let StoreError::BadValue { message, .. } = refusal {
        words = format!("{words}: {message}");
    }
    words.retain(|c| c != '\0');
    words.truncate(words.floor_char_boundary(MOST_WORDS));
    words
}

fn event() -> SystemEvent {
    SystemEvent {
        event_type: EVENT.to_owned(),
        severity: Severity::High,
        description: "PostgreSQL refused outcomes for their own data; they are kept in \
                      notification_quarantine: herald quarantine list"
            .to_owned(),
        details: serde_json::Map::new(),
        tenant_id: None,
        user_id: None,
    }
}
