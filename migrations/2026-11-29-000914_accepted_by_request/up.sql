SET search_path TO notification_schema;

-- The request by HTTP that brought it: `Herald-Request-Id`. NULL for what came by AMQP.
ALTER TABLE notifications ADD COLUMN request_id uuid;

RESET search_path;
