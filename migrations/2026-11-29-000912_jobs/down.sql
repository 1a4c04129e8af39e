SET search_path TO notification_schema;

DROP INDEX audit_logs_moment_idx;
ALTER TABLE notification_dlq DROP COLUMN note;
DROP TABLE job_results;
DROP TABLE jobs;

RESET search_path;
