# shellcheck shell=bash
# What the database, the broker and the publisher say about the run.

show_result() {
  ask -f script/demo.d/result.sql
  echo "Rejected, by reason:"
  curl -sf "http://$HERALD__HTTP__BIND/metrics" | sed -n 's/^herald_messages_rejected_total{.*reason="\([^"]*\)".*} /  \1: /p'
  if [[ "$profile" == dev ]]; then
    echo "Built as for tests, without optimization: script/demo --release shows how fast Herald is."
  fi
  where_to_look
}

# What is stopped at once is not named.
where_to_look() {
  if [[ -z "$keep" ]]; then
    printf '\nWhere to look next\n  report      file://%s\n  logs        %s\n' \
      "$DEMO/report.html" "$DEMO/engine.log $DEMO/simulators.log $DEMO/load.log"
    echo "script/demo --keep leaves everything running, to look around."
    return
  fi
  cat <<PLACES

Where to look next
  report      file://$DEMO/report.html
  readiness   http://$HERALD__HTTP__BIND/readyz
  metrics     http://$HERALD__HTTP__BIND/metrics
  database    psql $HERALD__DATABASE__URL
  logs        $DEMO/engine.log $DEMO/simulators.log $DEMO/load.log
PLACES
}
