# shellcheck shell=bash
# Two nodes, a load of which a part waits in the database, and what its ledger says.

# make_ready : tables, people, accounts, on the server that HERALD__DATABASE__URL names.
make_ready() {
  export HERALD__SECRETS__KEY HERALD__HTTP__BIND
  HERALD__SECRETS__KEY="$(head -c 32 /dev/urandom | base64)"
  choose_simulator_ports
  users=500 policies="" write_seed
  "$PROGRAMS/herald" migrate >"$DEMO/migrate.log" 2>&1 || fail "migrating failed: $(tail -n 3 "$DEMO/migrate.log")"
  "$PROGRAMS/herald" apply "$DEMO/seed.toml" >"$DEMO/apply.log" 2>&1 || fail "applying failed: $(tail -n 3 "$DEMO/apply.log")"
}

start_nodes() {
  local name
  for name in "$@"; do
    choose_port "http-$name"
    HERALD__HTTP__BIND="127.0.0.1:$(port_of "http-$name")" HERALD__ENGINE__NODE_NAME="$name" HERALD__LOG__FORMAT=json \
      in_background "$name" "$PROGRAMS/herald" serve
  done
  for name in "$@"; do until_true 60 "$name" node_is_ready "$name"; done
}

node_is_ready() { curl -sf "http://127.0.0.1:$(port_of "http-$1")/readyz"; }

stop_nodes() {
  local name
  for name in "$@"; do end_background "$name"; done
}

# start_load SECONDS : a twentieth is for three seconds later, and waits in the database alone.
start_load() {
  local first="127.0.0.1:$(port_of http-one)"
  in_background load "$PROGRAMS/loadtest" run "${simulator_ports[@]}" --ready "http://$first/readyz" --count $((rate * $1)) \
    --rate "$rate" --users 500 --scheduled 0.05 --schedule-ahead 3000 --patience 40 --linger 3000 --json "$DEMO/load.json"
  until_true 60 load grep -qx publishing "$DEMO/load.log"
}

# wait_for_load NAME : sets missing, repeated and unexcused.
wait_for_load() {
  wait "${background[load]}" || true
  unset 'background[load]'
  [[ -s "$DEMO/load.json" ]] || fail "the load ended without a report: $(tail -n 3 "$DEMO/load.log")" "its log: $DEMO/load.log"
  mv "$DEMO/load.json" "$DEMO/load-$1.json"
  cp "$DEMO/load.log" "$DEMO/load-$1.log"
  missing="$(counted "$1" missing)"
  repeated="$(counted "$1" duplicates)"
}

counted() { sed -n "s/^ *\"$2\": \([0-9]*\),\{0,1\}$/\1/p" "$DEMO/load-$1.json" | head -n 1; }

# What the providers have accepted until now.
accepted() {
  curl -sf "http://127.0.0.1:$(port_of sendgrid)/_control/ledger" | sed -n 's/.*"accepted": *\([0-9]*\).*/\1/p' | head -n 1
}

in_flight() {
  local name sum=0 flying
  for name in one two; do
    flying="$(curl -sf "http://127.0.0.1:$(port_of "http-$name")/metrics" | awk '/^herald_in_flight\{/ { sum += $NF } END { print sum + 0 }')"
    sum=$((sum + flying))
  done
  echo "$sum"
}
