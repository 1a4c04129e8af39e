# shellcheck shell=bash
# A database and a virtual host of one script alone, also on servers that the environment names. The script says
# what they are called: OWN_DATABASE and OWN_SPACE.

ask_server() { psql_anywhere -X -qAt -d "$HERALD_TEST_DATABASE_URL" -c "set client_min_messages = warning" -c "$1" >/dev/null; }

remove_own_ground() {
  ask_server "drop database if exists $OWN_DATABASE with (force)"
  curl -sS -o /dev/null -X DELETE "$HERALD_TEST_BROKER_ADMIN/api/vhosts/$OWN_SPACE"
}

# Needs the variables of script/servers env.
make_own_ground() {
  [[ -n "${HERALD_TEST_BROKER_ADMIN:-}" ]] ||
    fail "HERALD_TEST_BROKER_ADMIN does not say where the broker's management interface is" "a virtual host is made there"
  remove_own_ground
  ask_server "create database $OWN_DATABASE"
  curl -sSf -X PUT "$HERALD_TEST_BROKER_ADMIN/api/vhosts/$OWN_SPACE"
  export HERALD__DATABASE__URL HERALD__BROKER__URL HERALD__SECRETS__KEY
  HERALD__DATABASE__URL="${HERALD_TEST_DATABASE_URL%/*}/$OWN_DATABASE"
  HERALD__BROKER__URL="${HERALD_TEST_BROKER_URL%/*}/$OWN_SPACE"
  HERALD__SECRETS__KEY="$(head -c 32 /dev/urandom | base64)"
}

# Starts the servers that are not running, and notes in `started` which these were.
start_missing_servers() {
  local server
  for server in postgresql rabbitmq; do
    script/servers status "$server" >/dev/null || started+=("$server")
  done
  ((${#started[@]} == 0)) || script/servers start "${started[@]}"
  eval "$(script/servers env)"
}

# By now the environment names the private servers too, which would make them look like somebody else's.
stop_started_servers() {
  ((${#started[@]} == 0)) ||
    env -u HERALD__DATABASE__URL -u HERALD__BROKER__URL script/servers stop "${started[@]}" || true
}
