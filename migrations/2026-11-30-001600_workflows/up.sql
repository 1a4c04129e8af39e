SET search_path TO notification_schema;

-- Events of other systems, each once; they are kept for some days, and as long as a run needs them.
--   sequence  is the order in which they were accepted: items of a digest are in it.
--   said      is SHA-256 of all that it says: the same id with other words is refused.
--   depth     is how many workflows have started each other up to it.
--   outcome   is what came of it when it was accepted, a line for each workflow.
CREATE TABLE events (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    source varchar(255) NOT NULL,
    event_id varchar(255) NOT NULL,
    kind varchar(255) NOT NULL,
    subject varchar(255),
    happened_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    said bytea NOT NULL CONSTRAINT events_said_check CHECK (octet_length(said) = 32),
    data jsonb NOT NULL,
    extensions jsonb NOT NULL DEFAULT '{}',
    depth smallint NOT NULL DEFAULT 0,
    outcome jsonb NOT NULL DEFAULT '[]',
    cancelled_at timestamptz,
    CONSTRAINT events_source_key UNIQUE (tenant_id, source, event_id)
);

-- Lists, newest first, and of one type.
CREATE INDEX events_tenant_idx ON events (tenant_id, id);
CREATE INDEX events_kind_idx ON events (tenant_id, kind, id);

-- Workflows: versions that never change, of which one may be published and one be a draft.
--   definition  is what was declared.
CREATE TABLE workflows (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    version integer NOT NULL CONSTRAINT workflows_version_check CHECK (version > 0),
    state text NOT NULL CONSTRAINT workflows_state_check CHECK (state IN ('draft', 'published', 'retired')),
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    published_by text,
    CONSTRAINT workflows_version_key UNIQUE (tenant_id, name, version)
);

CREATE UNIQUE INDEX workflows_published_key ON workflows (tenant_id, name) WHERE state = 'published';
CREATE UNIQUE INDEX workflows_draft_key ON workflows (tenant_id, name) WHERE state = 'draft';

-- Runs: one for each workflow, event and person, or for what could not be told to anybody.
--   user_id    is nobody where nobody could be told; it may be somebody who does not exist.
--   key        is what the run is about.
--   step       is the move that comes next.
--   due_at     is when; null while it waits in a digest.
--   digest_id  is the digest that it waits in, or carries on.
--   sent       are its notifications: a move and an id each.
--   timeline   is its story: time, step and words each.
CREATE TABLE workflow_runs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    workflow_id uuid NOT NULL REFERENCES workflows (id) ON UPDATE CASCADE ON DELETE CASCADE,
    workflow varchar(100) NOT NULL,
    event_id uuid NOT NULL REFERENCES events (id) ON UPDATE CASCADE ON DELETE CASCADE,
    user_id uuid,
    key varchar(255),
    status text NOT NULL CONSTRAINT workflow_runs_status_check
        CHECK (status IN ('waiting', 'finished', 'failed', 'cancelled')),
    reason text CONSTRAINT workflow_runs_reason_check CHECK (reason IN (
        'completed', 'stopped', 'condition', 'reached', 'throttled', 'joined_digest', 'below_minimum',
        'nothing_left', 'empty_audience', 'unknown_user', 'expression_failed', 'bad_recipient',
        'too_many_recipients', 'null_key', 'delay_invalid', 'delay_too_long', 'too_deep', 'unreadable',
        'unstorable', 'cancelled_by_event', 'cancelled_by_request')),
    source_type varchar(50),
    source_id varchar(255),
    step integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    digest_id uuid,
    sent jsonb NOT NULL DEFAULT '[]',
    timeline jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT workflow_runs_ended_check CHECK ((status = 'waiting') = (reason IS NULL)),
    -- Started once for each event and person.
    CONSTRAINT workflow_runs_started_key UNIQUE (event_id, workflow, user_id)
) WITH (fillfactor = 70);

-- What is due: the only index that the picker looks at.
CREATE INDEX workflow_runs_due_idx ON workflow_runs (due_at) WHERE status = 'waiting' AND due_at IS NOT NULL;
-- Runs of a digest.
CREATE INDEX workflow_runs_digest_idx ON workflow_runs (digest_id) WHERE digest_id IS NOT NULL;
-- What an event or a person ends, erasing, and lists.
CREATE INDEX workflow_runs_key_idx ON workflow_runs (tenant_id, workflow, key);
CREATE INDEX workflow_runs_user_idx ON workflow_runs (user_id);
CREATE INDEX workflow_runs_tenant_idx ON workflow_runs (tenant_id, id);
CREATE INDEX workflow_runs_finished_idx ON workflow_runs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX workflow_runs_workflow_id_idx ON workflow_runs (workflow_id);

-- Digests: one is open for each step, person and key.
--   slot       is which digest of the workflow it is, in all of its versions.
--   came       is how many runs have joined it.
--   closes_by  is the latest end of a digest whose end moves.
CREATE TABLE digests (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    workflow varchar(100) NOT NULL,
    slot varchar(50) NOT NULL,
    user_id uuid NOT NULL,
    key varchar(255) NOT NULL,
    came integer NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    closes_by timestamptz NOT NULL,
    closed_at timestamptz
);

CREATE UNIQUE INDEX digests_open_key ON digests (tenant_id, workflow, slot, user_id, key) WHERE closed_at IS NULL;
CREATE INDEX digests_due_idx ON digests (closes_at) WHERE closed_at IS NULL;
CREATE INDEX digests_user_idx ON digests (user_id);
CREATE INDEX digests_closed_idx ON digests (closed_at) WHERE closed_at IS NOT NULL;

-- What a digest holds. A run that carries a digest into the next brings all of its items.
--   brought_by  is the run that is told of it; once the digest is closed that is the one that carries it.
--   taken_back  says that its run or its event was cancelled.
CREATE TABLE digest_items (
    digest_id uuid NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
    run_id uuid NOT NULL REFERENCES workflow_runs (id) ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES events (id) ON UPDATE CASCADE ON DELETE CASCADE,
    sequence bigint NOT NULL,
    brought_by uuid NOT NULL,
    taken_back boolean NOT NULL DEFAULT false,
    PRIMARY KEY (digest_id, sequence, run_id)
);

CREATE INDEX digest_items_run_idx ON digest_items (run_id);
CREATE INDEX digest_items_event_idx ON digest_items (event_id);

-- How many went on, from the first on.
CREATE TABLE throttles (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    user_id uuid NOT NULL,
    scope text NOT NULL,
    key varchar(255) NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    went integer NOT NULL,
    PRIMARY KEY (tenant_id, user_id, scope, key)
) WITH (fillfactor = 70);

CREATE INDEX throttles_until_idx ON throttles (until);
CREATE INDEX throttles_user_idx ON throttles (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON events, workflows, workflow_runs, digests, digest_items, throttles
    TO herald_notifications;

RESET search_path;
