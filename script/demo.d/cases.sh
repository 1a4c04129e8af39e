# shellcheck shell=bash
# The messages that do not simply go out, and the people whom they meet.

person() { printf '0190de30-0000-7000-8000-%012d' "$1"; }
clock_in() { date -u -d "$1" +%H:%M; }
moment_in() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }

# Prints the name of the file.
write_cast() {
  local file="$DEMO/cast.toml"
  cat >"$file" <<CAST
# Somebody who wants no e-mail.
[[users]]
id = "$(person 1)"
email = "dora@example.com"
username = "dora"
[[preferences]]
user_id = "$(person 1)"
channel = "email"
enabled = false

# Somebody who is asleep now, by the clock of the machine.
[[users]]
id = "$(person 2)"
email = "quinn@example.com"
username = "quinn"
timezone = "UTC"
[[preferences]]
user_id = "$(person 2)"
channel = "email"
quiet_hours_start = "$(clock_in '-1 hour')"
quiet_hours_end = "$(clock_in '+2 hours')"

# Somebody who wants three e-mails a day and no more.
[[users]]
id = "$(person 3)"
email = "carl@example.com"
username = "carl"
[[preferences]]
user_id = "$(person 3)"
channel = "email"
frequency_cap = 3

# Somebody without a phone.
[[users]]
id = "$(person 4)"
email = "nora@example.com"
username = "nora"

# Somebody who has removed the app.
[[users]]
id = "$(person 5)"
username = "una"
devices = [{ token = "unregistered-demo", platform = "android" }]

# Somebody with nothing special.
[[users]]
id = "$(person 6)"
email = "vera@example.com"
phone = "+4915112345006"
username = "vera"
CAST
  echo "$file"
}

# Single messages go through the broker's own HTTP interface, because some of them are nothing that a
# decent publisher would let through.
publish_cases() {
  if [[ -z "$ADMIN" ]]; then
    say "the special messages are left out: HERALD_TEST_BROKER_ADMIN does not say where the broker's management interface is"
    return
  fi
  say "disabled channel, quiet hours, daily cap, no address, removed app, expired, scheduled, repeated, delivered as the provider tells, unknown person, wrong lane, no JSON"
  local hello='"content": { "subject": "Hello", "body": "Hello." }'
  publish 10 email.normal '{ "version": 1, "user_id": "'"$(person 1)"'", "channel": "email", "priority": "normal", '"$hello"', "idempotency_key": "disabled-N" }'
  publish 10 email.normal '{ "version": 1, "user_id": "'"$(person 2)"'", "channel": "email", "priority": "normal", '"$hello"', "idempotency_key": "quiet-N" }'
  publish 10 email.normal '{ "version": 1, "user_id": "'"$(person 3)"'", "channel": "email", "priority": "normal", '"$hello"', "idempotency_key": "cap-N" }'
  publish 5 sms.high '{ "version": 1, "user_id": "'"$(person 4)"'", "channel": "sms", "priority": "high", "content": { "body": "Hello." }, "idempotency_key": "address-N" }'
  publish 1 push.normal '{ "version": 1, "user_id": "'"$(person 5)"'", "channel": "push", "priority": "normal", "content": { "title": "Hello", "body": "Hello." }, "idempotency_key": "device-N" }'
  publish 5 email.high '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "email", "priority": "high", '"$hello"', "idempotency_key": "delivered-N" }'
  publish 5 sms.high '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "sms", "priority": "high", "content": { "body": "Hello." }, "idempotency_key": "delivered-N" }'
  publish 5 email.low '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "email", "priority": "low", '"$hello"', "idempotency_key": "expired-N", "expires_at": "'"$(moment_in '-1 minute')"'" }'
  publish 5 email.low '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "email", "priority": "low", '"$hello"', "idempotency_key": "scheduled-N", "send_at": "'"$(moment_in '+5 minutes')"'" }'
  publish 10 email.normal '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "email", "priority": "normal", '"$hello"', "idempotency_key": "the same ten times" }'
  publish 3 email.normal '{ "version": 1, "user_id": "'"$(person 999)"'", "channel": "email", "priority": "normal", '"$hello"', "idempotency_key": "unknown-N" }'
  publish 2 email.normal '{ "version": 1, "user_id": "'"$(person 6)"'", "channel": "sms", "priority": "normal", '"$hello"', "idempotency_key": "lane-N" }'
  publish 2 email.normal 'this is no JSON'
}

# publish TIMES LANE BODY : an N before a quotation mark in the body becomes the number of the message.
publish() {
  local times="$1" lane="$2" body="$3" n
  for ((n = 1; n <= times; n++)); do
    printf '{ "properties": { "content_type": "application/json", "delivery_mode": 2 }, "routing_key": "%s", "payload_encoding": "base64", "payload": "%s" }' \
      "$lane" "$(printf '%s' "${body//N\"/$n\"}" | base64 -w 0)" |
      curl -sSf -o /dev/null -H 'content-type: application/json' --data-binary @- \
        "$ADMIN/api/exchanges/$SPACE/herald.notifications/publish"
  done
}
