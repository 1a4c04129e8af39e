"""Looks over what runs Herald, without running it: manifests.py KUBECTL

Each object keeps to the schema of its kind. Names that one file gives and another uses are the same: settings, ports,
labels, secrets, queues. What stops is given the time that it needs, and nothing may do more than it must.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as operator
from compose_spec import PyCompose

(KUBECTL,) = sys.argv[1:]
# The oldest that knows all that is used (preStop's sleep), and the newest that the validator has.
VERSIONS = ["1.30", "1.37"]
CUSTOM = {"ScaledObject": keda.ScaledObject, "TriggerAuthentication": keda.TriggerAuthentication, "ServiceMonitor": operator.ServiceMonitor}
SETTINGS = tomllib.loads(pathlib.Path("config/default.toml").read_text())
# What serve needs after its own time to shut down, in seconds (docs/operations.md).
LAST_COMMITS = 15
REQUIRED = {"database.url", "broker.url", "secrets.key"}

wrong = []


def check(right, complaint):
    if not right:
        wrong.append(complaint)


def setting(variable):
    """The setting that a variable sets, or nothing."""
    for name in (variable, variable.removesuffix("_FILE")):
        found = SETTINGS
        path = name.removeprefix("HERALD__").lower().split("__")
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, dict):
            return ".".join(path)
    return None


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


STOPPING = seconds(SETTINGS["engine"]["shutdown_deadline"]) + LAST_COMMITS


def variables(place, names, required=frozenset()):
    """That each variable sets a setting, and that all are set that must be."""
    ours = [name for name in names if name.startswith("HERALD__")]
    for name in ours:
        check(setting(name), f"{place}: {name} is no setting")
    missing = required - {setting(name) for name in ours}
    check(not missing, f"{place}: not set: {sorted(missing)}")


def by_schema(thing):
    name = f"{thing['kind']} {thing['metadata']['name']}"
    if model := CUSTOM.get(thing["kind"]):
        try:
            kept = json.loads(model.model_validate(thing).model_dump_json(by_alias=True, exclude_unset=True))
        except ValueError as mistake:
            wrong.append(f"{name}: {mistake}")
            return
        # The models pass over what they do not know.
        check(kept == thing, f"{name}: a field that its kind has not, or of another type: {difference(thing, kept)}")
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except Exception as mistake:
            wrong.append(f"{name}, Kubernetes {version}: {str(mistake).splitlines()[0]}")


def difference(given, kept, path=""):
    if isinstance(given, dict) and isinstance(kept, dict):
        for key in given.keys() | kept.keys():
            if given.get(key) != kept.get(key):
                return difference(given.get(key), kept.get(key), f"{path}/{key}")
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for at, (one, other) in enumerate(zip(given, kept)):
            if one != other:
                return difference(one, other, f"{path}/{at}")
    return f"{path}: {given} is read as {kept}"


class Cluster:
    """What `kubectl apply -k deploy/kubernetes/example` would send."""

    def __init__(self):
        run = subprocess.run([KUBECTL, "kustomize", "deploy/kubernetes/example"], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"error: deploy/kubernetes/example: {run.stderr.strip()}")
        self.things = list(yaml.safe_load_all(run.stdout))

    def all(self, kind):
        return [thing for thing in self.things if thing["kind"] == kind]

    def one(self, kind):
        (thing,) = self.all(kind)
        return thing


def kubernetes():
    cluster = Cluster()
    for thing in cluster.things:
        by_schema(thing)
        check(thing["metadata"]["namespace"] == "herald", f"{thing['kind']}: in no namespace")
    check(not cluster.all("Secret"), "deploy/kubernetes: a secret is written out")
    nodes, job, service = cluster.one("Deployment"), cluster.one("Job"), cluster.one("Service")
    settings = cluster.one("ConfigMap")
    template = nodes["spec"]["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    (container,) = pod["containers"]
    for one in (nodes, job):
        least_rights(one["kind"], one["spec"]["template"]["spec"])
    the_nodes(nodes, pod, container, settings)
    selectors = [
        (nodes["spec"]["selector"], "Deployment"),
        (cluster.one("PodDisruptionBudget")["spec"]["selector"], "PodDisruptionBudget"),
        (cluster.one("NetworkPolicy")["spec"]["podSelector"], "NetworkPolicy"),
        ({"matchLabels": service["spec"]["selector"]}, "Service"),
        *((one["labelSelector"], "topology") for one in pod["topologySpreadConstraints"]),
    ]
    for selector, whose in selectors:
        check(selector["matchLabels"].items() <= labels.items(), f"{whose}: selects no node")
    job_labels = job["spec"]["template"]["metadata"]["labels"]
    check(not nodes["spec"]["selector"]["matchLabels"].items() <= job_labels.items(), "Deployment: takes the Job for a node")
    check(not service["spec"]["selector"].items() <= job_labels.items(), "Service: takes the Job for a node")
    check(job["spec"]["template"]["spec"]["containers"][0]["image"] == container["image"], "Job: another image than the nodes'")
    the_ports(cluster, container, settings["data"], service)
    the_scaling(cluster, nodes)


def least_rights(name, pod):
    check(pod.get("automountServiceAccountToken") is False, f"{name}: has a token of the cluster's")
    of_pod = pod["securityContext"]
    check(of_pod.get("runAsNonRoot") and of_pod.get("runAsUser") == user_of_the_image(), f"{name}: not the user of the image")
    check(of_pod.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name}: no seccomp profile")
    for container in pod["containers"]:
        own = container["securityContext"]
        kept = own.get("readOnlyRootFilesystem"), own.get("allowPrivilegeEscalation"), own["capabilities"].get("drop")
        check(kept == (True, False, ["ALL"]), f"{name}: may write, rise or has capabilities")
        check("memory" in container["resources"]["limits"] and container["resources"]["requests"], f"{name}: no requests or limits")
        check("cpu" not in container["resources"]["limits"], f"{name}: a limit for the processor makes a node look dead")
        files = [value["value"] for value in container.get("env", []) if value["name"].endswith("_FILE")]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        there = {
            f"{path}/{item['path']}"
            for path, volume in mounts.items()
            for one in pod["volumes"]
            if one["name"] == volume
            for item in one["secret"]["items"]
        }
        check(set(files) <= there, f"{name}: no such secret: {sorted(set(files) - there)}")
        variables(name, [value["name"] for value in container.get("env", [])])


def the_nodes(nodes, pod, container, settings):
    names = {*settings["data"], *(one["name"] for one in container["env"])}
    variables("Deployment", names, REQUIRED)
    check(container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}], "Deployment: not the settings' map")
    files = {value for name, value in settings["data"].items() if name.endswith("_FILE")}
    secrets = {f"{container['volumeMounts'][0]['mountPath']}/{item['path']}" for item in pod["volumes"][0]["secret"]["items"]}
    check(files == secrets, f"Deployment: files of secrets: {sorted(files ^ secrets)}")
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    check(pod["terminationGracePeriodSeconds"] >= waits + STOPPING, f"Deployment: is killed before {waits + STOPPING} s")
    check(nodes["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, "Deployment: fewer nodes during an update")
    paths = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    check(paths == ["/livez", "/livez", "/readyz"], f"Deployment: probes ask {paths}")
    check({container[one]["httpGet"]["port"] for one in ("livenessProbe", "readinessProbe")} == {"metrics"}, "Deployment: probes' port")


def the_ports(cluster, container, settings, service):
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    bound = {name: int(settings[variable].rsplit(":", 1)[1]) for name, variable in (("http", "HERALD__HTTP__BIND"), ("metrics", "HERALD__HTTP__METRICS_BIND"))}
    check(ports == bound, f"Deployment: ports {ports}, and nodes listen on {bound}")
    check({one["targetPort"] for one in service["spec"]["ports"]} == set(ports), "Service: other ports than the nodes'")
    policy = cluster.one("NetworkPolicy")["spec"]
    admitted = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    check(admitted == set(ports), f"NetworkPolicy: admits to {admitted}")
    check(policy["policyTypes"] == ["Ingress", "Egress"], "NetworkPolicy: not both ways")
    monitor = cluster.one("ServiceMonitor")["spec"]
    labels = service["metadata"]["labels"]
    check(monitor["selector"]["matchLabels"].items() <= labels.items(), "ServiceMonitor: selects no service")
    check({one["port"] for one in monitor["endpoints"]} <= {one["name"] for one in service["spec"]["ports"]}, "ServiceMonitor: no such port")
    check(labels[monitor["jobLabel"]] == "herald", "ServiceMonitor: the rules know the job as herald")


def the_scaling(cluster, nodes):
    scaled = cluster.one("ScaledObject")["spec"]
    check(scaled["scaleTargetRef"]["name"] == nodes["metadata"]["name"], "ScaledObject: of no deployment")
    check("replicas" not in nodes["spec"], "Deployment: a number of nodes that KEDA decides")
    check(scaled["minReplicaCount"] >= 2, "ScaledObject: fewer than two nodes")
    (trigger,) = scaled["triggers"]
    queues = {f"herald.{channel}.{priority}" for channel in ("email", "sms", "push", "in_app", "chat") for priority in ("urgent", "high", "normal", "low")}
    others = {"herald.events", "herald.rejected", "herald.notifications", "herald.email.normal.old", "xherald.email.normal"}
    counted = {name for name in queues | others if re.search(trigger["metadata"]["queueName"], name)}
    check(counted == queues, f"ScaledObject: counts {sorted(counted ^ queues)} wrongly")
    check(trigger["authenticationRef"]["name"] == cluster.one("TriggerAuthentication")["metadata"]["name"], "ScaledObject: no such login")


def dockerfile():
    return pathlib.Path("Dockerfile").read_text().split("\nFROM ")[-1]


def user_of_the_image():
    user = re.search(r"^USER (\d+):\d+$", dockerfile(), re.M)
    return int(user[1]) if user else None


def image():
    text = dockerfile()
    check(user_of_the_image() not in (None, 0), "Dockerfile: the user is no number, or root")
    check(f"--uid {user_of_the_image()} " in text, "Dockerfile: the user is another than the one that is made")
    check("HEALTHCHECK" in text and "/livez" in text, "Dockerfile: no health check")
    for command in ("ENTRYPOINT", "CMD"):
        check(re.search(rf'^{command} \["', text, re.M), f"Dockerfile: {command} needs a shell")
    check(not re.search(r"^(VOLUME|ADD) ", text, re.M), "Dockerfile: writes, or loads from elsewhere")
    variables("Dockerfile", re.findall(r"HERALD__\w+", text))


def compose():
    file = yaml.safe_load(pathlib.Path("compose.yaml").read_text())
    try:
        PyCompose.from_json(json.dumps(file))
    except ValueError as mistake:
        wrong.append(f"compose.yaml: {mistake}")
    services = file["services"]
    engines = {name: one for name, one in services.items() if one.get("image") == "herald"}
    check(len(engines) == 3, "compose.yaml: two nodes and a migration")
    for name, one in engines.items():
        variables(f"compose.yaml, {name}", one["environment"], REQUIRED)
        kept = one.get("read_only"), one.get("cap_drop"), one.get("security_opt")
        check(kept == (True, ["ALL"], ["no-new-privileges:true"]), f"compose.yaml, {name}: may write, rise or has capabilities")
        check(seconds(one["stop_grace_period"]) >= STOPPING, f"compose.yaml, {name}: is killed before {STOPPING} s")
    for name, one in services.items():
        check("build" in one or re.search(r":v?\d", one["image"]), f"compose.yaml, {name}: an image of no version")
        others = set(one.get("depends_on", []))
        check(others <= services.keys(), f"compose.yaml, {name}: there is no {sorted(others - services.keys())}")
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            there = pathlib.Path(source).exists() if source.startswith(".") else source in file["volumes"]
            check(there, f"compose.yaml, {name}: there is no {source}")
        for port in one.get("ports", []):
            check(port.startswith("127.0.0.1:"), f"compose.yaml, {name}: {port} is open to everybody")
    watched = set(re.findall(r"([\w-]+):\d{4,5}\b", re.sub(r"#.*", "", pathlib.Path("deploy/prometheus/prometheus.yml").read_text())))
    check(watched <= services.keys(), f"deploy/prometheus/prometheus.yml: compose.yaml has no {sorted(watched - services.keys())}")
    nodes = {name for name in engines if name != "migrate"}
    check(nodes <= watched, f"deploy/prometheus/prometheus.yml: does not ask {sorted(nodes - watched)}")
    source = yaml.safe_load(pathlib.Path("deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    check(source["datasources"][0]["url"] == "http://prometheus:9090", "deploy/grafana: another Prometheus")
    boards = yaml.safe_load(pathlib.Path("deploy/grafana/provisioning/dashboards/herald.yml").read_text())
    path = boards["providers"][0]["options"]["path"]
    check(any(f":{path}:" in volume for volume in services["grafana"]["volumes"]), f"deploy/grafana: {path} is not mounted")


def systemd():
    text = pathlib.Path("deploy/systemd/herald.service").read_text()
    said = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    check(int(said["TimeoutStopSec"]) >= STOPPING, f"herald.service: is killed before {STOPPING} s")
    for name, value in {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "DynamicUser": "yes", "CapabilityBoundingSet": "", "Restart": "on-failure"}.items():
        check(said.get(name) == value, f"herald.service: {name} is not {value}")
    named = re.findall(r"HERALD__\w+", text)
    variables("herald.service", named, REQUIRED)


for part in (kubernetes, image, compose, systemd):
    try:
        part()
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as missing:
        wrong.append(f"{part.__name__}: something that must be there is not: {missing!r}")
for line in wrong:
    print(f"error: {line}", file=sys.stderr)
print("manifests, image, compose.yaml and the unit looked over")
sys.exit(1 if wrong else 0)
