# shellcheck shell=bash
# A month of many notifications is written to a file and removed, while others are delivered.

rehearse_retention() {
  local began folder="$PLACE/export" file
  heading "a month of $ROWS notifications is written and removed, while others are delivered"
  make_server primary
  start_server primary
  make_database primary
  fresh_space retention
  export HERALD__DATABASE__URL
  HERALD__DATABASE__URL="$(server_url primary)"
  make_ready
  fill_an_old_month
  start_nodes one two
  start_load 15
  wait_for_load retention-before
  stop_nodes one two
  delivered "retention, before" retention-before

  mkdir -p "$folder"
  export HERALD__RETENTION__MONTHS=1 HERALD__RETENTION__EXPORT__FOLDER="$folder"
  began="$(now_ms)"
  start_nodes one two
  start_load 15
  until_so 600 "the month is removed" month_is_gone
  figure "retention: from the start of the nodes until the month was on the disk and gone" "$(($(now_ms) - began)) ms"
  wait_for_load retention-meanwhile
  unset HERALD__RETENTION__MONTHS HERALD__RETENTION__EXPORT__FOLDER
  stop_nodes one two
  delivered "retention, meanwhile" retention-meanwhile
  file="$folder/2020-01/notifications.ndjson"
  figure "retention: the file" "$(du -h "$file" | cut -f1)"
  must "each row is a line" "$(wc -l <"$file") == ROWS"
  must "each line is an object" "$(jq -s 'map(.id) | unique | length' "$file") == ROWS"
  stop_server primary fast
  rm -rf "${PLACE:?}"/*
  remove_space
}

delivered() {
  figure "$1: delivered a second; p50 and p99" \
    "$(jq -r '"\(.throughput.middle_per_second | floor); \(.latency.p50_ms) ms, \(.latency.p99_ms) ms"' "$DEMO/load-$2.json")"
  figure "$1: lost, sent twice" "$missing, $repeated"
  must "nothing is lost or repeated" "missing + repeated == 0"
}

fill_an_old_month() {
  on_server primary "
    select ensure_partitions('2020-01-01', 1);
    insert into notifications (id, tenant_id, idempotency_key, message_type, priority, status, payload)
      select overlay(uuid_bound('2020-01-02Z')::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,
             '00000000-0000-7000-8000-000000000001', encode(sha256(n::text::bytea), 'hex'), 'email', 'low', 'sent',
             jsonb_build_object('content', jsonb_build_object('subject', 'Order ' || n, 'body', repeat('words ', 40)))
      from generate_series(1, $ROWS) n" >/dev/null
}

month_is_gone() { [[ "$(on_server primary "select to_regclass('notifications_2020_01') is null")" == t ]]; }
