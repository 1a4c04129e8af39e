// @generated automatically by Diesel CLI.

pub mod ticket_schema {
    pub mod sql_types {
        #[derive(diesel::sql_types::SqlType)]
        #[diesel(postgres_type(name = "tsvector", schema = "pg_catalog"))]
        pub struct Tsvector;
    }

    diesel::table! {
        ticket_schema.category_assignments (category_id, staff_id) {
            category_id -> Uuid,
            tenant_id -> Uuid,
            staff_id -> Uuid,
            is_primary -> Bool,
            priority -> Int4,
        }
    }

    diesel::table! {
        ticket_schema.clock_recounts (tenant_id, category) {
            tenant_id -> Uuid,
            #[max_length = 100]
            category -> Varchar,
            after -> Uuid,
            asked_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.desk_changes (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            actor -> Text,
            ip_address -> Nullable<Text>,
            request_id -> Nullable<Uuid>,
            action -> Text,
            resource_type -> Text,
            resource_id -> Uuid,
            changes -> Jsonb,
            created_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.loose_objects (object) {
            object -> Text,
            due_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.outbox (id) {
            id -> Int8,
            event_id -> Uuid,
            ticket_id -> Uuid,
            event_type -> Text,
            body -> Text,
            written_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.received_mails (tenant_id, mail) {
            tenant_id -> Uuid,
            mail -> Bytea,
            ticket_id -> Uuid,
            sender_id -> Uuid,
            received_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.service_holidays (category_id, day) {
            category_id -> Uuid,
            day -> Date,
        }
    }

    diesel::table! {
        ticket_schema.service_hours (category_id) {
            category_id -> Uuid,
            time_zone -> Text,
            windows -> Jsonb,
        }
    }

    diesel::table! {
        ticket_schema.service_targets (category_id, priority) {
            category_id -> Uuid,
            priority -> Text,
            first_response -> Nullable<Int8>,
            next_response -> Nullable<Int8>,
            resolution -> Nullable<Int8>,
        }
    }

    diesel::table! {
        ticket_schema.staff (tenant_id, id) {
            tenant_id -> Uuid,
            id -> Uuid,
            #[max_length = 120]
            name -> Varchar,
            role -> Text,
            #[max_length = 64]
            domain -> Nullable<Varchar>,
            level -> Int2,
            is_active -> Bool,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        use diesel::sql_types::*;
        use super::sql_types::Tsvector;

        ticket_schema.support_tickets (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            number -> Int8,
            #[max_length = 255]
            subject -> Varchar,
            description -> Text,
            status -> Text,
            priority -> Text,
            #[max_length = 100]
            category -> Nullable<Varchar>,
            requester_id -> Uuid,
            assignee_id -> Nullable<Uuid>,
            followers -> Array<Nullable<Uuid>>,
            #[max_length = 255]
            location -> Nullable<Varchar>,
            metadata -> Jsonb,
            version -> Int8,
            public_version -> Int8,
            escalation_level -> Int2,
            last_escalation_at -> Nullable<Timestamptz>,
            first_response_due_at -> Nullable<Timestamptz>,
            next_response_due_at -> Nullable<Timestamptz>,
            resolution_due_at -> Nullable<Timestamptz>,
            due_at -> Nullable<Timestamptz>,
            look_at -> Nullable<Timestamptz>,
            is_due_soon -> Bool,
            is_overdue -> Bool,
            first_response_kept -> Nullable<Bool>,
            resolution_kept -> Nullable<Bool>,
            first_responded_at -> Nullable<Timestamptz>,
            resolved_at -> Nullable<Timestamptz>,
            closed_at -> Nullable<Timestamptz>,
            resolution_notes -> Nullable<Text>,
            merged_into -> Nullable<Uuid>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            public_updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
            search -> Tsvector,
        }
    }

    diesel::table! {
        ticket_schema.ticket_attachments (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            ticket_id -> Uuid,
            comment_id -> Nullable<Uuid>,
            author_id -> Uuid,
            #[max_length = 255]
            name -> Varchar,
            #[max_length = 255]
            content_type -> Varchar,
            size -> Int8,
            is_internal -> Bool,
            created_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.ticket_calls (tenant_id, caller, key) {
            tenant_id -> Uuid,
            caller -> Uuid,
            #[max_length = 255]
            key -> Varchar,
            content -> Bytea,
            ticket_id -> Nullable<Uuid>,
            comment_id -> Nullable<Uuid>,
            attachment_id -> Nullable<Uuid>,
            made_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.ticket_categories (id) {
            tenant_id -> Uuid,
            id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            description -> Nullable<Text>,
            is_active -> Bool,
            close_after -> Nullable<Int8>,
            give_up_after -> Nullable<Int8>,
            version -> Int8,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.ticket_comments (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            ticket_id -> Uuid,
            author_id -> Uuid,
            comment -> Text,
            is_internal -> Bool,
            is_automatic -> Bool,
            is_of_stranger -> Bool,
            #[max_length = 320]
            mail_from -> Nullable<Varchar>,
            created_at -> Timestamptz,
        }
    }

    diesel::table! {
        ticket_schema.ticket_history (ticket_id, sequence) {
            ticket_id -> Uuid,
            sequence -> Int4,
            tenant_id -> Uuid,
            deed -> Text,
            actor_id -> Nullable<Uuid>,
            at -> Timestamptz,
            details -> Jsonb,
        }
    }

    diesel::table! {
        ticket_schema.ticket_numbers (tenant_id) {
            tenant_id -> Uuid,
            last_number -> Int8,
        }
    }

    diesel::table! {
        ticket_schema.ticket_tally (id) {
            id -> Int8,
            tenant_id -> Uuid,
            status -> Text,
            change -> Int8,
        }
    }

    diesel::joinable!(category_assignments -> ticket_categories (category_id));
    diesel::joinable!(received_mails -> support_tickets (ticket_id));
    diesel::joinable!(service_holidays -> service_hours (category_id));
    diesel::joinable!(service_hours -> ticket_categories (category_id));
    diesel::joinable!(service_targets -> ticket_categories (category_id));
    diesel::joinable!(ticket_attachments -> support_tickets (ticket_id));
    diesel::joinable!(ticket_attachments -> ticket_comments (comment_id));
    diesel::joinable!(ticket_comments -> support_tickets (ticket_id));
    diesel::joinable!(ticket_history -> support_tickets (ticket_id));

    diesel::allow_tables_to_appear_in_same_query!(
        category_assignments,
        clock_recounts,
        desk_changes,
        loose_objects,
        outbox,
        received_mails,
        service_holidays,
        service_hours,
        service_targets,
        staff,
        support_tickets,
        ticket_attachments,
        ticket_calls,
        ticket_categories,
        ticket_comments,
        ticket_history,
        ticket_numbers,
        ticket_tally,
    );
}
