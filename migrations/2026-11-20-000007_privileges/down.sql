REVOKE ALL ON ALL TABLES IN SCHEMA notification_schema FROM herald_notifications;
