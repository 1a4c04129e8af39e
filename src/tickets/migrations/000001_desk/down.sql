SET search_path TO ticket_schema;

DROP FUNCTION erase_person;
DROP FUNCTION erase_sender;
DROP FUNCTION without_words;
DROP TABLE desk_changes, clock_recounts, ticket_calls, outbox, loose_objects, received_mails, ticket_attachments, ticket_history,
    ticket_comments, ticket_tally, support_tickets,
    category_assignments, service_holidays, service_hours, service_targets, ticket_categories, staff, ticket_numbers;
DROP FUNCTION tally_tickets;
DROP FUNCTION loosen_objects;

RESET search_path;
