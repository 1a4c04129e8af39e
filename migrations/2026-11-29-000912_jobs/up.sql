SET search_path TO notification_schema;

-- What is many in one act: a row that any node works on, a part at a time. A node that dies leaves a part done or
-- not done.
--   tenant_id   whose things alone it touches; NULL is an operator's, over all tenants.
--   filter      what is meant, as it was when the job was ordered.
--   planned     how many that were then.
--   counts      how many there are of each result so far.
--   place_*     the last one that was looked at.
--   next_due    when the next one becomes due: `rate` of them in a second.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    tenant_id uuid,
    kind text NOT NULL CHECK (kind IN ('dlq_replay')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'cancelled', 'finished')),
    filter jsonb NOT NULL CHECK (jsonb_typeof(filter) = 'object'),
    rate integer NOT NULL CHECK (rate > 0),
    planned bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(counts) = 'object'),
    place_at timestamptz,
    place_id uuid,
    next_due timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE INDEX jobs_running_idx ON jobs (created_at) WHERE state = 'running';

-- What became of each, in the order in which they were looked at.
CREATE TABLE job_results (
    job_id uuid NOT NULL REFERENCES jobs (id) ON UPDATE CASCADE ON DELETE CASCADE,
    number bigint NOT NULL,
    item_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    result text NOT NULL,
    PRIMARY KEY (job_id, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, job_results TO herald_notifications;

CREATE TRIGGER touch BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- What whoever dealt with a dead letter wrote down.
ALTER TABLE notification_dlq ADD COLUMN note varchar(1000);

-- The audit trail of all tenants, by time.
CREATE INDEX audit_logs_moment_idx ON audit_logs (created_at, id);

RESET search_path;
