# shellcheck shell=bash
# The bulk of the load, and the wait for the last of it.

load_was_good=yes

# It brings simulators along, compares what was published with what they accepted, and fails when
# anything is missing or came twice.
run_load() {
  in_background load "$PROGRAMS/loadtest" run "${simulator_ports[@]}" --behaviour "$DEMO/behaviour.toml" \
    --ready "http://$HERALD__HTTP__BIND/readyz" --engine-pid "${background[engine]}" \
    --html "$DEMO/report.html" ${ADMIN:+--broker-admin "$ADMIN"} \
    --count "$count" --rate "${rate:-0}" --users "$users" --expired 0.01 --scheduled 0.02 --duplicates 0.01
  wait "${background[load]}" || load_was_good=
  sed -n '/^run .*seed .*\(flat out\|\/s\)$/,$p' "$DEMO/load.log"
  [[ -n "$load_was_good" ]] || say "the load did not end well: see $DEMO/load.log and $DEMO/engine.log"
}

# Settled: for three seconds no notification was added or changed its state.
wait_until_settled() {
  local now before="" still=0 deadline=$((SECONDS + 300))
  while ((still < 3)); do
    now="$(ask -qAtc "select status, reason, count(*) from notifications group by 1, 2 order by 1, 2")"
    if [[ "$now" == "$before" ]]; then ((++still)); else still=0; fi
    ((SECONDS < deadline)) || fail "the engine is still busy after five minutes" "its log: $DEMO/engine.log"
    before="$now"
    sleep 1
  done
}
