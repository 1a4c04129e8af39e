//! The statements on counters. Each takes its locks in the order of the key.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{Array, Bool, Date as SqlDate, Int4, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::super::statement::statement;
use super::super::time::date_to_database;
use super::Reservation;
use super::allocation::CounterKey;

// The plain case in one go: everything is counted, and then it is seen whether all had room. Ids
// that were there before are not counted again.
statement!(
    /// Counts notifications; whether no counter holds more than its cap now. If one does, the
    /// transaction must not be committed.
    CountAll(
        users: Vec<Uuid> => Array<SqlUuid>,
        days: Vec<NaiveDate> => Array<SqlDate>,
        scopes: Vec<String> => Array<Text>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        caps: Vec<i32> => Array<Int4>,
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> Bool =
    "WITH asked AS (
         SELECT user_id, day, scope, tenant_id, min(cap) AS cap, array_agg(id) AS ids
         FROM unnest(?, ?, ?, ?, ?, ?) AS asked (user_id, day, scope, tenant_id, cap, id)
         GROUP BY user_id, day, scope, tenant_id
     ), counted AS (
         INSERT INTO frequency_counts AS c (user_id, day, scope, tenant_id, notification_ids)
         SELECT user_id, day, scope, tenant_id, ids FROM asked ORDER BY user_id, day, scope
         ON CONFLICT (user_id, day, scope) DO UPDATE SET notification_ids =
             CASE WHEN c.notification_ids && excluded.notification_ids
             THEN ARRAY(SELECT DISTINCT unnest(c.notification_ids || excluded.notification_ids))
             ELSE c.notification_ids || excluded.notification_ids END
         RETURNING user_id, day, scope, cardinality(notification_ids) AS count
     )
     SELECT coalesce(bool_and(counted.count <= asked.cap), true)
     FROM counted JOIN asked USING (user_id, day, scope)"
);

// The person is locked until the end, and only if there is something to make: whoever is erased at
// the same moment is left out rather than a broken foreign key.
statement!(
    /// Makes the counters that are missing, of people who exist.
    Make(
        users: Vec<Uuid> => Array<SqlUuid>,
        days: Vec<NaiveDate> => Array<SqlDate>,
        scopes: Vec<String> => Array<Text>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
    ) -> Bool =
    "INSERT INTO frequency_counts (user_id, day, scope, tenant_id)
     SELECT asked.user_id, asked.day, asked.scope, asked.tenant_id
     FROM unnest(?, ?, ?, ?) AS asked (user_id, day, scope, tenant_id)
     JOIN users u ON u.id = asked.user_id AND u.tenant_id = asked.tenant_id
     WHERE NOT EXISTS (
         SELECT FROM frequency_counts c
         WHERE c.user_id = asked.user_id AND c.day = asked.day AND c.scope = asked.scope)
     ORDER BY asked.user_id, asked.day, asked.scope
     FOR KEY SHARE OF u
     ON CONFLICT DO NOTHING
     RETURNING true"
);

statement!(
    /// Locks counters, and reads them.
    Lock(
        users: Vec<Uuid> => Array<SqlUuid>,
        days: Vec<NaiveDate> => Array<SqlDate>,
        scopes: Vec<String> => Array<Text>,
    ) -> (SqlUuid, SqlDate, Text, Array<SqlUuid>) =
    "SELECT c.user_id, c.day, c.scope, c.notification_ids
     FROM unnest(?, ?, ?) AS asked (user_id, day, scope)
     JOIN frequency_counts c USING (user_id, day, scope)
     ORDER BY c.user_id, c.day, c.scope
     FOR UPDATE OF c"
);

