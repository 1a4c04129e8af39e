SET search_path TO notification_schema;

DROP TABLE suppressions;
DROP TABLE notification_preferences;
DROP TABLE user_devices;
DROP TABLE users;
DROP TABLE categories;
DROP TABLE tenants;

RESET search_path;
