SET search_path TO notification_schema;

DROP TABLE throttles;
DROP TABLE digest_items;
DROP TABLE digests;
DROP TABLE workflow_runs;
DROP TABLE workflows;
DROP TABLE events;

RESET search_path;
