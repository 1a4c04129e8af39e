# shellcheck shell=bash
# What the demo starts in the background, and how it ends again.

heading() { printf '\n== %s\n' "$*"; }

# in_background NAME COMMAND... : output to .local/demo/NAME.log. A session of its own, so that Ctrl-C
# reaches this script only, and everything is ended in order. DEMO_OF marks what is ours.
in_background() {
  local name="$1"
  shift
  DEMO_OF="$DEMO" setsid "$@" </dev/null >"$DEMO/$name.log" 2>&1 &
  background[$name]=$!
}

declare -A background=()

# Fails as soon as the process has ended, with its last words: until_true SECONDS NAME COMMAND...
until_true() {
  local deadline=$((SECONDS + $1)) name="$2"
  shift 2
  until "$@" >/dev/null 2>&1; do
    kill -0 "${background[$name]}" 2>/dev/null ||
      fail "$name has ended: $(tail -n 5 "$DEMO/$name.log")" "its log: $DEMO/$name.log"
    ((SECONDS < deadline)) || fail "$name is not ready in time: $(tail -n 5 "$DEMO/$name.log")" "its log: $DEMO/$name.log"
    sleep 0.1
  done
}

# In the order of the work: who publishes, then the engine (which finishes what it has in hand), then
# those that it sends to, then the servers that were not running before.
clean_up() {
  local status=$? name
  trap - EXIT
  trap '' INT TERM HUP
  for name in load engine simulators waiting; do end_background "$name"; done
  end_leftovers
  # By now the environment names the private servers too, which would make them look like somebody else's.
  ((${#started[@]} == 0)) ||
    env -u HERALD__DATABASE__URL -u HERALD__BROKER__URL script/servers stop "${started[@]}" || true
  exit "$status"
}

end_background() {
  local pid="${background[$1]:-}"
  [[ -n "$pid" ]] && kill -TERM "$pid" 2>/dev/null || return 0
  wait_for_end "$pid" 30 || kill -KILL "$pid" 2>/dev/null || true
}

# Whatever carries our mark, for example from a demo that was killed.
end_leftovers() {
  local environment
  grep -lsxze "DEMO_OF=$(literally "$DEMO")" /proc/[0-9]*/environ | while read -r environment; do
    kill -KILL "${environment//[!0-9]/}" 2>/dev/null || true
  done || true
}

# A wait that a signal ends at once; a long sleep in the foreground would not.
wait_for_interrupt() {
  in_background waiting sleep infinity
  wait "${background[waiting]}"
}
