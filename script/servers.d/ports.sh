# shellcheck shell=bash
# Ports of this checkout: free when chosen, remembered, kept while still free.

# A listener on any address would be in the way, and a connection to loopback finds it.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port_of() { cat "$STATE/ports/$1" 2>/dev/null || echo none; }

# Every checkout starts looking at a place of its own, below the ports that the system hands out for
# outgoing connections (32768 and up): two checkouts that start at once do not race for the same one.
choose_port() {
  local name="$1" port last
  mkdir -p "$STATE/ports"
  if [[ -f "$STATE/ports/$name" ]] && port_is_free "$(port_of "$name")"; then return; fi
  port=$((20000 + 0x$(checkout_mark) % 1200 * 10))
  last=$((port + 300))
  until port_is_free "$port" && ! grep -qsx "$port" "$STATE/ports"/*; do
    ((++port < last)) || fail "no free port between $((last - 300)) and $last on 127.0.0.1" "see what listens there: ss -ltn"
  done
  echo "$port" >"$STATE/ports/$name"
}
