# shellcheck shell=bash
# Migrations of tables with rows, while others insert and update: how long anybody is kept waiting.

# The last migration of 0.1.0, the newest version that was released.
RELEASED=2026-11-29-000600
ROWS="${HERALD_REHEARSE_ROWS:-300000}"

rehearse_upgrade() {
  local began steps
  steps="$(steps_since_release)"
  heading "the $steps migrations since 0.1.0, with $ROWS notifications, while others write"
  make_server primary "log_lock_waits = on" "deadlock_timeout = 100ms" "log_line_prefix = '%m %p '"
  start_server primary
  make_database primary
  export HERALD__DATABASE__URL
  HERALD__DATABASE__URL="$(server_url primary)"
  migrate_and_log
  migrate_and_log --revert "$steps"
  fill_tables
  start_writers
  sleep 2
  began="$(now_ms)"
  migrate_and_log
  figure "upgrade: $steps migrations on $ROWS notifications" "$(($(now_ms) - began)) ms"
  sleep 2
  end_background inserting
  end_background updating
  figure "upgrade: the longest that an insert took" "$(longest inserting) ms"
  figure "upgrade: the longest that an update took" "$(longest updating) ms"
  grep -E 'still waiting for' "$PLACE/primary/log" >"$DEMO/lock-waits.log" || true
  figure "upgrade: waits for a lock of more than 100 ms, in the server's log" "$(wc -l <"$DEMO/lock-waits.log")"
  cp "$PLACE/primary/log" "$DEMO/upgrade-server.log"
  must "nobody waits for more than a second" "$(longest inserting) < 1000 && $(longest updating) < 1000"
  stop_server primary fast
  rm -rf "${PLACE:?}"/*
}

steps_since_release() {
  local folder name steps=0
  for folder in migrations/*/ src/tickets/migrations/*/; do
    name="$(basename "$folder")"
    if [[ "$folder" == src/* || "${name:0:${#RELEASED}}" > "$RELEASED" ]]; then
      steps=$((steps + 1))
    fi
  done
  printf '%s' "$steps"
}

migrate_and_log() {
  "$PROGRAMS/herald" migrate "$@" >>"$DEMO/migrate.log" 2>&1 || fail "herald migrate failed: $(tail -n 3 "$DEMO/migrate.log")"
}

# What came in over the last day, an attempt in ten with an event, one in a hundred a dead letter.
fill_tables() {
  on_server primary "
    insert into users (id, tenant_id, email) select gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 'u' || n || '@example.com'
      from generate_series(1, 5000) n;
    insert into notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, status, payload)
      select overlay(uuid_bound(now() - make_interval(secs => n * 86400.0 / $ROWS))::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,
             u.tenant_id, u.id, encode(sha256(n::text::bytea), 'hex'), 'email', 'low', 'sent', '{}'
      from generate_series(1, $ROWS) n join (select row_number() over () as at, tenant_id, id from users) u on u.at = n % 5000 + 1;
    insert into notification_deduplication (idempotency_key, notification_id, expires_at)
      select decode(idempotency_key, 'hex'), id, now() + interval '1 day' from notifications;
    analyze"
}

# pgbench, since it writes down how long each transaction took.
start_writers() {
  cat >"$DEMO/inserting.sql" <<'SQL'
INSERT INTO notification_schema.notifications (id, tenant_id, idempotency_key, message_type, priority, status, payload)
SELECT overlay(notification_schema.uuid_bound(now())::text placing substr(gen_random_uuid()::text, 25) from 25)::uuid,
       '00000000-0000-7000-8000-000000000001', gen_random_uuid()::text, 'email', 'low', 'pending', '{}';
SQL
  cat >"$DEMO/updating.sql" <<'SQL'
UPDATE notification_schema.notifications SET status = 'sent' WHERE id = (
    SELECT id FROM notification_schema.notifications WHERE status = 'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
SQL
  rm -f "$DEMO"/{inserting,updating}.times.*
  local name
  for name in inserting updating; do
    in_background "$name" "$(postgresql_bin)/pgbench" -n -f "$DEMO/$name.sql" -c 1 -T 600 -R 50 -l --log-prefix="$DEMO/$name.times" \
      "$(server_url primary)"
  done
}

# The third of a line is microseconds, with -R from the time at which it should have begun.
longest() { cat "$DEMO/$1".times.* | awk '$3 > most { most = $3 } END { printf "%d", most / 1000 }'; }
