SET search_path TO notification_schema;

DROP TABLE topic_subscribers, topics;

RESET search_path;
