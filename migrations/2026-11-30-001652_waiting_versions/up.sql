SET search_path TO notification_schema;

-- Whether runs of a retired version still wait: an event may end them.
CREATE INDEX workflow_runs_waiting_idx ON workflow_runs (workflow_id) WHERE status = 'waiting';
-- What is due of each tenant, for the picker that takes them in turn.
CREATE INDEX workflow_runs_tenant_due_idx ON workflow_runs (tenant_id, due_at)
    WHERE status = 'waiting' AND due_at IS NOT NULL;

-- What an event has ended, and one transaction could not: it is ended a part at a time, and nobody is told of it meanwhile.
--   after  is the last run that was looked at.
CREATE TABLE run_cancellations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    workflow varchar(100) NOT NULL,
    workflow_id uuid NOT NULL,
    key varchar(255) NOT NULL,
    event_id uuid NOT NULL REFERENCES events (id) ON UPDATE CASCADE ON DELETE CASCADE,
    after uuid NOT NULL
);
CREATE INDEX run_cancellations_meant_idx ON run_cancellations (tenant_id, workflow_id, key);
CREATE INDEX run_cancellations_event_idx ON run_cancellations (event_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON run_cancellations TO herald_notifications;

RESET search_path;
