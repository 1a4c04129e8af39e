SET search_path TO notification_schema;

DROP INDEX notification_templates_including_idx;
ALTER TABLE notification_templates
    DROP COLUMN published_by,
    DROP COLUMN includes,
    DROP COLUMN written;

DROP TABLE template_drafts;

RESET search_path;
