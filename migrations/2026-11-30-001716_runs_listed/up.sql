SET search_path TO notification_schema;

-- A message that cannot be rendered fails its run, and so does a topic that there is not, beside others.
ALTER TABLE workflow_runs
    DROP CONSTRAINT workflow_runs_reason_check,
    ADD CONSTRAINT workflow_runs_reason_check CHECK (reason IN (
        'completed', 'stopped', 'condition', 'reached', 'throttled', 'joined_digest', 'below_minimum',
        'nothing_left', 'empty_audience', 'unknown_user', 'expression_failed', 'bad_recipient',
        'too_many_recipients', 'null_key', 'delay_invalid', 'delay_too_long', 'unknown_topic', 'too_deep',
        'unreadable', 'unstorable', 'template_error', 'cancelled_by_event', 'cancelled_by_request'));

-- Lists, newest first: of a workflow, a status, a reason, a person, and of what runs are about. The last one also says
-- what an event or a request ends.
CREATE INDEX workflow_runs_workflow_idx ON workflow_runs (tenant_id, workflow, id);
CREATE INDEX workflow_runs_status_idx ON workflow_runs (tenant_id, status, id);
CREATE INDEX workflow_runs_reason_idx ON workflow_runs (tenant_id, reason, id) WHERE reason IS NOT NULL;
DROP INDEX workflow_runs_user_idx;
CREATE INDEX workflow_runs_user_idx ON workflow_runs (user_id, id);
DROP INDEX workflow_runs_key_idx;
CREATE INDEX workflow_runs_key_idx ON workflow_runs (tenant_id, key, id) WHERE key IS NOT NULL;

RESET search_path;
