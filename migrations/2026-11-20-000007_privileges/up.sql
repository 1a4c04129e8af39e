-- All that the engine may do, on one page. Partitions are reached through their parent and need no
-- grant of their own. A later table needs its own line in its own migration; a test looks for it.
GRANT SELECT, INSERT, UPDATE, DELETE ON
    notification_schema.tenants,
    notification_schema.categories,
    notification_schema.users,
    notification_schema.user_devices,
    notification_schema.notification_preferences,
    notification_schema.suppressions,
    notification_schema.notification_templates,
    notification_schema.provider_configs,
    notification_schema.engine_nodes,
    notification_schema.notification_deduplication,
    notification_schema.intake,
    notification_schema.notifications,
    notification_schema.notification_dlq,
    notification_schema.email_logs,
    notification_schema.api_keys,
    notification_schema.rate_limits,
    notification_schema.frequency_counts,
    notification_schema.provider_rates,
    notification_schema.provider_health,
    notification_schema.notification_webhooks,
    notification_schema.webhook_deliveries,
    notification_schema.notification_metrics,
    notification_schema.admin_system_events
TO herald_notifications;

-- Append-only.
GRANT SELECT, INSERT ON notification_schema.audit_logs TO herald_notifications;
