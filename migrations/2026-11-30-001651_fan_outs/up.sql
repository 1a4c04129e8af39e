SET search_path TO notification_schema;

-- A fan-out is a job: what is sent to everybody who subscribes to a topic.
--   filter           of a fan-out: topics, condition, who is left out, and what each gets.
--   place_id         of a fan-out: the last person that was looked at.
--   request_key      makes a repetition of the request safe; request_content is what that must say again.
ALTER TABLE jobs
    DROP CONSTRAINT jobs_kind_check,
    ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('dlq_replay', 'fan_out')),
    ADD COLUMN request_key bytea,
    ADD COLUMN request_content bytea;
CREATE UNIQUE INDEX jobs_request_key ON jobs (tenant_id, request_key) WHERE request_key IS NOT NULL;

-- Of a fan-out, the item is the person; there is no notification where none was accepted.
ALTER TABLE job_results ALTER COLUMN notification_id DROP NOT NULL;

RESET search_path;
