DROP FUNCTION notification_schema.rows_of_person(uuid, uuid, uuid, bigint);
