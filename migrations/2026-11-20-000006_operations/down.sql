SET search_path TO notification_schema;

DROP TABLE admin_system_events;
DROP TABLE audit_logs;
DROP TABLE notification_metrics;
DROP TABLE webhook_deliveries;
DROP TABLE notification_webhooks;
DROP TABLE provider_health;
DROP TABLE provider_rates;
DROP TABLE frequency_counts;
DROP TABLE rate_limits;
DROP TABLE api_keys;

RESET search_path;
