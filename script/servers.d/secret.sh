# shellcheck shell=bash
# The password of both servers' superusers: made once, readable by its owner only.

secret() {
  local file="$STATE/password"
  [[ -s "$file" ]] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file")
  cat "$file"
}
