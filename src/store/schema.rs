// @generated automatically by Diesel CLI.

pub mod notification_schema {
    diesel::table! {
        notification_schema.admin_system_events (id) {
            id -> Int8,
            created_at -> Timestamptz,
            event_type -> Text,
            severity -> Text,
            description -> Text,
            details -> Nullable<Jsonb>,
            tenant_id -> Nullable<Uuid>,
            user_id -> Nullable<Uuid>,
            is_resolved -> Bool,
            resolved_at -> Nullable<Timestamptz>,
            resolved_by -> Nullable<Uuid>,
            runs -> Array<Nullable<Int4>>,
        }
    }

    diesel::table! {
        notification_schema.api_key_rates (api_key_id) {
            api_key_id -> Uuid,
            tat -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.api_keys (id) {
            id -> Uuid,
            tenant_id -> Nullable<Uuid>,
            user_id -> Nullable<Uuid>,
            #[max_length = 64]
            key_hash -> Varchar,
            #[max_length = 16]
            prefix -> Varchar,
            #[max_length = 100]
            name -> Varchar,
            scopes -> Jsonb,
            rate_limit -> Nullable<Int4>,
            expires_at -> Nullable<Timestamptz>,
            last_used_at -> Nullable<Timestamptz>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            networks -> Array<Nullable<Text>>,
            revoked_at -> Nullable<Timestamptz>,
            #[max_length = 64]
            previous_hash -> Nullable<Varchar>,
            previous_until -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.applied_entries (label, kind, id) {
            #[max_length = 100]
            label -> Varchar,
            kind -> Text,
            id -> Uuid,
            made_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.audit_logs (id) {
            id -> Uuid,
            tenant_id -> Nullable<Uuid>,
            user_id -> Nullable<Uuid>,
            #[max_length = 100]
            actor -> Nullable<Varchar>,
            #[max_length = 100]
            action -> Varchar,
            #[max_length = 50]
            resource_type -> Varchar,
            #[max_length = 255]
            resource_id -> Nullable<Varchar>,
            #[max_length = 45]
            ip_address -> Nullable<Varchar>,
            user_agent -> Nullable<Text>,
            changes -> Nullable<Jsonb>,
            created_at -> Timestamptz,
            request_id -> Nullable<Uuid>,
        }
    }

    diesel::table! {
        notification_schema.categories (tenant_id, name) {
            tenant_id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            may_disable -> Bool,
            over_cap -> Text,
            on_unknown -> Nullable<Text>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.console_sessions (token_hash) {
            #[max_length = 64]
            token_hash -> Varchar,
            key_id -> Uuid,
            #[max_length = 64]
            key_hash -> Varchar,
            about -> Nullable<Uuid>,
            created_at -> Timestamptz,
            seen_at -> Timestamptz,
            expires_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.counted_hours (hour) {
            hour -> Timestamptz,
            marks -> Int8,
            counted_marks -> Nullable<Int8>,
            counted_at -> Nullable<Timestamptz>,
            took_ms -> Int8,
            closed_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.deleted_users (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            deleted_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.delivery_minutes (minute, tenant_id, message_type) {
            tenant_id -> Uuid,
            minute -> Timestamptz,
            message_type -> Text,
            sent -> Int8,
            failed -> Int8,
            delivery_ms -> Int8,
        }
    }

    diesel::table! {
        notification_schema.digest_items (digest_id, sequence, run_id) {
            digest_id -> Uuid,
            run_id -> Uuid,
            event_id -> Uuid,
            sequence -> Int8,
            brought_by -> Uuid,
            taken_back -> Bool,
        }
    }

    diesel::table! {
        notification_schema.digests (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 100]
            workflow -> Varchar,
            #[max_length = 50]
            slot -> Varchar,
            user_id -> Uuid,
            #[max_length = 255]
            key -> Varchar,
            came -> Int4,
            opened_at -> Timestamptz,
            closes_at -> Timestamptz,
            closes_by -> Timestamptz,
            closed_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.email_logs (id) {
            id -> Uuid,
            tenant_id -> Nullable<Uuid>,
            notification_id -> Nullable<Uuid>,
            message_type -> Text,
            #[max_length = 50]
            provider -> Varchar,
            event -> Text,
            #[max_length = 255]
            event_id -> Varchar,
            recipient -> Nullable<Text>,
            provider_message_id -> Nullable<Text>,
            detail -> Nullable<Text>,
            raw -> Nullable<Jsonb>,
            occurred_at -> Timestamptz,
            created_at -> Timestamptz,
            #[max_length = 64]
            code -> Nullable<Varchar>,
            matched_by -> Nullable<Text>,
            blame -> Nullable<Text>,
            awaits_outcome -> Bool,
            is_doubted -> Bool,
            misnamed -> Nullable<Text>,
            speaks_for -> Nullable<Array<Nullable<Text>>>,
        }
    }

    diesel::table! {
        notification_schema.engine_nodes (run_id) {
            run_id -> Int4,
            node_name -> Text,
            version -> Text,
            started_at -> Timestamptz,
            heartbeat_at -> Timestamptz,
            ended_at -> Nullable<Timestamptz>,
            lives_until -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.events (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 255]
            source -> Varchar,
            #[max_length = 255]
            event_id -> Varchar,
            #[max_length = 255]
            kind -> Varchar,
            #[max_length = 255]
            subject -> Nullable<Varchar>,
            happened_at -> Timestamptz,
            accepted_at -> Timestamptz,
            sequence -> Int8,
            said -> Bytea,
            data -> Jsonb,
            extensions -> Jsonb,
            depth -> Int2,
            outcome -> Jsonb,
            cancelled_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.frequency_counts (user_id, day, scope) {
            user_id -> Uuid,
            day -> Date,
            scope -> Text,
            tenant_id -> Uuid,
            notification_ids -> Array<Nullable<Uuid>>,
        }
    }

    diesel::table! {
        notification_schema.inbox_broadcasts (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            sequence -> Int8,
            delivered_at -> Timestamptz,
            expires_at -> Nullable<Timestamptz>,
            category -> Nullable<Text>,
            tags -> Array<Nullable<Text>>,
            title -> Nullable<Text>,
            body -> Nullable<Text>,
            url -> Nullable<Text>,
            data -> Nullable<Jsonb>,
            actions -> Nullable<Jsonb>,
            #[max_length = 50]
            source_type -> Nullable<Varchar>,
            #[max_length = 255]
            source_id -> Nullable<Varchar>,
        }
    }

    diesel::table! {
        notification_schema.inbox_items (id, user_id) {
            id -> Uuid,
            user_id -> Uuid,
            tenant_id -> Uuid,
            arrival -> Int8,
            sequence -> Int8,
            is_broadcast -> Bool,
            delivered_at -> Timestamptz,
            expires_at -> Nullable<Timestamptz>,
            category -> Nullable<Text>,
            tags -> Array<Nullable<Text>>,
            title -> Nullable<Text>,
            body -> Nullable<Text>,
            url -> Nullable<Text>,
            data -> Nullable<Jsonb>,
            actions -> Nullable<Jsonb>,
            #[max_length = 50]
            source_type -> Nullable<Varchar>,
            #[max_length = 255]
            source_id -> Nullable<Varchar>,
            seen_at -> Nullable<Timestamptz>,
            read_at -> Nullable<Timestamptz>,
            first_read_at -> Nullable<Timestamptz>,
            interacted_at -> Nullable<Timestamptz>,
            archived_at -> Nullable<Timestamptz>,
            deleted_at -> Nullable<Timestamptz>,
            snoozed_until -> Nullable<Timestamptz>,
            pressed -> Nullable<Jsonb>,
        }
    }

    diesel::table! {
        notification_schema.inbox_readers (user_id) {
            user_id -> Uuid,
            tenant_id -> Uuid,
            last_sequence -> Int8,
            taken_up_to -> Int8,
        }
    }

    diesel::table! {
        notification_schema.inbox_tenants (tenant_id) {
            tenant_id -> Uuid,
            last_sequence -> Int8,
        }
    }

    diesel::table! {
        notification_schema.intake (hour, tenant_id, channel, shard) {
            hour -> Timestamptz,
            tenant_id -> Uuid,
            channel -> Text,
            shard -> Int2,
            consumed -> Int8,
            accepted_api -> Int8,
            rejected -> Int8,
            duplicates -> Int8,
            erased -> Int8,
        }
    }

    diesel::table! {
        notification_schema.job_results (job_id, number) {
            job_id -> Uuid,
            number -> Int8,
            item_id -> Uuid,
            notification_id -> Nullable<Uuid>,
            result -> Text,
        }
    }

    diesel::table! {
        notification_schema.jobs (id) {
            id -> Uuid,
            tenant_id -> Nullable<Uuid>,
            kind -> Text,
            state -> Text,
            filter -> Jsonb,
            rate -> Int4,
            planned -> Int8,
            done -> Int8,
            counts -> Jsonb,
            place_at -> Nullable<Timestamptz>,
            place_id -> Nullable<Uuid>,
            next_due -> Nullable<Timestamptz>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            finished_at -> Nullable<Timestamptz>,
            request_key -> Nullable<Bytea>,
            request_content -> Nullable<Bytea>,
        }
    }

    diesel::table! {
        notification_schema.ledger_hours (hour, tenant_id) {
            hour -> Timestamptz,
            tenant_id -> Uuid,
            consumed -> Int8,
            accepted_api -> Int8,
            rejected -> Int8,
            duplicates -> Int8,
            sent -> Int8,
            failed -> Int8,
            cancelled -> Int8,
            pending -> Int8,
            in_flight -> Int8,
            quarantined -> Int8,
            erased -> Int8,
            difference -> Int8,
            counted_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.link_keys (id) {
            id -> Uuid,
            key_id -> Bytea,
            sealed_key -> Bytea,
            created_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.node_standings (run_id) {
            run_id -> Int4,
            measured_at -> Timestamptz,
            lanes -> Jsonb,
        }
    }

    diesel::table! {
        notification_schema.notification_deduplication (idempotency_key) {
            idempotency_key -> Bytea,
            notification_id -> Uuid,
            owner -> Nullable<Int4>,
            body_hash -> Nullable<Bytea>,
            created_at -> Timestamptz,
            expires_at -> Timestamptz,
            died_owner -> Nullable<Int4>,
            crashes -> Int2,
            take -> Nullable<Int8>,
            wanted_at -> Nullable<Timestamptz>,
            tenant_id -> Nullable<Uuid>,
            channel -> Nullable<Text>,
        }
    }

    diesel::table! {
        notification_schema.notification_dlq (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            notification_id -> Uuid,
            failure_reason -> Text,
            retry_history -> Nullable<Jsonb>,
            moved_to_dlq_at -> Timestamptz,
            resolved -> Bool,
            resolved_at -> Nullable<Timestamptz>,
            resolved_by -> Nullable<Uuid>,
            #[max_length = 1000]
            note -> Nullable<Varchar>,
        }
    }

    diesel::table! {
        notification_schema.notification_metrics (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            date -> Date,
            hour -> Nullable<Int4>,
            #[max_length = 50]
            provider -> Varchar,
            message_type -> Text,
            total_sent -> Int4,
            total_failed -> Int4,
            total_pending -> Int4,
            delivery_ms_total -> Int8,
            avg_delivery_ms -> Nullable<Int8>,
            created_at -> Timestamptz,
            delivery_buckets -> Nullable<Array<Nullable<Int2>>>,
            delivery_counts -> Nullable<Array<Nullable<Int8>>>,
            total_delivered -> Int4,
            total_bounced -> Int4,
            total_complained -> Int4,
            total_opened -> Int4,
            total_clicked -> Int4,
            total_unsubscribed -> Int4,
        }
    }

    diesel::table! {
        notification_schema.notification_preferences (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            user_id -> Nullable<Uuid>,
            channel -> Nullable<Text>,
            #[max_length = 100]
            category -> Nullable<Varchar>,
            enabled -> Nullable<Bool>,
            frequency_cap -> Nullable<Int4>,
            quiet_hours_start -> Nullable<Time>,
            quiet_hours_end -> Nullable<Time>,
            quiet_hours_days -> Nullable<Array<Nullable<Text>>>,
            #[max_length = 50]
            timezone -> Nullable<Varchar>,
            preferences -> Nullable<Jsonb>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            no_frequency_cap -> Bool,
            no_quiet_hours -> Bool,
        }
    }

    diesel::table! {
        notification_schema.notification_quarantine (id) {
            id -> Uuid,
            notification_id -> Uuid,
            tenant_id -> Uuid,
            channel -> Text,
            idempotency_key -> Bytea,
            status -> Text,
            reason -> Nullable<Text>,
            settlement -> Bytea,
            sqlstate -> Text,
            message -> Text,
            run_id -> Int4,
            created_at -> Timestamptz,
            resolved_at -> Nullable<Timestamptz>,
            resolution -> Nullable<Text>,
            user_id -> Nullable<Uuid>,
        }
    }

    diesel::table! {
        notification_schema.notification_templates (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            message_type -> Text,
            #[max_length = 35]
            locale -> Varchar,
            version -> Int4,
            subject -> Nullable<Text>,
            title -> Nullable<Text>,
            body -> Text,
            html -> Nullable<Text>,
            variables -> Jsonb,
            is_active -> Bool,
            created_by -> Nullable<Uuid>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
            written -> Nullable<Jsonb>,
            includes -> Array<Nullable<Text>>,
            #[max_length = 100]
            published_by -> Nullable<Varchar>,
        }
    }

    diesel::table! {
        notification_schema.notification_webhooks (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            user_id -> Nullable<Uuid>,
            #[max_length = 500]
            url -> Varchar,
            secret_key -> Bytea,
            previous_secret_key -> Nullable<Bytea>,
            previous_secret_until -> Nullable<Timestamptz>,
            events -> Jsonb,
            is_active -> Bool,
            retry_count -> Int4,
            timeout_seconds -> Int4,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
            #[max_length = 100]
            name -> Nullable<Varchar>,
            channels -> Array<Nullable<Text>>,
            categories -> Array<Nullable<Text>>,
            failing_since -> Nullable<Timestamptz>,
            last_failed_at -> Nullable<Timestamptz>,
            disabled_reason -> Nullable<Text>,
        }
    }

    diesel::table! {
        notification_schema.notifications (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            user_id -> Nullable<Uuid>,
            #[max_length = 64]
            idempotency_key -> Varchar,
            message_type -> Text,
            priority -> Text,
            category -> Nullable<Text>,
            provider -> Nullable<Text>,
            status -> Text,
            reason -> Nullable<Text>,
            recipient -> Nullable<Text>,
            template_name -> Nullable<Text>,
            template_version -> Nullable<Int4>,
            payload -> Jsonb,
            attempt_count -> Int4,
            max_retries -> Int4,
            created_at -> Timestamptz,
            last_attempted -> Nullable<Timestamptz>,
            send_at -> Nullable<Timestamptz>,
            due_at -> Nullable<Timestamptz>,
            expires_at -> Nullable<Timestamptz>,
            failed_at -> Nullable<Timestamptz>,
            sent_at -> Nullable<Timestamptz>,
            error_message -> Nullable<Text>,
            provider_response -> Nullable<Text>,
            provider_message_id -> Nullable<Text>,
            attempts -> Jsonb,
            #[max_length = 50]
            source_type -> Nullable<Varchar>,
            #[max_length = 255]
            source_id -> Nullable<Varchar>,
            metadata -> Nullable<Jsonb>,
            owner -> Nullable<Int4>,
            is_read -> Bool,
            read_at -> Nullable<Timestamptz>,
            deleted_at -> Nullable<Timestamptz>,
            take -> Nullable<Int8>,
            takes -> Int2,
            waits_for -> Nullable<Text>,
            format -> Int2,
            unreadable_count -> Int2,
            request_id -> Nullable<Uuid>,
            redacted_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.provider_configs (id) {
            id -> Uuid,
            #[max_length = 50]
            provider_name -> Varchar,
            kind -> Text,
            channel -> Text,
            api_key -> Nullable<Bytea>,
            api_secret -> Nullable<Bytea>,
            config_json -> Nullable<Bytea>,
            is_active -> Bool,
            rate_limit -> Nullable<Int4>,
            timeout_seconds -> Int4,
            priority -> Int4,
            weight -> Int4,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.provider_health (provider_id, run_id) {
            provider_id -> Uuid,
            run_id -> Int4,
            state -> Text,
            since -> Timestamptz,
            available_at -> Nullable<Timestamptz>,
            cause -> Nullable<Text>,
            pace -> Nullable<Float8>,
            in_flight -> Nullable<Int4>,
            waiting -> Nullable<Int4>,
            measured_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.provider_pauses (id) {
            id -> Uuid,
            provider_id -> Uuid,
            kind -> Text,
            #[max_length = 500]
            reason -> Varchar,
            #[max_length = 100]
            paused_by -> Varchar,
            paused_at -> Timestamptz,
            ends_at -> Timestamptz,
            ended_at -> Nullable<Timestamptz>,
            #[max_length = 100]
            ended_by -> Nullable<Varchar>,
        }
    }

    diesel::table! {
        notification_schema.provider_rates (provider_id) {
            provider_id -> Uuid,
            tat -> Timestamptz,
            paused_until -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.rate_limits (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            user_id -> Nullable<Uuid>,
            api_key_id -> Nullable<Uuid>,
            #[max_length = 20]
            limit_type -> Varchar,
            channel -> Nullable<Text>,
            #[max_length = 100]
            category -> Nullable<Varchar>,
            window_start -> Timestamptz,
            request_count -> Int4,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.redaction_turn (is_only) {
            is_only -> Bool,
            notifications -> Uuid,
            late -> Uuid,
            events -> Uuid,
        }
    }

    diesel::table! {
        notification_schema.redaction_waits (notification_id) {
            notification_id -> Uuid,
            look_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.rollup_batches (run_id) {
            run_id -> Int4,
            batch -> Int8,
        }
    }

    diesel::table! {
        notification_schema.run_cancellations (id) {
            id -> Int8,
            tenant_id -> Uuid,
            #[max_length = 100]
            workflow -> Varchar,
            workflow_id -> Uuid,
            #[max_length = 255]
            key -> Varchar,
            event_id -> Uuid,
            after -> Uuid,
        }
    }

    diesel::table! {
        notification_schema.status_outbox (id) {
            id -> Int8,
            event_id -> Uuid,
            notification_id -> Uuid,
            routing_key -> Text,
            payload -> Text,
            created_at -> Timestamptz,
            refusals -> Int2,
            due_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.status_turn (id) {
            id -> Int2,
            owner -> Nullable<Int4>,
        }
    }

    diesel::table! {
        notification_schema.suppressions (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            channel -> Text,
            address -> Text,
            reason -> Text,
            since -> Timestamptz,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            ends_at -> Nullable<Timestamptz>,
            accounts -> Nullable<Array<Nullable<Uuid>>>,
            #[max_length = 100]
            category -> Nullable<Varchar>,
            event_id -> Nullable<Uuid>,
        }
    }

    diesel::table! {
        notification_schema.template_drafts (tenant_id, name, message_type, locale) {
            tenant_id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            message_type -> Text,
            #[max_length = 35]
            locale -> Varchar,
            subject -> Nullable<Text>,
            title -> Nullable<Text>,
            body -> Text,
            html -> Nullable<Text>,
            variables -> Jsonb,
            includes -> Array<Nullable<Text>>,
            #[max_length = 100]
            saved_by -> Varchar,
            saved_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.tenants (id) {
            id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            #[max_length = 35]
            locale -> Nullable<Varchar>,
        }
    }

    diesel::table! {
        notification_schema.throttles (tenant_id, user_id, scope, key) {
            tenant_id -> Uuid,
            user_id -> Uuid,
            scope -> Text,
            #[max_length = 255]
            key -> Varchar,
            since -> Timestamptz,
            until -> Timestamptz,
            went -> Int4,
        }
    }

    diesel::table! {
        notification_schema.token_keys (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 100]
            kid -> Varchar,
            #[max_length = 100]
            name -> Varchar,
            algorithm -> Text,
            is_own -> Bool,
            public_key -> Nullable<Bytea>,
            sealed_secret -> Nullable<Bytea>,
            created_at -> Timestamptz,
            revoked_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.topic_subscribers (topic_id, user_id) {
            topic_id -> Uuid,
            user_id -> Uuid,
            attributes -> Jsonb,
            joined -> Int8,
            joined_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.topics (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            #[max_length = 1000]
            description -> Nullable<Varchar>,
            joined -> Int8,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.user_devices (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            user_id -> Uuid,
            token -> Text,
            platform -> Text,
            last_seen_at -> Timestamptz,
            invalidated_at -> Nullable<Timestamptz>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        notification_schema.users (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 255]
            external_id -> Nullable<Varchar>,
            #[max_length = 255]
            email -> Nullable<Varchar>,
            #[max_length = 100]
            username -> Nullable<Varchar>,
            #[max_length = 120]
            name -> Nullable<Varchar>,
            #[max_length = 30]
            phone -> Nullable<Varchar>,
            #[max_length = 50]
            timezone -> Nullable<Varchar>,
            #[max_length = 35]
            locale -> Nullable<Varchar>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
            recipient_as_of -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.webhook_deliveries (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            webhook_id -> Uuid,
            notification_id -> Nullable<Uuid>,
            #[max_length = 50]
            event_type -> Varchar,
            payload -> Text,
            response_status -> Nullable<Int4>,
            response_body -> Nullable<Text>,
            attempt_count -> Int4,
            delivered -> Bool,
            delivered_at -> Nullable<Timestamptz>,
            owner -> Nullable<Int4>,
            created_at -> Timestamptz,
            next_retry_at -> Nullable<Timestamptz>,
            error -> Nullable<Text>,
            last_attempt_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.wish_changes (id) {
            id -> Int8,
            tenant_id -> Uuid,
            user_id -> Nullable<Uuid>,
            seen_at -> Nullable<Timestamptz>,
            look_at -> Timestamptz,
            looks -> Int2,
            after_user -> Nullable<Uuid>,
            after_id -> Nullable<Uuid>,
        }
    }

    diesel::table! {
        notification_schema.workflow_runs (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            workflow_id -> Uuid,
            #[max_length = 100]
            workflow -> Varchar,
            event_id -> Uuid,
            user_id -> Nullable<Uuid>,
            #[max_length = 255]
            key -> Nullable<Varchar>,
            status -> Text,
            reason -> Nullable<Text>,
            #[max_length = 50]
            source_type -> Nullable<Varchar>,
            #[max_length = 255]
            source_id -> Nullable<Varchar>,
            step -> Int4,
            due_at -> Nullable<Timestamptz>,
            digest_id -> Nullable<Uuid>,
            sent -> Jsonb,
            timeline -> Jsonb,
            created_at -> Timestamptz,
            finished_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        notification_schema.workflows (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            #[max_length = 100]
            name -> Varchar,
            version -> Int4,
            state -> Text,
            definition -> Jsonb,
            created_at -> Timestamptz,
            published_at -> Nullable<Timestamptz>,
            published_by -> Nullable<Text>,
        }
    }

    diesel::joinable!(api_key_rates -> api_keys (api_key_id));
    diesel::joinable!(api_keys -> tenants (tenant_id));
    diesel::joinable!(api_keys -> users (user_id));
    diesel::joinable!(audit_logs -> users (user_id));
    diesel::joinable!(categories -> tenants (tenant_id));
    diesel::joinable!(console_sessions -> api_keys (key_id));
    diesel::joinable!(console_sessions -> tenants (about));
    diesel::joinable!(digest_items -> digests (digest_id));
    diesel::joinable!(digest_items -> events (event_id));
    diesel::joinable!(digest_items -> workflow_runs (run_id));
    diesel::joinable!(events -> tenants (tenant_id));
    diesel::joinable!(frequency_counts -> users (user_id));
    diesel::joinable!(inbox_broadcasts -> tenants (tenant_id));
    diesel::joinable!(inbox_items -> users (user_id));
    diesel::joinable!(inbox_readers -> users (user_id));
    diesel::joinable!(inbox_tenants -> tenants (tenant_id));
    diesel::joinable!(job_results -> jobs (job_id));
    diesel::joinable!(node_standings -> engine_nodes (run_id));
    diesel::joinable!(notification_dlq -> users (resolved_by));
    diesel::joinable!(notification_preferences -> tenants (tenant_id));
    diesel::joinable!(notification_preferences -> users (user_id));
    diesel::joinable!(notification_templates -> tenants (tenant_id));
    diesel::joinable!(notification_templates -> users (created_by));
    diesel::joinable!(notification_webhooks -> tenants (tenant_id));
    diesel::joinable!(notification_webhooks -> users (user_id));
    diesel::joinable!(notifications -> users (user_id));
    diesel::joinable!(provider_health -> provider_configs (provider_id));
    diesel::joinable!(provider_pauses -> provider_configs (provider_id));
    diesel::joinable!(provider_rates -> provider_configs (provider_id));
    diesel::joinable!(rate_limits -> api_keys (api_key_id));
    diesel::joinable!(rate_limits -> users (user_id));
    diesel::joinable!(run_cancellations -> events (event_id));
    diesel::joinable!(run_cancellations -> tenants (tenant_id));
    diesel::joinable!(suppressions -> tenants (tenant_id));
    diesel::joinable!(template_drafts -> tenants (tenant_id));
    diesel::joinable!(throttles -> tenants (tenant_id));
    diesel::joinable!(token_keys -> tenants (tenant_id));
    diesel::joinable!(topic_subscribers -> topics (topic_id));
    diesel::joinable!(topic_subscribers -> users (user_id));
    diesel::joinable!(topics -> tenants (tenant_id));
    diesel::joinable!(user_devices -> tenants (tenant_id));
    diesel::joinable!(user_devices -> users (user_id));
    diesel::joinable!(users -> tenants (tenant_id));
    diesel::joinable!(workflow_runs -> events (event_id));
    diesel::joinable!(workflow_runs -> workflows (workflow_id));
    diesel::joinable!(workflows -> tenants (tenant_id));

    diesel::allow_tables_to_appear_in_same_query!(
        admin_system_events,
        api_key_rates,
        api_keys,
        applied_entries,
        audit_logs,
        categories,
        console_sessions,
        counted_hours,
        deleted_users,
        delivery_minutes,
        digest_items,
        digests,
        email_logs,
        engine_nodes,
        events,
        frequency_counts,
        inbox_broadcasts,
        inbox_items,
        inbox_readers,
        inbox_tenants,
        intake,
        job_results,
        jobs,
        ledger_hours,
        link_keys,
        node_standings,
        notification_deduplication,
        notification_dlq,
        notification_metrics,
        notification_preferences,
        notification_quarantine,
        notification_templates,
        notification_webhooks,
        notifications,
        provider_configs,
        provider_health,
        provider_pauses,
        provider_rates,
        rate_limits,
        redaction_turn,
        redaction_waits,
        rollup_batches,
        run_cancellations,
        status_outbox,
        status_turn,
        suppressions,
        template_drafts,
        tenants,
        throttles,
        token_keys,
        topic_subscribers,
        topics,
        user_devices,
        users,
        webhook_deliveries,
        wish_changes,
        workflow_runs,
        workflows,
    );
}
