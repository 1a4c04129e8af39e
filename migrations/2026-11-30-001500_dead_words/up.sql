SET search_path TO notification_schema;

-- How many addresses an account called dead in the last minute, whichever node it told.
CREATE INDEX email_logs_dead_idx ON email_logs (provider, created_at) WHERE blame = 'dead';

RESET search_path;
