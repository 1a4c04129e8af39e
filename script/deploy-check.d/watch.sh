# shellcheck shell=bash
# Prometheus and the exporters, by the configuration of deploy/prometheus with other addresses and shorter intervals.

watch_them() {
  local name
  for name in prometheus blackbox postgres; do choose_port "$name"; done
  broker_is_watched=
  ! curl -sf "http://127.0.0.1:$(port_of broker-metrics)/metrics/detailed?family=queue_consumer_count" >/dev/null || broker_is_watched=yes
  [[ -n "$broker_is_watched" ]] || say "skipped: this broker has no rabbitmq_prometheus; what is asked of it is not checked"
  watch_settings >"$PLACE/prometheus.yml"
  echo 'modules: { http_2xx: { prober: http, timeout: 5s } }' >"$PLACE/blackbox.yml"
  in_background blackbox prometheus-blackbox-exporter --config.file="$PLACE/blackbox.yml" \
    --web.listen-address="127.0.0.1:$(port_of blackbox)"
  # Its library knows no sslmode but by name.
  in_background postgres env DATA_SOURCE_NAME="$HERALD_TEST_DATABASE_URL?sslmode=disable" \
    prometheus-postgres-exporter --web.listen-address="127.0.0.1:$(port_of postgres)"
  rm -rf "$PLACE/tsdb"
  in_background prometheus prometheus --config.file="$PLACE/prometheus.yml" --storage.tsdb.path="$PLACE/tsdb" \
    --web.listen-address="127.0.0.1:$(port_of prometheus)"
  until_true 60 prometheus curl -sf "http://127.0.0.1:$(port_of prometheus)/-/ready"
}

watch_settings() {
  local here
  here="$PWD/deploy/prometheus"
  sed -e 's/_interval: 15s/_interval: 1s/' \
    -e "s|^rule_files: .*|rule_files: [$here/recording.yml, $here/alerts.yml]|" \
    -e "s/engine-1:8080/127.0.0.1:$(port_of node-1)/; s/engine-2:8080/127.0.0.1:$(port_of node-2)/" \
    -e "s/blackbox:9115/127.0.0.1:$(port_of blackbox)/" \
    -e "s/postgres-exporter:9187/127.0.0.1:$(port_of postgres)/" \
    -e "s/rabbitmq:15692/127.0.0.1:$(port_of broker-metrics)/" "$here/prometheus.yml"
}
