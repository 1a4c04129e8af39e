SET search_path TO notification_schema;

-- The request rate of an API key over all nodes, by the generic cell rate algorithm.
--   tat  is the theoretical arrival time of the next request.
CREATE TABLE api_key_rates (
    api_key_id uuid PRIMARY KEY REFERENCES api_keys (id) ON UPDATE CASCADE ON DELETE CASCADE,
    tat timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON api_key_rates TO herald_notifications;

RESET search_path;
