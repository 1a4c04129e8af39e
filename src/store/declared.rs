//! What files of `herald apply` declare, as it stands: each entry with the keys of those files.

use diesel::QueryableByName;
use diesel::sql_types::{Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::StoreError;

/// Tables of declared files that hold no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredTable {
    /// Tenants.
    Tenants,
    /// Categories.
    Categories,
    /// People with the devices that live.
    Users,
    /// What people and tenants want.
    Preferences,
    /// The versions of templates that are used, as they were written.
    Templates,
    /// The versions of workflows that are published.
    Workflows,
    /// Suppressed addresses; what ends by itself is nobody's declaration.
    Suppressions,
    /// Topics.
    Topics,
}

#[derive(QueryableByName)]
struct DeclaredRow {
    #[diesel(sql_type = SqlUuid)]
    place: Uuid,
    #[diesel(sql_type = Text)]
    entry: String,
}

impl DeclaredTable {
    /// All of them, in the order in which they need each other.
    pub const ALL: &'static [Self] = &[
        Self::Tenants,
        Self::Categories,
        Self::Users,
        Self::Preferences,
        Self::Templates,
        Self::Workflows,
        Self::Suppressions,
        Self::Topics,
    ];

    /// The name of the table in a declared file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::Categories => "categories",
            Self::Users => "users",
            Self::Preferences => "preferences",
            Self::Templates => "templates",
            Self::Workflows => "workflows",
            Self::Suppressions => "suppressions",
            Self::Topics => "topics",
        }
    }

    /// A page of it, behind a place: the id of a row, or, of categories, which have none, all at once.
    const fn page(self) -> &'static str {
        match self {
            Self::Tenants => {
                "SELECT id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'id', id, 'name', name, 'locale', locale))::text AS entry
                 FROM tenants WHERE id > $1 ORDER BY id LIMIT $2"
            }
            Self::Categories => {
                "SELECT gen_random_uuid() AS place, jsonb_strip_nulls(jsonb_build_object(
                     'tenant_id', tenant_id, 'name', name, 'may_disable', may_disable, 'over_cap', over_cap,
                     'on_unknown', on_unknown))::text AS entry
                 FROM categories WHERE $1 = '00000000-0000-0000-0000-000000000000' AND $2 > 0
                 ORDER BY tenant_id, name"
            }
            Self::Users => {
                "SELECT u.id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'id', u.id, 'tenant_id', u.tenant_id, 'email', u.email, 'username', u.username, 'name', u.name,
                     'external_id', u.external_id, 'phone', u.phone, 'timezone', u.timezone, 'locale', u.locale,
                     'devices', (SELECT jsonb_agg(jsonb_build_object('token', d.token, 'platform', d.platform)
                                                  ORDER BY d.id)
                                 FROM user_devices d WHERE d.user_id = u.id AND d.invalidated_at IS NULL)
                 ))::text AS entry
                 FROM users u WHERE u.deleted_at IS NULL AND u.id > $1 ORDER BY u.id LIMIT $2"
            }
            Self::Preferences => {
                "SELECT p.id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'tenant_id', p.tenant_id, 'user_id', p.user_id, 'category', p.category,
                     'channel', CASE WHEN p.channel IS NULL AND p.category IS NULL THEN 'all' ELSE p.channel END,
                     'enabled', p.enabled,
                     'frequency_cap', CASE WHEN p.no_frequency_cap THEN '\"none\"'::jsonb
                                           ELSE to_jsonb(p.frequency_cap) END,
                     'quiet_hours', CASE WHEN p.no_quiet_hours THEN 'none' END,
                     'quiet_hours_start', to_char(p.quiet_hours_start, 'HH24:MI'),
                     'quiet_hours_end', to_char(p.quiet_hours_end, 'HH24:MI'),
                     'quiet_hours_days', to_jsonb(p.quiet_hours_days), 'timezone', p.timezone))::text AS entry
                 FROM notification_preferences p LEFT JOIN users u ON u.id = p.user_id
                 WHERE p.id > $1 AND (p.user_id IS NULL OR u.deleted_at IS NULL) ORDER BY p.id LIMIT $2"
            }
            Self::Templates => {
                "SELECT id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'tenant_id', tenant_id, 'name', name, 'message_type', message_type, 'locale', locale,
                     'variables', variables)
                     || coalesce(written, jsonb_build_object(
                         'subject', subject, 'title', title, 'body', body, 'html', html)))::text AS entry
                 FROM notification_templates
                 WHERE is_active AND deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2"
            }
            Self::Workflows => {
                "SELECT id AS place, jsonb_strip_nulls(
                     definition || jsonb_build_object('tenant_id', tenant_id, 'name', name))::text AS entry
                 FROM workflows WHERE state = 'published' AND id > $1 ORDER BY id LIMIT $2"
            }
            Self::Suppressions => {
                "SELECT id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'tenant_id', tenant_id, 'channel', channel, 'address', address, 'reason', reason,
                     'category', category))::text AS entry
                 FROM suppressions WHERE ends_at IS NULL AND accounts IS NULL AND id > $1 ORDER BY id LIMIT $2"
            }
            Self::Topics => {
                "SELECT id AS place, jsonb_strip_nulls(jsonb_build_object(
                     'tenant_id', tenant_id, 'name', name, 'description', description))::text AS entry
                 FROM topics WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2"
            }
        }
    }
}

/// At most so many entries of a table behind a place, each with its own.
///
/// # Errors
/// The database is out of reach, or holds what is no JSON.
pub async fn page(
    connection: &mut AsyncPgConnection,
    table: DeclaredTable,
    behind: Uuid,
    most: usize,
) -> Result<Vec<(Uuid, Map<String, Value>)>, StoreError> {
    let rows: Vec<DeclaredRow> = diesel::sql_query(table.page())
        .bind::<SqlUuid, _>(behind)
        .bind::<Int8, _>(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    let entry = |row: DeclaredRow| {
        let read = serde_json::from_str(&row.entry);
        let entry = read.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok((row.place, entry))
    };
    rows.into_iter().map(entry).collect()
}
