# shellcheck shell=bash
# Where the servers of this checkout keep their files.

CHECKOUT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
LOCAL="$CHECKOUT/.local"
# Another folder is another pair of servers: `loadtest chaos` kills its own, and nobody else's.
STATE="${HERALD_SERVERS_FOLDER:-$LOCAL/servers}"

# Tells checkouts, and the servers of one checkout, apart in names that a whole machine shares.
checkout_mark() { printf '%s' "$CHECKOUT${HERALD_SERVERS_FOLDER:-}" | sha256sum | cut -c1-8; }

# Makes the folder of all that the servers keep. Run as root, the servers belong to ordinary users, who
# may not be able to reach a checkout such as /root/herald: then .local/servers points to a folder that
# they can reach.
open_state_folder() {
  mkdir -p "$LOCAL" 2>/dev/null || true
  [[ -w "$LOCAL" ]] ||
    fail "cannot write to $LOCAL" "it was probably made by another user: remove it, or run as that user"
  if [[ ! -d "$STATE" ]]; then
    rm -f "$STATE" # a pointer to a folder that is gone
    if ordinary_users_reach "$LOCAL"; then mkdir -m 755 "$STATE"; else point_to_outside_folder; fi
  fi
  refuse_copied_state
}

point_to_outside_folder() {
  local outside
  outside="/var/tmp/herald-$(checkout_mark)"
  mkdir -m 755 "$outside" 2>/dev/null || [[ -O "$outside" && ! -L "$outside" ]] ||
    fail "cannot use $outside: it belongs to somebody else" "remove it, and start again"
  ln -s "$outside" "$STATE"
}

# A copied checkout brings a copy of the data of servers that may run on elsewhere.
refuse_copied_state() {
  local stamp="$STATE/checkout"
  [[ -f "$stamp" ]] || printf '%s\n' "$CHECKOUT" >"$stamp"
  [[ "$(<"$stamp")" == "$CHECKOUT" ]] ||
    fail "$STATE belongs to the checkout $(<"$stamp")" "this one was moved or copied from there: rm -rf $STATE"
}

# One at a time may start or stop the servers of a checkout. Held until the script ends; the servers
# themselves must not inherit it (9>&-).
lock_state_folder() {
  exec 9>"$STATE/lock"
  flock -w 180 9 || fail "another script/servers has held $STATE/lock for three minutes" "see what it waits for: fuser $STATE/lock"
}
