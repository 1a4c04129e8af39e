# shellcheck shell=bash
# Installs what is missing through apt when it may, else says exactly what to install.

# install_missing TOOL... : tools by the names in the table below.
install_missing() {
  local tool packages=()
  for tool in "$@"; do
    has_tool "$tool" || packages+=("$(package_of "$tool")")
  done
  ((${#packages[@]})) || return 0
  say "installing through apt: ${packages[*]}"
  apt_install "${packages[@]}"
  for tool in "$@"; do
    has_tool "$tool" || explain_missing "$tool"
  done
}

install_missing_servers() { install_missing curl "$@"; }

has_tool() {
  case "$1" in
    postgresql) postgresql_bin >/dev/null ;;
    rabbitmq) rabbitmq_sbin >/dev/null ;;
    time-zones) [[ -e /usr/share/zoneinfo/Europe/Berlin ]] ;;
    python3-pika) python3 -c "import pika" 2>/dev/null ;;
    python3-venv) python3 -c "import venv, ensurepip" 2>/dev/null ;;
    libpq-dev) [[ -e /usr/include/postgresql/libpq-fe.h ]] ;;
    certificates) [[ -e /etc/ssl/certs/ca-certificates.crt || -e /etc/pki/tls/certs/ca-bundle.crt ]] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

package_of() {
  case "$1" in
    rabbitmq) echo rabbitmq-server ;;
    psql) echo postgresql-client ;;
    time-zones) echo tzdata ;;
    certificates) echo ca-certificates ;;
    node) echo nodejs ;;
    php) echo php-cli ;;
    cc) echo gcc libc6-dev ;;
    *) echo "$1" ;;
  esac
}

apt_install() {
  local sudo=()
  # shellcheck disable=SC2206 # one entry may name two packages
  local packages=($*)
  command -v apt-get >/dev/null || explain_by_hand "this system has no apt" "${packages[@]}"
  if ! is_root; then
    sudo -n true 2>/dev/null || explain_by_hand "this user may not install packages" "${packages[@]}"
    sudo=(sudo)
  fi
  local log="$LOCAL/apt.log"
  mkdir -p "$LOCAL"
  local fresh
  fresh="$(services_not_there_yet "${packages[@]}")"
  # A package whose service cannot start (usual in a container) makes apt fail although every file is in
  # place: whether the tool is there now is what counts, and the caller looks.
  { "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=180 --no-install-recommends "${packages[@]}"; } \
    </dev/null >"$log" 2>&1 || say "apt-get did not end well: see $log"
  stop_fresh_services "$fresh"
}

# Those of the packages that bring a service and were not installed before.
services_not_there_yet() {
  local package
  for package in "$@"; do
    case "$package" in postgresql | rabbitmq-server | prometheus*) ;; *) continue ;; esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

# The distribution starts the services that it installs. We asked for the programs only, so a service
# that was not there before is sent to sleep again; one that was there before is not ours to touch.
stop_fresh_services() {
  local service
  for service in $1; do
    if [[ -d /run/systemd/system ]]; then
      "${sudo[@]}" systemctl disable --now "$service" >>"$log" 2>&1 || true
    else
      "${sudo[@]}" invoke-rc.d "$service" stop >>"$log" 2>&1 || true
    fi
  done
}

explain_by_hand() {
  local cause="$1"
  shift
  fail "needed and not installed: $* ($cause)" \
    "Debian, Ubuntu: apt-get update && apt-get install --no-install-recommends $*" \
    "or name running servers: HERALD__DATABASE__URL (PostgreSQL 15 or newer), HERALD__BROKER__URL (RabbitMQ 3.10 or newer)"
}

explain_missing() {
  case "$1" in
    postgresql) fail "PostgreSQL 15 or newer is not installed, and apt offers none (see $LOCAL/apt.log)" \
      "install it in your own way, or name a running server: HERALD__DATABASE__URL" ;;
    rabbitmq) fail "RabbitMQ 3.10 or newer is not installed, and apt offers none (see $LOCAL/apt.log)" \
      "install it in your own way, or name a running server: HERALD__BROKER__URL" ;;
    *) fail "$1 is not installed, and apt could not bring it (see $LOCAL/apt.log)" "install it in your own way" ;;
  esac
}
