//! What stands of each kind: by the keys of declared files, and all of it.

use crate::domain::AppliedKind;

/// Ids and times of what these keys name. A key is a JSON list: the tenant, and what names a thing of this kind within it.
pub(super) const fn by_key(kind: AppliedKind) -> &'static str {
    match kind {
        AppliedKind::Tenants => {
            "SELECT t.id, t.created_at AS made_at FROM asked JOIN tenants t ON t.id = (key ->> 0)::uuid"
        }
        AppliedKind::Categories => {
            "SELECT md5(c.tenant_id || c.name)::uuid AS id, c.created_at AS made_at
             FROM asked JOIN categories c ON c.tenant_id = (key ->> 0)::uuid AND c.name = key ->> 1"
        }
        AppliedKind::Users => {
            "SELECT u.id, u.created_at AS made_at FROM asked JOIN users u ON u.id = (key ->> 1)::uuid
             WHERE u.tenant_id = (key ->> 0)::uuid AND u.deleted_at IS NULL"
        }
        AppliedKind::Preferences => {
            "SELECT p.id, p.created_at AS made_at
             FROM asked JOIN notification_preferences p ON p.tenant_id = (key ->> 0)::uuid
                 AND p.user_id = (key ->> 1)::uuid AND p.channel IS NOT DISTINCT FROM key ->> 2
                 AND p.category IS NOT DISTINCT FROM key ->> 3
             UNION ALL
             SELECT p.id, p.created_at
             FROM asked JOIN notification_preferences p ON p.tenant_id = (key ->> 0)::uuid
                 AND p.user_id IS NULL AND p.channel IS NOT DISTINCT FROM key ->> 2
                 AND p.category IS NOT DISTINCT FROM key ->> 3
             WHERE key ->> 1 IS NULL"
        }
        AppliedKind::Templates => {
            "SELECT t.id, t.made_at FROM asked CROSS JOIN LATERAL (
                 SELECT v.id, v.created_at AS made_at FROM notification_templates v
                 WHERE v.tenant_id = (key ->> 0)::uuid AND v.name = key ->> 1 AND v.message_type = key ->> 2
                     AND v.locale = key ->> 3 AND v.version > coalesce((
                         SELECT max(d.version) FROM notification_templates d
                         WHERE d.tenant_id = v.tenant_id AND d.name = v.name AND d.message_type = v.message_type
                             AND d.locale = v.locale AND d.deleted_at IS NOT NULL), 0)
                 ORDER BY v.version LIMIT 1) t"
        }
        AppliedKind::Providers => {
            "SELECT p.id, p.created_at AS made_at
             FROM asked JOIN provider_configs p ON p.provider_name = key ->> 1 AND p.deleted_at IS NULL"
        }
        AppliedKind::Webhooks => {
            "SELECT w.id, w.created_at AS made_at FROM asked JOIN notification_webhooks w
                 ON w.tenant_id = (key ->> 0)::uuid AND w.name = key ->> 1 AND w.deleted_at IS NULL"
        }
        AppliedKind::Workflows => {
            "SELECT md5(w.tenant_id || w.name)::uuid AS id, timestamptz 'epoch' AS made_at
             FROM asked JOIN workflows w ON w.tenant_id = (key ->> 0)::uuid AND w.name = key ->> 1
                 AND w.state = 'published'"
        }
        AppliedKind::TokenKeys => {
            "SELECT k.id, k.created_at AS made_at FROM asked JOIN token_keys k
                 ON k.tenant_id = (key ->> 0)::uuid AND k.kid = key ->> 1 AND k.revoked_at IS NULL"
        }
        AppliedKind::Suppressions => {
            "SELECT s.id, s.created_at AS made_at FROM asked JOIN suppressions s
                 ON s.tenant_id = (key ->> 0)::uuid AND s.channel = key ->> 1 AND s.address = key ->> 2
                 AND s.reason = key ->> 3 AND s.category IS NOT DISTINCT FROM key ->> 4"
        }
        AppliedKind::Topics => {
            "SELECT t.id, t.created_at AS made_at FROM asked JOIN topics t
                 ON t.tenant_id = (key ->> 0)::uuid AND t.name = key ->> 1 AND t.deleted_at IS NULL"
        }
    }
}

/// All that stands, with what it is called. A workflow that somebody else has published since is theirs, and so is an entry
/// of the suppression list that an answer of a provider has confirmed.
pub(super) const fn all(kind: AppliedKind) -> &'static str {
    match kind {
        AppliedKind::Tenants => {
            "SELECT id, created_at AS made_at, id AS tenant_id, name::text AS name FROM tenants"
        }
        AppliedKind::Categories => {
            "SELECT md5(tenant_id || name)::uuid AS id, created_at AS made_at, tenant_id, name::text AS name
             FROM categories"
        }
        AppliedKind::Users => {
            "SELECT id, created_at AS made_at, tenant_id, id::text AS name FROM users WHERE deleted_at IS NULL"
        }
        AppliedKind::Preferences => {
            "SELECT id, created_at AS made_at, tenant_id, coalesce(user_id, tenant_id)::text AS name
             FROM notification_preferences"
        }
        AppliedKind::Templates => {
            "SELECT v.id, v.created_at AS made_at, v.tenant_id, v.name::text AS name FROM notification_templates v
             WHERE EXISTS (
                 SELECT FROM notification_templates a
                 WHERE a.tenant_id = v.tenant_id AND a.name = v.name AND a.message_type = v.message_type
                     AND a.locale = v.locale AND a.is_active AND a.deleted_at IS NULL)
             AND NOT EXISTS (
                 SELECT FROM notification_templates d
                 WHERE d.tenant_id = v.tenant_id AND d.name = v.name AND d.message_type = v.message_type
                     AND d.locale = v.locale AND d.deleted_at IS NOT NULL AND d.version >= v.version)"
        }
        AppliedKind::Providers => {
            "SELECT id, created_at AS made_at, NULL::uuid AS tenant_id, provider_name::text AS name
             FROM provider_configs WHERE deleted_at IS NULL"
        }
        AppliedKind::Webhooks => {
            "SELECT id, created_at AS made_at, tenant_id, coalesce(name, id::text) AS name
             FROM notification_webhooks WHERE deleted_at IS NULL"
        }
        AppliedKind::Workflows => {
            "SELECT md5(tenant_id || name)::uuid AS id, timestamptz 'epoch' AS made_at, tenant_id, name::text AS name
             FROM workflows WHERE state = 'published' AND published_by IS NULL"
        }
        AppliedKind::TokenKeys => {
            "SELECT id, created_at AS made_at, tenant_id, kid::text AS name FROM token_keys
             WHERE revoked_at IS NULL AND NOT is_own"
        }
        AppliedKind::Suppressions => {
            "SELECT id, created_at AS made_at, tenant_id, id::text AS name FROM suppressions
             WHERE event_id IS NULL AND accounts IS NULL AND ends_at IS NULL"
        }
        AppliedKind::Topics => {
            "SELECT id, created_at AS made_at, tenant_id, name::text AS name FROM topics WHERE deleted_at IS NULL"
        }
    }
}
