# shellcheck shell=bash
# PgBouncer between the nodes and the server.

rehearse_pooler() {
  script/install pgbouncer
  PATH="$PATH:/usr/sbin"
  make_server primary
  start_server primary
  make_database primary
  fresh_space pooler
  HERALD__DATABASE__URL="$(server_url primary)"
  export HERALD__DATABASE__URL
  make_ready
  heading "without a pooler"
  with_load direct
  heading "a pooler, by session"
  start_pooler session 60
  with_load session
  stop_pooler
  heading "a pooler, by transaction"
  start_pooler transaction 60
  choose_port http-one
  export HERALD__HTTP__BIND HERALD__LOG__FORMAT=json
  HERALD__HTTP__BIND="127.0.0.1:$(port_of http-one)"
  figure "transaction: herald check" "$(said_by_check)"
  must "herald check fails for a pooler that lends by transaction" "$(said_by_check | grep -c '^failed' || true)"
  in_background one "$PROGRAMS/herald" serve
  sleep 8
  figure "transaction: a node says of itself" "$(curl -s "http://$HERALD__HTTP__BIND/readyz" | jq -c 'select(type == "object") | [.. | strings | select(test("prepared|schema|relation|role"))] | first' || true)"
  figure "transaction: errors in its log in 8 s" "$(grep -c -E '"level":"(WARN|ERROR)"' "$DEMO/one.log" || true)"
  end_background one
  stop_pooler
  stop_server primary fast
  remove_space
}

with_load() {
  figure "$1: herald check" "$(said_by_check)"
  start_nodes one two
  start_load 10
  wait_for_load "$1"
  stop_nodes one two
  figure "$1: p50 and p99 from publishing to acceptance" "$(jq -r '"\(.latency.p50_ms) ms, \(.latency.p99_ms) ms"' "$DEMO/load-$1.json")"
  figure "$1: lost, sent twice" "$missing, $repeated"
  must "nothing is lost or repeated" "missing + repeated == 0"
}

said_by_check() { "$PROGRAMS/herald" check 2>/dev/null | grep -E '^[a-z]+ +pooling' || true; }

# start_pooler MODE CONNECTIONS
start_pooler() {
  make_server_folders pooler
  choose_port pooler
  as_server tee "$PLACE/pooler/users" >/dev/null <<<"\"herald\" \"$(secret)\""
  as_server tee "$PLACE/pooler/pgbouncer.ini" >/dev/null <<INI
[databases]
herald = host=127.0.0.1 port=$(port_of primary) dbname=herald
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $(port_of pooler)
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $PLACE/pooler/users
pool_mode = $1
default_pool_size = $2
max_client_conn = 500
logfile = $PLACE/pooler/log
pidfile = $PLACE/pooler/pid
INI
  DEMO_OF="$DEMO" as_server "$(command -v pgbouncer)" -d -q "$PLACE/pooler/pgbouncer.ini" ||
    fail "the pooler did not start: $(tail -n 3 "$PLACE/pooler/log")"
  HERALD__DATABASE__URL="$(server_url pooler)"
  until_so 20 "the pooler answers" psql_anywhere -X -qAt -d "$HERALD__DATABASE__URL" -c "select 1"
}

stop_pooler() {
  local pid
  HERALD__DATABASE__URL="$(server_url primary)"
  pid="$(process_with_argument "$(literally "$PLACE/pooler/pgbouncer.ini")")" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait_for_end "$pid" 20 || kill -KILL "$pid"
}
