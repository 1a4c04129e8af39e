"""Asks a Prometheus every question of the dashboards and rules: questions.py URL [--broker]

An answer must be no error, and must hold something if there is anything that it is about. Each label that a legend
shows is there. The metrics are those of docs/operations.md, with their types, and the series that the rules' tests
make up have labels that real ones have.
"""

import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

PROMETHEUS = sys.argv[1]
BROKER = "--broker" in sys.argv
# Their series begin with the first event, and a small load has none.
LATER = {
    "herald_actor_restarts_total",
    "herald_provider_events_total",
    "herald_provider_events_unmatched_total",
    "ALERTS",
}
NAME = re.compile(r'\b(?:herald_\w+|rabbitmq_\w+|pg_\w+|ALERTS)\b(?![\w:]*")')
SUFFIX = re.compile(r"_(bucket|sum|count)$")
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*", "$channel": ".*", "$provider": ".*"}

wrong = []


def api(path, **query):
    url = f"{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(query, doseq=True)}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


def ask(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return api("query", query=expression)


def series(name):
    return api("series", **{"match[]": name}).get("data", [])


def until(what, limit=30):
    """Waits for something that must come; says what did not."""
    end = time.monotonic() + limit
    while missing := what():
        if time.monotonic() > end:
            sys.exit(f"error: still missing after {limit} s: {missing}")
        time.sleep(0.2)


def targets_that_are_not_up():
    targets = api("targets")["data"]["activeTargets"]
    wanted = [one for one in targets if BROKER or one["labels"]["job"] != "rabbitmq"]
    down = [f"{one['labels']['job']} {one['scrapeUrl']}: {one['lastError']}" for one in wanted if one["health"] != "up"]
    return down or (not wanted and "targets")


def recordings_without_a_value():
    groups = yaml.safe_load(pathlib.Path("deploy/prometheus/recording.yml").read_text())["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"]]
    return [name for name in names if not ask(f"{name} >= 0")["data"]["result"]]


def may_be_empty(expression):
    """Whether an answer may be empty: it is about something of which there is nothing yet."""
    names = set(NAME.findall(expression))
    return bool(names & LATER) or (not BROKER and any(name.startswith("rabbitmq_") for name in names))


def panel(place, expression, legend):
    answer = ask(expression)
    if answer["status"] != "success":
        wrong.append(f"{place}: {answer['error']}: {expression}")
        return
    result = answer["data"]["result"]
    numbers = [one for one in result if one["value"][1] != "NaN"]
    if may_be_empty(expression):
        return
    if not numbers:
        wrong.append(f"{place}: no answer: {expression}")
    for label in re.findall(r"{{(\w+)}}", legend):
        if numbers and not any(label in one["metric"] for one in numbers):
            wrong.append(f"{place}: no series has the label {label}, which the legend shows: {expression}")


def dashboard(file):
    board = json.loads(file.read_text())
    ids = [one["id"] for one in board["panels"]]
    if len(ids) != len(set(ids)):
        wrong.append(f"{file.name}: two panels have one id")
    asked = 0
    for one in board["panels"]:
        for target in one.get("targets", []):
            panel(f"{file.name}, {one['title']}", target["expr"], target["legendFormat"])
            asked += 1
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            if not api(f"label/{label}/values", **{"match[]": metric})["data"]:
                wrong.append(f"{file.name}: the variable {variable['name']} has no values")
            asked += 1
    return board["uid"], asked


def rules():
    found = [rule for group in api("rules")["data"]["groups"] for rule in group["rules"]]
    for rule in found:
        if rule["health"] != "ok":
            wrong.append(f"{rule['name']}: {rule.get('lastError', rule['health'])}")
        for name in set(NAME.findall(rule["query"])) - LATER:
            if not series(name) and (BROKER or not name.startswith("rabbitmq_")):
                wrong.append(f"{rule['name']}: there is no series {name}")
        for alert in rule.get("alerts", []):
            if alert["state"] == "firing" and (BROKER or "rabbitmq" not in rule["query"]):
                wrong.append(f"{rule['name']} fires, and nothing is wrong: {alert['annotations']['summary']}")
    return len(found)


def metrics_page():
    page = pathlib.Path("docs/operations.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    described = dict(re.findall(r"^\| `(herald_\w+)` \| (\w+) \|", page, re.M))
    told = {name: one[0]["type"] for name, one in api("metadata").get("data", {}).items() if name.startswith("herald_")}
    for name, kind in described.items():
        if name not in told and name not in LATER or told.get(name, kind) != kind:
            wrong.append(f"docs/operations.md: {name} is a {kind}, and a node tells {told.get(name, 'nothing of it')}")
    for name in told.keys() - described.keys():
        wrong.append(f"docs/operations.md: nothing about {name}")
    return len(described)


def series_of_the_tests():
    """That tests make up no label which real series have not."""
    made_up = set()
    for file in pathlib.Path("deploy/prometheus/tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            made_up |= {(file.name, one["series"]) for one in test["input_series"]}
    for file, text in sorted(made_up):
        name, labels = re.fullmatch(r"(\w+)(?:{(.*)})?", text).groups()
        labels = set(re.findall(r"(\w+)=", labels or ""))
        real = series(name)
        if real and not any(labels <= one.keys() for one in real):
            wrong.append(f"{file}: {text}: a real one has {sorted(real[0].keys())}")


until(targets_that_are_not_up)
until(recordings_without_a_value)
boards = [dashboard(file) for file in sorted(pathlib.Path("deploy/grafana/dashboards").glob("*.json"))]
if len({uid for uid, _ in boards}) != len(boards):
    wrong.append("two dashboards have one uid")
counts = sum(asked for _, asked in boards), rules(), metrics_page()
series_of_the_tests()
for line in wrong:
    print(f"error: {line}", file=sys.stderr)
print("%d questions of dashboards asked, %d rules evaluated, %d metrics compared with their page" % counts)
sys.exit(1 if wrong else 0)
