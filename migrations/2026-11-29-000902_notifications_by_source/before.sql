-- for notifications
DROP INDEX CONCURRENTLY IF EXISTS {table}_source_id_source_type_id_idx;
CREATE INDEX CONCURRENTLY {table}_source_id_source_type_id_idx ON {table} (source_id, source_type, id)
    WHERE source_id IS NOT NULL;
