DROP TABLE notification_schema.webhook_replays;
