SET search_path TO notification_schema;

-- The newest of a person's notifications in a span of ids, so many at most, and no other row is read. A plan for any person
-- would read all of theirs and sort: of the months ahead, which are empty, no index is read, and what is read without one
-- is in no order. By a range of one the index by person gives it, and the primary key cannot.
CREATE FUNCTION rows_of_person(person uuid, since uuid, until uuid, most bigint)
RETURNS SETOF notifications
LANGUAGE plpgsql STABLE SET search_path = notification_schema SET enable_sort = off AS $$
BEGIN
    RETURN QUERY SELECT n.* FROM notifications n
        WHERE n.user_id BETWEEN person AND person AND n.id >= since AND n.id < until
        ORDER BY n.user_id DESC, n.id DESC LIMIT most;
END $$;

RESET search_path;
