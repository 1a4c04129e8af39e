# shellcheck shell=bash
# The engine itself, as an operator would run it.

start_engine() {
  in_background engine "$PROGRAMS/herald" serve
  until_true 60 engine curl -sf "http://$HERALD__HTTP__BIND/readyz"
  say "ready at http://$HERALD__HTTP__BIND, log in $DEMO/engine.log"
}
