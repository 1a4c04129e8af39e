# shellcheck shell=bash
# The PostgreSQL servers of a rehearsal: each has a name, a folder and a port.

as_server() { as_account_of postgresql "$@"; }

# In the folder of all of them, which their user must be able to write.
make_server_folders() {
  local folder
  for folder in "$@"; do make_private_folder postgresql "$PLACE/$folder"; done
}

# make_server NAME [SETTING...] : a fresh one, with a login `herald`.
make_server() {
  local name="$1" bin
  shift
  bin="$(postgresql_bin)"
  make_server_folders "$name"
  secret | as_server tee "$PLACE/$name/password" >/dev/null
  as_server "$bin/initdb" -D "$PLACE/$name/data" -U herald -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 \
    --pwfile="$PLACE/$name/password" >"$DEMO/initdb.log" || fail "initdb could not make $name" "its log: $DEMO/initdb.log"
  choose_port "$name"
  set_server "$name" "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" "max_connections = 200" \
    "shared_buffers = 256MB" "max_wal_size = 2GB" "log_min_messages = log" "$@"
}

# set_server NAME SETTING... : what is said later counts.
set_server() {
  local name="$1"
  shift
  printf '%s\n' "$@" | as_server tee -a "$PLACE/$name/data/postgresql.conf" >/dev/null
}

start_server() {
  as_server "$(postgresql_bin)/pg_ctl" -D "$PLACE/$1/data" -l "$PLACE/$1/log" -w -t 90 -s -o "-c port=$(port_of "$1")" start \
    </dev/null || fail "the server $1 did not start: $(tail -n 3 "$PLACE/$1/log")"
}

# stop_server NAME fast|immediate : immediate is what a crash leaves behind.
stop_server() {
  as_server "$(postgresql_bin)/pg_ctl" -D "$PLACE/$1/data" -m "$2" -w -t 60 -s stop
}

end_servers() {
  local data
  for data in "$PLACE"/*/data; do
    [[ -f "$data/postmaster.pid" ]] || continue
    as_server "$(postgresql_bin)/pg_ctl" -D "$data" -m immediate -w -t 30 -s stop || true
  done
}

server_url() { echo "postgres://herald:$(secret)@127.0.0.1:$(port_of "$1")/${2:-herald}"; }

# on_server NAME SQL : the answer, bare. One that is down is an answer of nothing, and a failure.
on_server() {
  PGOPTIONS='-c client_min_messages=warning -c search_path=notification_schema' \
    psql_anywhere -X -qAt -v ON_ERROR_STOP=1 -d "$(server_url "$1")" -c "$2"
}

make_database() { psql_anywhere -X -qAt -d "$(server_url "$1" postgres)" -c "create database herald"; }

# copy_server FROM TO [OPTION...] : a base backup of one that runs.
copy_server() {
  local from="$1" to="$2"
  shift 2
  make_server_folders "$to"
  as_server "$(postgresql_bin)/pg_basebackup" -d "$(server_url "$from" postgres)" -D "$PLACE/$to/data" -c fast "$@"
}

# Milliseconds, for what is measured.
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# until_so SECONDS WORDS COMMAND... : asked every fiftieth of a second.
until_so() {
  local deadline=$((SECONDS + $1)) words="$2"
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "$words: not so in time" "the logs: $DEMO"
    sleep 0.02
  done
}
