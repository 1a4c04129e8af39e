ALTER TABLE notification_schema.email_logs DROP COLUMN misnamed, DROP COLUMN speaks_for;
