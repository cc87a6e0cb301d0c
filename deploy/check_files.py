"""Checks the compose file, the image, the dashboard and the alerts against each other and against
the metrics that Lethe has. Reads files only; deploy/check calls it."""

import pathlib
import re
import runpy
import sys

import yaml

from panels import boards

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
RUNBOOK = "docs/src/operate/runbook.md"
SERVICES = {"api", "worker", "postgres", "redis", "qdrant", "prometheus", "grafana"}
# Only the api, Prometheus and Grafana are published.
INSIDE = {"postgres", "redis", "qdrant", "collection"}
# `name:1`, `name:1.2` and `name:latest` are other images next month. A digest may follow.
PINNED = re.compile(r"^[a-z0-9./_-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?$")
METRIC = re.compile(r"\b(?:lethe|process)_[a-z_]+\b")

problems = []


def expect(fine, problem):
    if not fine:
        problems.append(problem)


def read(path):
    return (ROOT / path).read_text()


def check_compose():
    text = read("docker-compose.yml")
    # Compose fills in `$name` itself; what is for a shell is written `$$`.
    alone = re.sub(r"\$\$|\$\{[A-Z_]+:-[^}]*\}", "", text).count("$")
    expect(alone == 0, "compose: a variable without a default, or a shell's `$` that is not written `$$`")
    compose = yaml.safe_load(text)
    services = compose["services"]
    expect(SERVICES <= services.keys(), f"compose: missing {SERVICES - services.keys()}")
    waited_for = {
        name
        for service in services.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    used = set()
    internal = {name for name, network in compose["networks"].items() if (network or {}).get("internal") is True}
    for name, service in services.items():
        say = f"compose: {name}"
        networks = set(service.get("networks", []))
        expect(networks or service.get("network_mode") == "none", f"{say}: is on the network of all")
        expect(networks <= compose["networks"].keys(), f"{say}: is on a network that is not there")
        expect(name not in INSIDE or networks <= internal, f"{say}: can be reached from outside")
        expect(not service.get("ports") or networks - internal, f"{say}: publishes ports of an internal network")
        expect(PINNED.match(service["image"]), f"{say}: {service['image']} is not pinned")
        if service.get("restart") == "no":
            # `up --wait` takes the end of a container for a failure unless somebody waits for it.
            expect(name in waited_for, f"{say}: runs once, and nobody waits for its end")
        else:
            check_health(say, service)
        for other, how in service.get("depends_on", {}).items():
            expect(other in services, f"{say}: depends on {other}, which is not there")
            healthy = how["condition"] == "service_healthy"
            expect(not healthy or "healthcheck" in services[other], f"{say}: {other} has no health check")
        expect(service.get("read_only") is True, f"{say}: its root filesystem can be written")
        expect(service.get("cap_drop") == ["ALL"], f"{say}: keeps capabilities")
        expect("no-new-privileges:true" in service.get("security_opt", []), f"{say}: may gain privileges")
        limits = service["deploy"]["resources"]["limits"]
        expect({"cpus", "memory"} <= limits.keys(), f"{say}: has no limits")
        expect(0 < limits.get("pids", 0) <= 1000, f"{say}: may start any number of processes and threads")
        # Compose refuses to start with both, unless they are equal.
        expect("pids_limit" not in service, f"{say}: write pids_limit as deploy.resources.limits.pids")
        for port in service.get("ports", []):
            expect(port.startswith("127.0.0.1:"), f"{say}: {port} is published to everybody")
        for variable in service.get("environment", {}):
            secret = re.search("PASSWORD|SECRET|TOKEN|KEY", variable)
            expect(not secret or variable.endswith("_FILE"), f"{say}: {variable} may hold a secret")
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                expect((ROOT / source).exists(), f"{say}: {source} is not there")
                expect(mount.endswith(":ro"), f"{say}: {source} can be written")
            else:
                used.add(source)
    expect(used == compose["volumes"].keys(), f"compose: volumes {used ^ compose['volumes'].keys()}")
    expect(services["worker"]["deploy"]["replicas"] == "${LETHE_WORKERS:-2}", "compose: not two workers")
    version = re.search(r'^version = "(.+)"$', read("Cargo.toml"), re.M)[1]
    expect(services["api"]["image"] == f"lethe:{version}", f"compose: the image is not lethe:{version}")
    return services


def check_health(say, service):
    check = service.get("healthcheck", {})
    expect(check.get("test", [None])[0] == "CMD", f"{say}: has no health check")
    expect({"interval", "timeout", "retries"} <= check.keys(), f"{say}: its health check has no limits")


def check_image():
    text = read("Dockerfile")
    rust = re.search(r'^rust-version = "(.+)"$', read("Cargo.toml"), re.M)[1]
    images = re.findall(r"^FROM (\S+)", text, re.M)
    built_by, runs_on = (image.split("@")[0] for image in (images[0], images[-1]))
    expect(built_by.startswith(f"rust:{rust}.") and built_by.endswith("-bookworm"), f"image: built by {built_by}")
    # Bookworm is Debian 12: the same C library, or the binary does not start.
    expect(re.match(r"debian:12\.\d+-slim$", runs_on), f"image: runs on {runs_on}")
    expect(all(PINNED.match(image) for image in images), f"image: {images} are not pinned")
    user = re.findall(r"^USER (\S+)$", text, re.M)
    expect(user and user[-1].isdigit() and int(user[-1]) > 0, "image: runs as root")
    expect("--locked" in text, "image: the lock file does not bind")
    ignored = read(".dockerignore").split()
    expect("**/target" in ignored, "image: the target directory goes into the context")
    parts = ("common", "api", "worker", "edge", "cli")
    sources = [path for part in parts for path in (ROOT / part / "src").rglob("*.rs") if path.name != "tests.rs"]
    for source in sources:
        for included in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
            path = (source.parent / included).resolve().relative_to(ROOT)
            missing = path.parts[0] in ignored or str(path) in ignored
            expect(not missing, f"image: {path} is compiled in and not in the context")


def metrics():
    """Returns every series name there can be."""
    text = read("common/src/metrics/names.rs")
    named = dict(re.findall(r'const (\w+): &str = "(lethe_\w+)";', text))
    buckets = re.search(r"const BUCKETS:.*?= \[(.*?)\];", text, re.S)[1]
    names = set(named.values())
    for constant in re.findall(r"\((\w+),", buckets):
        names |= {named[constant] + suffix for suffix in ("_bucket", "_count", "_sum")}
    names |= {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
    for constant, name in runpy.run_path(DEPLOY / "grafana/mixin/metrics.py").items():
        if constant.isupper() and constant != "JOB_ID":
            expect(name in names and named.get(constant, name) == name, f"mixin: {constant} is {named.get(constant)}")
    return names


def check_dashboards(known):
    used, panels, uids = set(), 0, set()
    for board in boards():
        uids.add(board.uid)
        ids = [panel["id"] for panel in board.panels]
        expect(len(ids) == len(set(ids)), f"{board.title}: an id is there twice")
        for panel in board.panels:
            say = f"{board.title}: {panel['title']}"
            expect(panel.get("description"), f"{say}: has no description")
            expect(panel["fieldConfig"]["defaults"].get("unit"), f"{say}: has no unit")
            for target in panel["targets"]:
                names = set(METRIC.findall(target["expr"]))
                expect(names, f"{say}: shows nothing of Lethe's")
                expect(names <= known, f"{say}: there is no {names - known}")
                expect(target["legendFormat"] not in ("", "__auto"), f"{say}: has no legend")
                # Another data source, or another installation in the same one, must not be part of it.
                expect(target["datasource"]["uid"] == "${datasource}", f"{say}: cannot be asked elsewhere")
                jobs = target["expr"].count('job=~"$job"')
                expect(jobs == len(METRIC.findall(target["expr"])), f"{say}: does not select its job everywhere")
                used |= names
            panels += 1
        grid = [(cell, panel["title"]) for panel in board.panels for cell in cells(panel["gridPos"])]
        expect(len({cell for cell, _ in grid}) == len(grid), f"{board.title}: panels overlap")
    expect(len(uids) == len(boards()), f"dashboards: only {uids} are called differently")
    home = re.search(r"HOME_DASHBOARD_PATH: /etc/grafana/(\S+)", read("docker-compose.yml"))[1]
    expect((DEPLOY / "grafana" / home).exists(), f"compose: Grafana begins with {home}, which is not there")
    return panels, used


def cells(at):
    return [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]


def check_alerts(known):
    groups = yaml.safe_load(read("deploy/prometheus/alerts.yml"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    tests = yaml.safe_load(read("deploy/prometheus/alerts_test.yml"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    anchors = set(re.findall(r'<a id="([^"]+)">', read(RUNBOOK)))
    dashboards = {f"/d/{board.uid}" for board in boards()}
    for rule in rules:
        name = rule["alert"]
        say = f"alerts: {name}"
        names = set(METRIC.findall(rule["expr"]))
        expect(names <= known, f"{say}: there is no {names - known}")
        expect(rule["labels"]["severity"] in ("warning", "critical"), f"{say}: has no severity")
        told = {"summary", "description", "runbook_url", "dashboard_url"}
        expect(told == rule["annotations"].keys(), f"{say}: does not explain itself")
        expect(rule["annotations"]["dashboard_url"] in dashboards, f"{say}: its dashboard is not there")
        page, anchor = rule["annotations"]["runbook_url"].split("#")
        expect(page == RUNBOOK, f"{say}: its runbook is elsewhere")
        expect(anchor in anchors, f"{say}: the runbook has no anchor {anchor}")
        of_rule = [bool(case.get("exp_alerts")) for case in cases if case["alertname"] == name]
        expect(True in of_rule, f"{say}: no test shows it firing")
        expect(False in of_rule, f"{say}: no test shows it silent")
    return len(rules), len(cases)


services = check_compose()
check_image()
known = metrics()
panels, used = check_dashboards(known)
rules, cases = check_alerts(known)
for problem in problems:
    print(problem, file=sys.stderr)
if problems:
    sys.exit(1)
print(
    f"compose: {len(services)} services; dashboards: {panels} panels of {len(used)} metrics; "
    f"alerts: {rules} rules, {cases} cases"
)
