# shellcheck shell=bash
# The private RabbitMQ server.

rabbitmq_folder() { readlink -f "$STATE/rabbitmq"; }
rabbitmq_url() { echo "amqp://herald:$(secret)@127.0.0.1:$(port_of rabbitmq)/%2f"; }
rabbitmq_admin_url() { echo "http://herald:$(secret)@127.0.0.1:$(port_of management)"; }
rabbitmq_version() { basename "$(dirname "$1")" | sed 's/rabbitmq_server-//'; }

# The scripts themselves, not the wrappers in PATH: those insist on the user rabbitmq and the system's
# own folders.
rabbitmq_sbin() {
  local sbin
  while read -r sbin; do
    if [[ -x "$sbin/rabbitmq-server" ]] && is_at_least 3.10 "$(rabbitmq_version "$sbin")"; then
      echo "$sbin"
      return
    fi
  done < <(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | sort -rV)
  return 1
}

is_at_least() { printf '%s\n%s\n' "$1" "$2" | sort -CV; }

# Its process carries our mark among its arguments.
rabbitmq_pid() { process_with_argument "[-]herald-$(checkout_mark)"; }

rabbitmq_choose_ports() {
  local port
  for port in rabbitmq management distribution epmd broker-metrics; do choose_port "$port"; done
}

# Everything that the server would else look for in /etc, /var or the caller's home. The port mapper
# (epmd) is our own too: the one that all nodes of a machine usually share would listen to the outside,
# and outlive us. Data are kept by version: a broker does not start on those of a newer one.
in_rabbitmq_world() {
  local folder sbin mark
  folder="$(rabbitmq_folder)"
  sbin="$(rabbitmq_sbin)"
  mark="$(checkout_mark)"
  as_account_of rabbitmq env HOME="$folder" \
    RABBITMQ_NODENAME="herald-$mark@localhost" \
    RABBITMQ_MNESIA_BASE="$folder/data-$(rabbitmq_version "$sbin")" \
    RABBITMQ_LOG_BASE="$folder/log" \
    RABBITMQ_CONFIG_FILE="$folder/rabbitmq" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$folder/none" \
    RABBITMQ_CONF_ENV_FILE="$folder/none" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" \
    RABBITMQ_PID_FILE="$folder/pid" \
    RABBITMQ_DIST_PORT="$(port_of distribution)" \
    ERL_EPMD_PORT="$(port_of epmd)" \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -herald-$mark" \
    "$@"
}

rabbitmq_start() {
  local folder began=$SECONDS
  make_private_folder rabbitmq "$STATE/rabbitmq"
  folder="$(rabbitmq_folder)"
  as_account_of rabbitmq mkdir -p "$folder/log"
  as_account_of rabbitmq rm -f "$folder/pid"
  rabbitmq_settings | as_account_of rabbitmq tee "$folder/rabbitmq.conf" >/dev/null
  echo '[rabbitmq_management,rabbitmq_prometheus].' | as_account_of rabbitmq tee "$folder/plugins" >/dev/null

  # A session of its own, so that Ctrl-C in the terminal does not reach it.
  in_rabbitmq_world setsid --fork "$(rabbitmq_sbin)/rabbitmq-server" </dev/null >"$STATE/rabbitmq.out" 2>&1
  until ! port_is_free "$(port_of rabbitmq)" && ! port_is_free "$(port_of management)"; do
    # The launching script needs a moment to become the server.
    rabbitmq_pid >/dev/null || ((SECONDS < began + 10)) ||
      fail "RabbitMQ did not start: $(tail -n 3 "$STATE/rabbitmq.out")" "its log: $folder/log"
    ((SECONDS < began + 120)) || fail "RabbitMQ did not start within two minutes" "its log: $folder/log"
    sleep 0.1
  done
  say "rabbitmq: started on 127.0.0.1:$(port_of rabbitmq)"
}

# The management plugin is there for one reason: tests make a virtual host each, which takes it 15 ms
# and rabbitmqctl over a second. Its statistics would cost the broker time, so they are off. What Prometheus would ask
# is there for script/deploy-check, and costs nothing while nobody asks.
rabbitmq_settings() {
  cat <<SETTINGS
listeners.tcp.local = 127.0.0.1:$(port_of rabbitmq)
management.tcp.ip = 127.0.0.1
management.tcp.port = $(port_of management)
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $(port_of broker-metrics)
management_agent.disable_metrics_collector = true
default_user = herald
default_pass = $(secret)
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 50MB
log.console = false
SETTINGS
}

rabbitmq_control() {
  local sbin
  sbin="$(rabbitmq_sbin)" || fail "RabbitMQ is not installed" "script/servers start installs it"
  in_rabbitmq_world "$sbin/rabbitmqctl" "$@"
}

rabbitmq_stop() {
  local pid
  if pid="$(rabbitmq_pid)"; then
    kill -TERM "$pid" 2>/dev/null || true # it may be ending by itself
    wait_for_end "$pid" 60 || fail "RabbitMQ (process $pid) does not end" "its log: $(rabbitmq_folder)/log"
    say "rabbitmq: stopped"
  fi
  rabbitmq_stop_companions
}

# What is left when the broker has ended: its port mapper, which never ends by itself, and a launching
# script that has not become a broker yet. Their home is our folder.
rabbitmq_stop_companions() {
  local environment pid
  grep -lsxze "HOME=$(literally "$(rabbitmq_folder)")" /proc/[0-9]*/environ | while read -r environment; do
    pid="${environment//[!0-9]/}"
    kill "$pid" 2>/dev/null || true
  done || true
}
