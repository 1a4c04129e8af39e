SET search_path TO notification_schema;

-- Replays of webhooks are jobs: they can be paused and ended, and are listed with all others.
ALTER TABLE jobs
    DROP CONSTRAINT jobs_kind_check,
    ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('dlq_replay', 'fan_out', 'webhook_replay'));

-- What is not over goes on where it was, by the id that its orderer has.
INSERT INTO jobs (id, tenant_id, kind, state, filter, rate, planned, done, counts, place_id, created_at, finished_at)
SELECT id, tenant_id, 'webhook_replay', CASE WHEN finished_at IS NULL THEN 'running' ELSE 'finished' END,
       jsonb_build_object('webhook_id', webhook_id, 'since', since, 'until', until, 'everything', everything),
       1000, planned, done, jsonb_build_object('replayed', done), place, created_at, finished_at
FROM webhook_replays;
DROP TABLE webhook_replays;

RESET search_path;
