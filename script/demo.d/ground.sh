# shellcheck shell=bash
# The ground that the demo stands on: servers, a database and a virtual host of its own, a key.

started=()

# Noted before the start, so that a start that is cut short is cleaned up after too.
start_servers() {
  local server
  open_state_folder
  for server in postgresql rabbitmq; do
    script/servers status "$server" >/dev/null || started+=("$server")
  done
  script/servers start
}

# On private servers everything is made anew. Servers that the environment names are taken as they are:
# nothing there is ours to drop.
make_ground() {
  local database="herald_demo" space="herald-demo"
  export HERALD__SECRETS__KEY HERALD__HTTP__BIND HERALD__HTTP__PUBLIC_URL
  if [[ -z "${HERALD__DATABASE__URL:-}" ]]; then
    postgresql_ask "drop database if exists $database with (force)"
    postgresql_ask "create database $database"
    HERALD__DATABASE__URL="$(postgresql_url | sed "s|[^/]*$|$database|")"
  fi
  if [[ -z "${HERALD__BROKER__URL:-}" ]]; then
    ADMIN="$(rabbitmq_admin_url)"
    curl -sS -o /dev/null -X DELETE "$ADMIN/api/vhosts/$space"
    curl -sSf -X PUT "$ADMIN/api/vhosts/$space"
    HERALD__BROKER__URL="$(rabbitmq_url | sed "s|[^/]*$|$space|")"
    SPACE="$space"
  fi
  export HERALD__DATABASE__URL HERALD__BROKER__URL
  HERALD__SECRETS__KEY="${HERALD__SECRETS__KEY:-$(demo_key)}"
  HERALD__HTTP__BIND="${HERALD__HTTP__BIND:-127.0.0.1:$(choose_port http && port_of http)}"
  HERALD__HTTP__PUBLIC_URL="${HERALD__HTTP__PUBLIC_URL:-http://$HERALD__HTTP__BIND}"
}

# The URL and virtual host through which single messages can be published, where they are known.
ADMIN="${HERALD_TEST_BROKER_ADMIN:-}"
SPACE="%2F"

# Seals the providers' secrets in the demo's database.
demo_key() {
  local file="$DEMO/secrets.key"
  [[ -s "$file" ]] || (umask 077 && head -c 32 /dev/urandom | base64 >"$file")
  cat "$file"
}

ask() { PGOPTIONS='-c search_path=notification_schema' psql_anywhere -X -d "$HERALD__DATABASE__URL" "$@"; }

# Debian keeps psql in PATH, other systems beside the server's programs.
psql_anywhere() {
  if command -v psql >/dev/null; then psql "$@"; else "$(postgresql_bin)/psql" "$@"; fi
}
