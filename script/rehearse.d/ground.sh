# shellcheck shell=bash
# Where rehearsals happen: a folder, a virtual host, and what is said at the end.

figures=""
SPACE=""

# figure WORDS VALUE : a line of the table at the end.
figure() {
  figures+="$(printf '  %-84s %s' "$1" "$2")"$'\n'
  say "  $1: $2"
}

show_figures() {
  heading "what was seen"
  printf '%s' "$figures"
}

# must WORDS ARITHMETIC : a condition that is counted when it does not hold.
must() {
  if (($2)); then return; fi
  bad=$((bad + 1))
  figure "NOT AS IT MUST BE: $1" "$2"
}

prepare_rehearsals() {
  PROGRAMS="${CARGO_TARGET_DIR:-target}/debug"
  [[ -x "$PROGRAMS/herald" && -x "$PROGRAMS/loadtest" ]] ||
    fail "$PROGRAMS has no herald and no loadtest" "cargo build --bin herald --bin loadtest"
  script/install curl jq postgresql
  script/servers status rabbitmq >/dev/null || started=(rabbitmq)
  ((${#started[@]} == 0)) || script/servers start rabbitmq
  eval "$(script/servers env)"
  [[ -n "${HERALD_TEST_BROKER_ADMIN:-}" ]] ||
    fail "HERALD_TEST_BROKER_ADMIN does not say where the broker's management interface is" "a virtual host is made there"
  choose_places
}

# Servers of another user, as for root, need a folder that this user can reach.
choose_places() {
  mkdir -p "$LOCAL/rehearse/logs"
  exec 8>"$LOCAL/rehearse/lock"
  flock -n 8 || fail "another script/rehearse of this checkout is at work" "wait for its end"
  DEMO="$(readlink -f "$LOCAL")/rehearse/logs"
  end_leftovers
  PLACE="$(readlink -f "$LOCAL")/rehearse/servers"
  ordinary_users_reach "$LOCAL" || PLACE="/var/tmp/herald-rehearse-$(checkout_mark)"
  STATE="$PLACE"
  end_servers
  rm -rf "$PLACE"
  mkdir -p -m 755 "$PLACE"
}

# A virtual host for each rehearsal, and with it queues that nobody filled.
fresh_space() {
  local space="herald-rehearse-$1"
  curl -sS -o /dev/null -X DELETE "$HERALD_TEST_BROKER_ADMIN/api/vhosts/$space"
  curl -sSf -X PUT "$HERALD_TEST_BROKER_ADMIN/api/vhosts/$space"
  SPACE="$space"
  export HERALD__BROKER__URL="${HERALD_TEST_BROKER_URL%/*}/$space"
}

remove_space() {
  [[ "$SPACE" == herald-rehearse-* ]] || return 0
  curl -sS -o /dev/null -X DELETE "$HERALD_TEST_BROKER_ADMIN/api/vhosts/$SPACE"
  SPACE=""
}

clean_up_rehearsal() {
  local status=$? name
  trap - EXIT
  trap '' INT TERM HUP
  if [[ -n "${PLACE:-}" ]]; then
    for name in "${!background[@]}"; do end_background "$name"; done
    end_leftovers
    end_servers
    remove_space || true
    rm -rf "$PLACE"
  fi
  stop_started_servers
  exit "$status"
}
