//! What several tests of the store begin with: people, their counters, a reservation and its outcome.

use std::collections::BTreeMap;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::preference::Scope;
use herald::domain::{
    Body, Channel, Content, Counter, DEFAULT_TENANT, KeyHash, Lane, Notification, Payload,
    Priority, Reason, Status,
};
use herald::runtime::clock;
use herald::store::frequency::Reservation;
use herald::store::lease::RunId;
use herald::store::settle::{Origin, Settlement};
use herald::store::takes::TakeId;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::database::lines;

pub(crate) const TODAY: Date = date(2026, 11, 21);

pub(crate) fn counter(scope: Scope, cap: u32) -> Counter {
    Counter {
        scope,
        day: TODAY,
        cap,
    }
}

pub(crate) fn reservation(user_id: Uuid, counters: &[Counter]) -> Reservation {
    Reservation {
        notification_id: Uuid::now_v7(),
        tenant_id: DEFAULT_TENANT,
        user_id,
        counters: counters.to_vec(),
    }
}

pub(crate) async fn people(connection: &mut AsyncPgConnection, count: usize) -> Vec<Uuid> {
    let people: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let rows: Vec<String> = people
        .iter()
        .map(|id| format!("('{id}', '{DEFAULT_TENANT}')"))
        .collect();
    let insert = format!(
        "INSERT INTO users (id, tenant_id) VALUES {}",
        rows.join(",")
    );
    connection.batch_execute(&insert).await.unwrap();
    people
}

/// The ids that each counter holds, by person and scope.
pub(crate) async fn held(
    connection: &mut AsyncPgConnection,
) -> BTreeMap<(Uuid, String), Vec<Uuid>> {
    let query =
        "SELECT concat_ws(' ', user_id, scope, array_to_string(notification_ids, ' ')) AS text
                 FROM frequency_counts";
    let row = |line: String| {
        let mut words = line.split(' ');
        let user = words.next().unwrap().parse().unwrap();
        let scope = words.next().unwrap().to_owned();
        let ids = words.filter(|word| !word.is_empty());
        ((user, scope), ids.map(|id| id.parse().unwrap()).collect())
    };
    lines(connection, query)
        .await
        .into_iter()
        .map(row)
        .collect()
}

/// The outcome of a notification that was reserved and not sent after all.
pub(crate) fn cancelled(reservation: &Reservation) -> Settlement {
    let id = reservation.notification_id;
    let mut key = [0; 32];
    key[..16].copy_from_slice(id.as_bytes());
    let body = Body::Content(Content {
        body: Some("hello".to_owned()),
        ..Content::default()
    });
    Settlement {
        notification: Notification {
            id,
            tenant_id: reservation.tenant_id,
            user_id: reservation.user_id,
            lane: Lane {
                channel: Channel::Email,
                priority: Priority::Normal,
            },
            category: None,
            key: KeyHash(key),
            payload: Payload {
                body,
                to: None,
                provider: None,
                traceparent: None,
                inbox: None,
            },
            send_at: None,
            expires_at: None,
            max_retries: 5,
            source: None,
            metadata: None,
            created_at: clock::now(),
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        },
        origin: Origin::Broker(TakeId::of(RunId(1), 1)),
        status: Status::Cancelled,
        reason: Some(Reason::Expired),
        due_at: None,
        decided_at: clock::now(),
        last_attempted: None,
        provider: None,
        recipient: None,
        template_version: None,
        provider_response: None,
        provider_message_id: None,
        error_message: None,
        refund: true,
        waits_for: None,
        dead_addresses: vec![],
        item: None,
    }
}

/// The same, sent.
pub(crate) fn sent(reservation: &Reservation) -> Settlement {
    Settlement {
        status: Status::Sent,
        reason: None,
        refund: false,
        ..cancelled(reservation)
    }
}
