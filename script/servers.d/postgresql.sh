# shellcheck shell=bash
# The private PostgreSQL server.

postgresql_folder() { readlink -f "$STATE/postgresql"; }
postgresql_data() { echo "$(postgresql_folder)/data-$(postgresql_major "$1")"; }
postgresql_major() { "$1/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'; }
postgresql_url() { echo "postgres://herald:$(secret)@127.0.0.1:$(port_of postgresql)/herald"; }

# Its process works on our data.
postgresql_pid() { process_with_argument "$(literally "$(postgresql_folder)")/data-[0-9]*"; }

# The programs' folder: the newest of the distribution's, else the one in PATH. Debian keeps them out of
# PATH, so that several versions can live side by side.
postgresql_bin() {
  local bin
  while read -r bin; do
    if [[ -x "$bin/initdb" && -x "$bin/postgres" ]] && (($(postgresql_major "$bin") >= 15)); then
      echo "$bin"
      return
    fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV; dirname "$(command -v initdb || echo /none/initdb)")
  return 1
}

postgresql_choose_ports() { choose_port postgresql; }

postgresql_start() {
  local bin data log port
  make_private_folder postgresql "$STATE/postgresql"
  bin="$(postgresql_bin)"
  data="$(postgresql_data "$bin")"
  log="$(postgresql_folder)/log"
  port="$(port_of postgresql)"
  [[ -d "$data" ]] || postgresql_create "$bin" "$data"
  as_account_of postgresql "$bin/pg_ctl" -D "$data" -l "$log" -w -t 90 -s \
    -o "-c port=$port -c fsync=${postgresql_fsync:-on}" start </dev/null ||
    fail "PostgreSQL did not start" "its log: $log"
  postgresql_ask "select 1 from pg_database where datname = 'herald'" | grep -q 1 ||
    postgresql_ask "create database herald"
  say "postgresql: started on 127.0.0.1:$port${postgresql_fsync:+, without fsync}"
}

# Made aside and moved into place, so that a start that is cut short leaves no half of a cluster.
postgresql_create() {
  local bin="$1" data="$2" password
  password="$(postgresql_folder)/password"
  rm -rf "$data.unfinished"
  secret | as_account_of postgresql tee "$password" >/dev/null
  as_account_of postgresql "$bin/initdb" -D "$data.unfinished" -U herald -E UTF8 --locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile="$password" --no-sync >/dev/null || fail "initdb could not make $data"
  rm -f "$password"
  postgresql_settings | as_account_of postgresql tee -a "$data.unfinished/postgresql.conf" >/dev/null
  mv "$data.unfinished" "$data"
}

# fsync stays on, but for start-for-tests: figures that are measured here must hold elsewhere. Room for many test
# databases at once, and for a loaded engine beside them. A session that is still authenticating holds up whoever drops
# a database, for up to authentication_timeout: a test that ends while it connects leaves such a session.
postgresql_settings() {
  cat <<'SETTINGS'

listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
max_wal_size = 2GB
log_lock_waits = on
authentication_timeout = 3s
SETTINGS
}

postgresql_ask() { PGOPTIONS="-c client_min_messages=warning" postgresql_shell -d postgres -qAtc "$1"; }

postgresql_shell() {
  local bin
  bin="$(postgresql_bin)" || fail "PostgreSQL is not installed" "script/servers start installs it"
  PGHOST=127.0.0.1 PGPORT="$(port_of postgresql)" PGUSER=herald PGPASSWORD="$(secret)" \
    PGDATABASE=herald "$bin/psql" -X "$@"
}

# Fast, not smart: connections that are still open are closed. The data are safe either way.
postgresql_stop() {
  local pid bin
  pid="$(postgresql_pid)" || return 0
  kill -INT "$pid" 2>/dev/null || true # it may be ending by itself
  wait_for_end "$pid" 60 || fail "PostgreSQL (process $pid) does not end" "its log: $(postgresql_folder)/log"
  say "postgresql: stopped"
}
