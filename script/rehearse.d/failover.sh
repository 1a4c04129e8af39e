# shellcheck shell=bash
# A streaming standby takes over from a server that dies under load. The URL of the nodes names both.

rehearse_failover() {
  heading "fail-over; each commit waits for the standby"
  one_failover waiting
  heading "fail-over; no commit waits, and the standby is a second behind"
  one_failover behind
}

one_failover() {
  local how="$1" killed writable first stored before flying lag=0
  begin_with_standby "$how"
  sleep 6
  flying="$(in_flight)"
  hold_standby_back
  sleep 1
  [[ "$how" == waiting ]] || lag="$(on_server primary "select coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn), 0) from pg_stat_replication")"
  before="$(accepted)"
  killed="$(now_ms)"
  stop_server primary immediate
  give_standby_up
  as_server "$(postgresql_bin)/pg_ctl" -D "$PLACE/standby/data" -w -t 60 -s promote
  until_so 60 "the standby writes" answers_false standby
  writable="$(now_ms)"
  stored="$(stored_on_standby)"
  until_so 60 "an outcome is stored" more_is_stored "$stored"
  first="$(now_ms)"
  figure "$how: from the crash to a server that writes" "$((writable - killed)) ms"
  figure "$how: from there to the first outcome stored" "$((first - writable)) ms"
  figure "$how: from the crash to that" "$((first - killed)) ms"
  [[ "$how" == waiting ]] || figure "$how: the standby lacked" "$lag bytes"
  wait_for_load "$how"
  figure "$how: in flight a second before the crash" "$flying"
  figure "$how: lost" "$missing"
  figure "$how: sent twice" "$repeated"
  figure "$how: pending after all" "$(pending)"
  if [[ "$how" == waiting ]]; then
    must "nothing is lost" "missing == 0"
    must "no more is sent twice than was in flight" "repeated <= 4096"
  fi
  [[ "$how" == waiting ]] || begin_anew "$how"
  end_of_rehearsal standby
}

# What a living node had settled, and the standby never heard of, is its own until its run ends.
begin_anew() {
  stop_nodes one two
  in_background simulators "$PROGRAMS/loadtest" simulate "${simulator_ports[@]}" --events-key "$DEMO/events.key"
  until_true 30 simulators grep -qx ready "$DEMO/simulators.log"
  start_nodes one two
  until_so 60 "nothing is pending" nothing_is_pending
  figure "$1: pending after the nodes were started anew" "$(pending)"
  end_background simulators
}

nothing_is_pending() { [[ "$(pending)" == 0 ]]; }
pending() { on_server standby "select count(*) from notifications where status = 'pending'"; }

begin_with_standby() {
  make_server primary
  start_server primary
  make_database primary
  copy_server primary standby -X stream
  as_server touch "$PLACE/standby/data/standby.signal"
  choose_port standby
  set_server standby "primary_conninfo = 'host=127.0.0.1 port=$(port_of primary) user=herald password=$(secret) application_name=standby'"
  start_server standby
  [[ "$1" != waiting ]] || wait_for_standby
  fresh_space "failover-$1"
  HERALD__DATABASE__URL="postgres://herald:$(secret)@127.0.0.1:$(port_of primary),127.0.0.1:$(port_of standby)/herald"
  export HERALD__DATABASE__URL
  make_ready
  start_nodes one two
  start_load 15
}

wait_for_standby() {
  on_server primary "alter system set synchronous_standby_names = 'standby'"
  on_server primary "select pg_reload_conf()" >/dev/null
  until_so 30 "commits wait for the standby" is_waited_for
}

is_waited_for() { [[ "$(on_server primary "select sync_state from pg_stat_replication")" == sync ]]; }

# It receives nothing from now on, as behind a network that lost it.
hold_standby_back() {
  receiver="$(on_server standby "select pid from pg_stat_wal_receiver")"
  kill -STOP "$receiver"
}

# Told to end before it goes on, it takes nothing more that is on its way.
give_standby_up() {
  kill -TERM "$receiver"
  kill -CONT "$receiver"
}

stored_on_standby() { on_server standby "select count(*) from notifications where status <> 'pending'"; }
more_is_stored() { (($(stored_on_standby) > $1)); }