statement!(
    /// Those of the people who exist.
    People(users: Vec<Uuid> => Array<SqlUuid>, tenants: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid =
    "SELECT u.id FROM unnest(?, ?) AS asked (user_id, tenant_id)
     JOIN users u ON u.id = asked.user_id AND u.tenant_id = asked.tenant_id"
);

statement!(
    /// Adds ids to counters that are locked.
    Add(
        users: Vec<Uuid> => Array<SqlUuid>,
        days: Vec<NaiveDate> => Array<SqlDate>,
        scopes: Vec<String> => Array<Text>,
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> Bool =
    "UPDATE frequency_counts c SET notification_ids = c.notification_ids || added.ids
     FROM (SELECT user_id, day, scope, array_agg(id) AS ids
           FROM unnest(?, ?, ?, ?) AS added (user_id, day, scope, id)
           GROUP BY user_id, day, scope) added
     WHERE c.user_id = added.user_id AND c.day = added.day AND c.scope = added.scope
     RETURNING true"
);

statement!(
    /// How many of a person's counters hold, other than one notification.
    Count(
        except: Uuid => SqlUuid,
        user_id: Uuid => SqlUuid,
        days: Vec<NaiveDate> => Array<SqlDate>,
        scopes: Vec<String> => Array<Text>,
    ) -> (SqlDate, Text, Int4) =
    "SELECT c.day, c.scope, cardinality(array_remove(c.notification_ids, ?))
     FROM frequency_counts c
     WHERE c.user_id = ? AND (c.day, c.scope) IN (SELECT * FROM unnest(?, ?))"
);

// A person has a row a scope for each of the last few days, so that none needs to be named. The
// update sees a row as it is once it is locked: PostgreSQL evaluates it again on what another
// transaction committed meanwhile.
statement!(
    /// Takes notifications out of all counters of their people.
    Refund(users: Vec<Uuid> => Array<SqlUuid>, ids: Vec<Uuid> => Array<SqlUuid>) -> Bool =
    "WITH asked AS (
         SELECT user_id, array_agg(id) AS ids FROM unnest(?, ?) AS asked (user_id, id)
         GROUP BY user_id
     ), locked AS MATERIALIZED (
         SELECT c.user_id, c.day, c.scope, asked.ids
         FROM asked JOIN frequency_counts c ON c.user_id = asked.user_id
         WHERE c.notification_ids && asked.ids
         ORDER BY c.user_id, c.day, c.scope
         FOR UPDATE OF c
     )
     UPDATE frequency_counts c SET notification_ids = ARRAY(
         SELECT kept.id FROM unnest(c.notification_ids) WITH ORDINALITY AS kept (id, place)
         WHERE kept.id <> ALL (locked.ids) ORDER BY kept.place)
     FROM locked
     WHERE c.user_id = locked.user_id AND c.day = locked.day AND c.scope = locked.scope
     RETURNING true"
);

impl CountAll {
    pub(super) fn of(reservations: &[Reservation]) -> Self {
        let mut all = Self {
            users: vec![],
            days: vec![],
            scopes: vec![],
            tenants: vec![],
            caps: vec![],
            ids: vec![],
        };
        for reservation in reservations {
            for counter in &reservation.counters {
                all.users.push(reservation.user_id);
                all.days.push(date_to_database(counter.day));
                all.scopes.push(counter.scope.to_string());
                all.tenants.push(reservation.tenant_id);
                all.caps
                    .push(i32::try_from(counter.cap).unwrap_or(i32::MAX));
                all.ids.push(reservation.notification_id);
            }
        }
        all
    }
}

impl Make {
    pub(super) fn of(wanted: &HashMap<CounterKey, Uuid>) -> Self {
        let Lock {
            users,
            days,
            scopes,
        } = Lock::of(wanted.keys());
        Self {
            users,
            days,
            scopes,
            tenants: wanted.values().copied().collect(),
        }
    }
}

impl Lock {
    pub(super) fn of<'a>(keys: impl Iterator<Item = &'a CounterKey>) -> Self {
        let mut lock = Self {
            users: vec![],
            days: vec![],
            scopes: vec![],
        };
        for (user, day, scope) in keys {
            lock.users.push(*user);
            lock.days.push(date_to_database(*day));
            lock.scopes.push(scope.clone());
        }
        lock
    }
}

impl Add {
    pub(super) fn of(added: &[(CounterKey, Uuid)]) -> Self {
        let Lock {
            users,
            days,
            scopes,
        } = Lock::of(added.iter().map(|(key, _)| key));
        Self {
            users,
            days,
            scopes,
            ids: added.iter().map(|(_, id)| *id).collect(),
        }
    }
}
