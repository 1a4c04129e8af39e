# shellcheck shell=bash
# A base backup while deliveries go on, and a restore from it and the archive to an earlier moment.

rehearse_restore() {
  heading "restore to a moment; nobody publishes again"
  one_restore alone
  heading "restore to a moment; what was published since is published again"
  one_restore again
}

one_restore() {
  local how="$1" began since moment before flying waiting at_loss up first
  begin_with_archive "$how"
  sleep 3
  began="$(now_ms)"
  copy_server primary restored -X none
  figure "$how: base backup of $(size_of restored) under load" "$(($(now_ms) - began)) ms"
  sleep 3
  flying="$(in_flight)"
  before="$(accepted)"
  moment="$(on_server primary "select clock_timestamp()")"
  sleep 4

  # Whoever goes back in time stops the nodes first: what they have in hand would be of a time that never was.
  stop_nodes one two
  at_loss="$(accepted)"
  since=$((at_loss - before))
  on_server primary "select id from notifications where status = 'pending'" >"$DEMO/waiting"
  figure "$how: waiting at the end, by reason" "$(waiting_by_reason)"
  on_server primary "select pg_switch_wal()" >/dev/null
  until_so 20 "the last file is archived" archive_is_complete
  stop_server primary immediate

  began="$(now_ms)"
  restore_to "$moment"
  up="$(now_ms)"
  waiting="$(forgotten)"
  start_nodes one two
  until_so 60 "a delivery after the restore" test_more_than "$at_loss"
  first="$(now_ms)"
  figure "$how: restored and writable" "$((up - began)) ms"
  figure "$how: first delivery after the nodes were started" "$((first - up)) ms"
  [[ "$how" == alone ]] || publish_again
  wait_for_load "$how"
  figure "$how: accepted by providers between the moment and the end" "$since"
  figure "$how: in flight at the moment" "$flying"
  figure "$how: of those that waited at the end, unknown at the moment" "$waiting"
  figure "$how: lost" "$missing"
  figure "$how: sent twice" "$repeated"
  figure "$how: pending after all" "$(on_server restored "select count(*) from notifications where status = 'pending'")"
  [[ "$how" == alone ]] || must "nothing is lost" "missing == 0"
  # A push goes to each device of a person: at most two here.
  must "nothing is lost but what waited and is forgotten" "missing <= 2 * waiting"
  must "no more is sent twice than was in flight at the moment or sent since" "repeated <= since + flying"
  end_of_rehearsal restored
}

# Archiving as an operator would; a file is kept at the latest after two seconds here.
begin_with_archive() {
  make_server_folders archive
  make_server primary "archive_mode = on" "archive_timeout = 2s" \
    "archive_command = 'test ! -f $PLACE/archive/%f && cp %p $PLACE/archive/%f.part && mv $PLACE/archive/%f.part $PLACE/archive/%f'"
  start_server primary
  make_database primary
  fresh_space "restore-$1"
  HERALD__DATABASE__URL="$(server_url primary)"
  export HERALD__DATABASE__URL
  make_ready
  start_nodes one two
  remember_what_is_published
  start_load 20
}

archive_is_complete() {
  [[ "$(on_server primary "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver")" == t ]]
}

size_of() { du -sh "$(readlink -f "$PLACE/$1")/data" | cut -f1; }

waiting_by_reason() {
  on_server primary "select coalesce(reason, 'in hand') || ' ' || count(*) from notifications where status = 'pending' group by reason" |
    paste -sd, -
}

# Those that waited at the end, and of which the restored server knows nothing.
forgotten() {
  {
    echo "create temporary table waiting (id uuid);"
    echo "copy waiting from stdin;"
    cat "$DEMO/waiting"
    echo '\.'
    echo "select count(*) from waiting w where not exists (select from notification_schema.notifications n where n.id = w.id);"
  } | psql_anywhere -X -qAt -d "$(server_url restored)"
}

# The same port: the nodes' setting does not change.
restore_to() {
  set_server restored "restore_command = 'cp $PLACE/archive/%f %p'" "recovery_target_time = '$1'" \
    "recovery_target_action = 'promote'" "archive_mode = off"
  as_server touch "$PLACE/restored/data/recovery.signal"
  cp "$PLACE/ports/primary" "$PLACE/ports/restored"
  start_server restored
  until_so 120 "the restored server writes" answers_false restored
}

answers_false() { [[ "$(on_server "$1" "select pg_is_in_recovery()")" == f ]]; }
test_more_than() { (($(accepted) > $1)); }

# A publisher with an outbox has what it published. Here a queue beside the engine's has it, and gives it back through
# the same exchange.
remember_what_is_published() {
  broker PUT "queues/$SPACE/published" '{"durable":true}'
  broker POST "bindings/$SPACE/e/herald.notifications/q/published" '{"routing_key":"#"}'
}

publish_again() {
  until_so 120 "all is published" all_is_published
  broker DELETE "bindings/$SPACE/e/herald.notifications/q/published/%23"
  broker PUT "policies/$SPACE/again" \
    '{"pattern":"^published$","apply-to":"queues","definition":{"max-length":0,"dead-letter-exchange":"herald.notifications"}}'
}

# Its line of each second ends with the load.
all_is_published() {
  (("$(awk '/^published /{ n = $2 } END { print n + 0 }' "$DEMO/load.log")" >= rate * 19)) && sleep 3
}

broker() {
  curl -sSf -o /dev/null -X "$1" "$HERALD_TEST_BROKER_ADMIN/api/$2" -H 'content-type: application/json' ${3:+-d "$3"}
}

end_of_rehearsal() {
  stop_nodes one two
  for server in "$@"; do stop_server "$server" fast; done
  rm -rf "${PLACE:?}"/*
  remove_space
}
