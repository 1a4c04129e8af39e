# shellcheck shell=bash
# The bulk of the load, and the wait for the last of it.

run_load() {
  in_background load "$PROGRAMS/loadtest" publish --count "$count" ${rate:+--rate "$rate"} --users "$users"
  wait "${background[load]}" || fail "the load failed: $(tail -n 5 "$DEMO/load.log")" "its log: $DEMO/load.log"
}

# Settled: for three seconds no notification was added or changed its state.
wait_until_settled() {
  local now before="" still=0 deadline=$((SECONDS + 300))
  while ((still < 3)); do
    now="$(ask -qAtc "select status, count(*) from notifications group by 1 order by 1")"
    if [[ "$now" == "$before" ]]; then ((++still)); else still=0; fi
    ((SECONDS < deadline)) || fail "the engine is still busy after five minutes" "its log: $DEMO/engine.log"
    before="$now"
    sleep 1
  done
}
