"""Checks a scrape of a running agent, and docs/grafana.json, docs/alerts.yml and docs/metrics.md against it.

python3 .ci/prometheus/check.py PROMTOOL

The agent is that of the demo. Everything that is started ends with this program.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

DOCS = "docs"
# How long building and starting the demo may take, and then how long until its till has sold something.
START_SECONDS = 600
SALE_SECONDS = 60
STOP_SECONDS = 60
# What Grafana fills in.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
# Labels whose values are not a closed set of the agent's.
OPEN_LABELS = {"instance", "job", "le"}


class Failed(Exception):
    """A check failed; the text says which and why."""


def main(promtool):
    with tempfile.TemporaryDirectory() as folder:
        check = Check(promtool, folder)
        check.sees_what_is_wrong()
        scrape = scrape_of_the_demo()
        check.scrape(scrape)
        check.rules_and_config()
        known = Known(scrape)
        expressions = dashboard() + alerts()
        check.expressions([text for _, text in expressions])
        for place, text in expressions:
            known.expect(place, text)
        print(f"{len(known.names)} series names, {len(expressions)} expressions")


class Check:
    """Calls promtool, with files in a folder of its own."""

    def __init__(self, promtool, folder):
        self.promtool = promtool
        self.folder = folder

    def run(self, *arguments, text=None):
        done = subprocess.run(
            [self.promtool, *arguments], input=text, text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            said = done.stdout + done.stderr
            raise Failed(f"promtool {' '.join(arguments)} ({done.returncode}):\n{said}")

    def scrape(self, text):
        if not text.endswith("# EOF\n"):
            raise Failed(f"the scrape has no end:\n{text}")
        self.run("check", "metrics", text=classic(text))

    def expressions(self, texts):
        rules = [{"record": f"check:{n}", "expr": text} for n, text in enumerate(texts)]
        path = os.path.join(self.folder, "expressions.yml")
        with open(path, "w", encoding="utf-8") as file:
            # JSON is YAML.
            json.dump({"groups": [{"name": "check", "rules": rules}]}, file)
        self.run("check", "rules", path)

    def rules_and_config(self):
        for name in ["alerts.yml", "alerts.test.yml"]:
            shutil.copy(os.path.join(DOCS, name), self.folder)
        self.run("check", "rules", os.path.join(self.folder, "alerts.yml"))
        self.run("test", "rules", os.path.join(self.folder, "alerts.test.yml"))
        tested = set(re.findall(r"alertname: (\w+)\n *exp_alerts:\n", read("alerts.test.yml")))
        described = set(re.findall(r"^\| `(ShopMaster\w+)` \|", read("metrics.md"), re.M))
        named = set(re.findall(r"alert: (\w+)", read("alerts.yml")))
        if not named or named != tested or named != described:
            raise Failed(f"alerts {sorted(named)}, tested {sorted(tested)}, described {sorted(described)}")
        configs = re.findall(r"```yaml\n(.*?)```", read("metrics.md"), re.S)
        if not configs:
            raise Failed("metrics.md has no configuration of Prometheus")
        for config in configs:
            path = os.path.join(self.folder, "prometheus.yml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
            self.run("check", "config", path)

    def sees_what_is_wrong(self):
        """A check that accepts everything is none."""
        good = (
            "# HELP a_total A.\n# TYPE a_total counter\n"
            'a_total{x="y"} 1\n# HELP b B.\n# TYPE b gauge\n# EOF\n'
        )
        known = Known(good)
        known.expect("here", 'rate(a_total{x=~"y"}[5m]) + b')
        for wrong in [
            lambda: self.scrape(good.replace("a_total{", "a_total {{")),
            lambda: self.scrape("# TYPE a gauge\na 1\n# EOF\n"),
            lambda: self.expressions(["sum(rate(a_total[5m])"]),
            lambda: known.expect("here", "c + 1"),
            lambda: known.expect("here", 'a_total{x="z"}'),
            lambda: known.expect("here", 'a_total{z="y"}'),
            lambda: known.expect("here", 'b{code="NO_SUCH_CODE"}'),
        ]:
            try:
                wrong()
            except Failed:
                continue
            raise Failed("this check is blind")


def classic(text):
    """OpenMetrics names the family of a counter without `_total`; promtool reads the classic format, which has it."""
    counters = re.findall(r"^# TYPE (\S+) counter$", text, re.M)
    for name in counters:
        if not name.endswith("_total"):
            text = re.sub(rf"^# (HELP|TYPE) {name} ", rf"# \1 {name}_total ", text, flags=re.M)
    return text


class Known:
    """The series of a scrape."""

    def __init__(self, scrape):
        self.names = set(re.findall(r"^# TYPE (\S+) gauge$", scrape, re.M))
        self.labels = {}
        # An issue that is not there now has no series.
        self.codes = set(re.findall(r"`([A-Z_]+)`", read("issues.md")))
        for name, inside in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", scrape, re.M):
            self.names.add(name)
            labels = self.labels.setdefault(name, {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', inside):
                labels.setdefault(label, set()).add(value)

    def expect(self, place, expression):
        """Every series that the expression names is in the scrape, with the values of its matchers."""
        for name, matchers in series(expression):
            if name not in self.names:
                raise Failed(f"{place}: no `{name}` in the scrape")
            for label, values in re.findall(r'(\w+)\s*=~?\s*"([^"]*)"', matchers):
                if label in OPEN_LABELS:
                    continue
                have = self.codes if label == "code" else self.labels.get(name, {}).get(label, set())
                for value in values.split("|"):
                    if value not in have:
                        raise Failed(f'{place}: no `{name}{{{label}="{value}"}}` in the scrape')


# Words of PromQL before which no series is meant.
WORDS = {"by", "on", "unless", "and", "or", "without", "ignoring", "group_left", "group_right"}


def series(expression):
    """The names of series in an expression, each with its matchers."""
    # Lists of labels are no series.
    text = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", expression)
    for found in re.finditer(r"(?<![\w\"])([a-z_]\w*)(\{[^}]*\})?(\s*\()?", strip_texts(text)):
        name, matchers, call = found.groups()
        if call or name in WORDS:
            continue
        start, end = found.span(2)
        yield name, text[start:end] if matchers else ""


def strip_texts(text):
    """The same text, as long, with nothing inside of its quotes, brackets and units."""
    text = re.sub(r'"[^"]*"', lambda found: '"' + " " * (len(found[0]) - 2) + '"', text)
    text = re.sub(r"\{[^}]*\}", lambda found: "{" + " " * (len(found[0]) - 2) + "}", text)
    return re.sub(r"\[[^]]*\]", lambda found: " " * len(found[0]), text)


def dashboard():
    """The expressions of the dashboard, each with its place."""
    found = []

    def walk(node, place):
        if isinstance(node, dict):
            place = node.get("title", node.get("name", place))
            for key, value in node.items():
                if key in ("expr", "query") and isinstance(value, str):
                    found.append((f"grafana.json, {place}", value))
                else:
                    walk(value, place)
        elif isinstance(node, list):
            for value in node:
                walk(value, place)

    walk(json.loads(read("grafana.json")), "")
    # The data source's own query is its kind.
    queries = [(place, filled(place, text)) for place, text in found if text != "prometheus"]
    if len(queries) < 20:
        raise Failed(f"only {len(queries)} expressions in grafana.json")
    return queries


def filled(place, text):
    """The expression as Grafana sends it."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    if "$" in text:
        raise Failed(f"{place}: a variable that is not known: {text}")
    # `label_values` is Grafana's own; what it asks is a series.
    return re.sub(r"^label_values\((\w+), *\w+\)$", r"\1", text)


