SET search_path TO notification_schema;

DROP INDEX workflow_runs_key_idx;
CREATE INDEX workflow_runs_key_idx ON workflow_runs (tenant_id, workflow, key);
DROP INDEX workflow_runs_user_idx;
CREATE INDEX workflow_runs_user_idx ON workflow_runs (user_id);
DROP INDEX workflow_runs_reason_idx;
DROP INDEX workflow_runs_status_idx;
DROP INDEX workflow_runs_workflow_idx;
UPDATE workflow_runs SET reason = 'unreadable' WHERE reason IN ('unknown_topic', 'template_error');
ALTER TABLE workflow_runs
    DROP CONSTRAINT workflow_runs_reason_check,
    ADD CONSTRAINT workflow_runs_reason_check CHECK (reason IN (
        'completed', 'stopped', 'condition', 'reached', 'throttled', 'joined_digest', 'below_minimum',
        'nothing_left', 'empty_audience', 'unknown_user', 'expression_failed', 'bad_recipient',
        'too_many_recipients', 'null_key', 'delay_invalid', 'delay_too_long', 'too_deep', 'unreadable',
        'unstorable', 'cancelled_by_event', 'cancelled_by_request'));

RESET search_path;
