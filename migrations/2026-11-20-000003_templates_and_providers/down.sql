SET search_path TO notification_schema;

DROP TABLE provider_configs;
DROP TABLE notification_templates;

RESET search_path;
