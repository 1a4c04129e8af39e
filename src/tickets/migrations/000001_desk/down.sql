SET search_path TO ticket_schema;

DROP FUNCTION erase_person;
DROP TABLE desk_changes, clock_recounts, outbox, ticket_history, ticket_comments, support_tickets,
    category_assignments, service_holidays, service_hours, service_targets, ticket_categories, staff, ticket_numbers;

RESET search_path;
