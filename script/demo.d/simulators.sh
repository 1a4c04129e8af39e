# shellcheck shell=bash
# Stand-ins for SendGrid, Twilio, FCM, Slack and a mail server, and people to write to.

# Their ports are fixed before they start, so that the engine can be told about them, and so that those
# which the load brings along and those which stay up afterwards are the same to it.
choose_simulator_ports() {
  local provider
  simulator_ports=()
  for provider in sendgrid twilio fcm smtp slack; do
    choose_port "$provider"
    simulator_ports+=(--port "$provider=$(port_of "$provider")")
  done
}

write_seed() {
  "$PROGRAMS/loadtest" seed "${simulator_ports[@]}" --events-key "$DEMO/events.key" --users "$users" ${policies:+--policies} --out "$DEMO/seed.toml"
}

# Some people's mail is answered 503 at times: it goes to the next account, and where that does so too,
# it is tried again later.
write_behaviour() {
  cat >"$DEMO/behaviour.toml" <<'BEHAVIOUR'
[[rules]]
fault = { kind = "status", status = 503 }
when = { probability = 0.2 }
recipient = "ana-*"
BEHAVIOUR
}

# For the special messages, and for whoever looks around: the load had its own, which ended with it. These tell what was
# delivered, as SendGrid and Twilio do.
start_simulators() {
  in_background simulators "$PROGRAMS/loadtest" simulate "${simulator_ports[@]}" \
    --events-key "$DEMO/events.key" --tell-events "$HERALD__HTTP__PUBLIC_URL"
  until_true 30 simulators grep -qx ready "$DEMO/simulators.log"
}