def alerts():
    """The expressions of the alerts, each with its place. `up` is Prometheus's own."""
    text = read("alerts.yml")
    found = re.findall(r"- alert: (\w+)\n +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", text)
    if len(found) != text.count("- alert:"):
        raise Failed("not every alert has an expression that this check can read")
    expressions = [(f"alerts.yml, {name}", " ".join((folded or line).split())) for name, folded, line in found]
    return [(place, text) for place, text in expressions if not text.startswith("up{")]


def read(name):
    with open(os.path.join(DOCS, name), encoding="utf-8") as file:
        return file.read()


def scrape_of_the_demo():
    """What an agent serves that has uploaded a shop and sent a sale."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # First, because it may take long. It is ended with this program, too.
    build = ["cargo", "build", "--quiet", "--locked", "-p", "shopmaster-harness", "--bin", "demo"]
    subprocess.run(build, check=True)
    environment = dict(os.environ, SHOPMASTER_METRICS__LISTEN=f"127.0.0.1:{port}")
    with tempfile.TemporaryFile() as output, running(
        ["cargo", "demo", "--headless"], environment, output
    ) as demo:

        def get():
            if demo.poll() is not None:
                output.seek(0)
                raise Failed(f"the demo ended:\n{output.read().decode(errors='replace')}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                text = answer.read().decode()
                kind = answer.getheader("Content-Type", "")
                if answer.status != 200 or not kind.startswith("application/openmetrics-text;"):
                    raise Failed(f"{answer.status} {kind}: {text}")
                return text
            return None

        wait("the demo's agent serves metrics", START_SECONDS, get)
        return wait("the demo's till has sold something", SALE_SECONDS, lambda: sold(get()))


def sold(scrape):
    """The scrape, if a change has reached Digible by then."""
    count = re.search(r"^shopmaster_change_to_cloud_seconds_count (\d+)", scrape or "", re.M)
    return scrape if count and int(count[1]) > 0 else None


def wait(what, seconds, attempt):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = attempt()
        if result:
            return result
        time.sleep(0.2)
    raise Failed(f"not within {seconds} seconds: {what}")


@contextlib.contextmanager
def running(command, environment, output):
    """A program and what it starts, until the end of the block."""
    process = subprocess.Popen(
        command, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def interrupted(number, _frame):
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        main(sys.argv[1])
    except Failed as failure:
        sys.exit(f"metrics: {failure}")
