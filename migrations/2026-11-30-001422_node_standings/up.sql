SET search_path TO notification_schema;

-- What each run says of its lanes every few seconds, for those who look: what it has in hand, and what waits in RabbitMQ.
CREATE TABLE node_standings (
    run_id integer PRIMARY KEY REFERENCES engine_nodes (run_id) ON DELETE CASCADE,
    measured_at timestamptz NOT NULL DEFAULT now(),
    lanes jsonb NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON node_standings TO herald_notifications;

RESET search_path;
