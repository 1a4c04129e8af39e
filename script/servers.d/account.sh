# shellcheck shell=bash
# Which user the servers run as. PostgreSQL refuses root, and RabbitMQ needs no root either.

is_root() { ((EUID == 0)); }

# Run as root: the user that the server's own package made, else nobody. Otherwise: whoever runs this.
account_of() {
  local user=nobody
  is_root || { id -un; return; }
  case "$1" in
    postgresql) user=postgres ;;
    rabbitmq) user=rabbitmq ;;
  esac
  if id "$user" >/dev/null 2>&1; then echo "$user"; else echo nobody; fi
}

# Runs a command as the server's user, from a folder that any user may stand in.
as_account_of() {
  local server="$1"
  shift
  if is_root; then
    (cd / && exec runuser -u "$(account_of "$server")" -- "$@")
  else
    (cd / && exec "$@")
  fi
}

# A folder that only the server's user may read.
make_private_folder() {
  local server="$1" folder="$2"
  mkdir -p "$folder"
  chmod 700 "$folder"
  ! is_root || chown "$(account_of "$server"):" "$folder"
}

ordinary_users_reach() { ! is_root || (cd / && runuser -u nobody -- test -x "$1"); }
