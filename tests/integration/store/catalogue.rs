//! What the system catalogue says of our two schemas, as lines of text that can be compared.

use diesel_async::AsyncPgConnection;

use crate::database::{TestDatabase, lines};

/// Everything that a migration can make: schemas, tables, columns, constraints, indexes, triggers,
/// functions, and who may do what with them.
const QUERY: &str = "
    WITH ours AS (SELECT oid, nspname, nspacl FROM pg_namespace
                  WHERE nspname IN ('notification_schema', 'ticket_schema')),
    relations AS (SELECT c.* FROM pg_class c JOIN ours ON ours.oid = c.relnamespace)
    SELECT format('schema %s %s', nspname, nspacl) AS text FROM ours
    UNION ALL
    SELECT format('relation %s %s %s %s %s', relname, relkind,
                  coalesce(relacl, acldefault('r', relowner)), reloptions,
                  pg_get_expr(relpartbound, oid)) FROM relations
    UNION ALL
    SELECT format('column %s.%s %s %s %s %s %s', r.relname,
                  row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid), a.attidentity::text || a.attgenerated::text)
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT format('constraint %s.%s %s', r.relname, conname, pg_get_constraintdef(pg_constraint.oid))
    FROM pg_constraint JOIN relations r ON r.oid = conrelid
    UNION ALL
    SELECT format('index %s', pg_get_indexdef(i.indexrelid))
    FROM pg_index i JOIN relations r ON r.oid = i.indrelid
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT format('function %s %s', pg_get_functiondef(p.oid), p.proacl)
    FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    ORDER BY 1";

/// Asserts that two catalogues are equal, and shows only what differs.
pub(super) fn assert_same(found: &[String], expected: &[String], when: &str) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these
            .iter()
            .filter(|line| !those.contains(line))
            .cloned()
            .collect()
    };
    let differences = (only(found, expected), only(expected, found));
    assert_eq!(
        differences,
        (Vec::new(), Vec::new()),
        "{when}: found, expected"
    );
}

pub(super) async fn catalogue(connection: &mut AsyncPgConnection) -> Vec<String> {
    lines(connection, QUERY).await
}

/// Erasing a person looks through every table that refers to them: without an index each of those
/// is a scan of the whole table. An index that only leaves out NULL does.
#[tokio::test]
async fn every_reference_to_a_person_has_an_index() {
    let database = TestDatabase::create().await;
    let without = lines(
        &mut database.owner().await,
        "SELECT conrelid::regclass || '.' || attname AS text
         FROM pg_constraint
         JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
         WHERE contype = 'f' AND confrelid = 'notification_schema.users'::regclass
           AND NOT EXISTS (
               SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1]
               AND coalesce(pg_get_expr(indpred, indrelid), '') IN ('', '(' || attname || ' IS NOT NULL)'))",
    )
    .await;
    assert_eq!(without, Vec::<String>::new());
}
