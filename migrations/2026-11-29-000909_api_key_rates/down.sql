SET search_path TO notification_schema;

DROP TABLE api_key_rates;

RESET search_path;
