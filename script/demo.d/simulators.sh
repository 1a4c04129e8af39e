# shellcheck shell=bash
# Stand-ins for SendGrid, Twilio, FCM, Slack and a mail server, and the people who write to each other.

start_simulators() {
  rm -f "$DEMO/seed.toml"
  in_background simulators "$PROGRAMS/loadtest" simulate --seed-out "$DEMO/seed.toml" --users "$users"
  until_true 30 simulators test -s "$DEMO/seed.toml"
  make_first_mailer_stumble
}

# One in twenty mails is answered 503 by the account that is asked first: the next account takes it.
make_first_mailer_stumble() {
  local base
  base="$(first_mailer_address)"
  [[ -n "$base" ]] || return 0
  curl -sSf -o /dev/null -X PUT "$base/_control/behaviour" --data-binary @- <<'RULES'
{ "rules": [ { "fault": { "kind": "status", "status": 503 }, "when": { "probability": 0.05 } } ] }
RULES
}

# The seed lists accounts; of those that send e-mail by HTTP, the one with the highest priority.
first_mailer_address() {
  awk -F' *= *' '
    function done_with_one() { if (channel == "email" && base != "" && priority > best) { best = priority; chosen = base } }
    BEGIN { best = -1 }
    /^\[\[/ { done_with_one(); channel = base = ""; priority = 0 }
    $1 == "channel" { gsub(/"/, "", $2); channel = $2 }
    $1 == "priority" { priority = $2 + 0 }
    $1 == "base_url" { gsub(/"/, "", $2); base = $2 }
    END { done_with_one(); print chosen }' "$DEMO/seed.toml"
}
