"""Renders the Helm chart with Helm itself, and checks what it makes: against Kubernetes' schemas, and against what this
repository promises of containers. No cluster is needed, and none is asked. Needs `helm` and `promtool`; deploy/check calls it."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/helm/lethe"
# The oldest version that Chart.yaml allows, and the newest with schemas.
VERSIONS = ("1.29.0", "1.37.0")
# Their operators define these; no schema of Kubernetes has them.
OPERATORS = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
# What each set of values has to make.
MADE = {
    "ci/least.yaml": {"ConfigMap": 2, "Deployment": 2, "Service": 2, "Job": 1, "PodDisruptionBudget": 2, "NetworkPolicy": 2},
    "ci/all.yaml": {
        "ConfigMap": 3,
        "Deployment": 2,
        "Service": 2,
        "Job": 1,
        "PodDisruptionBudget": 2,
        "NetworkPolicy": 2,
        "HorizontalPodAutoscaler": 1,
        "ServiceMonitor": 2,
        "PrometheusRule": 1,
    },
    "ci/other.yaml": {"Deployment": 2, "Service": 2, "Job": 1, "ScaledObject": 1},
}

problems = []


def expect(fine, problem):
    if not fine:
        problems.append(f"helm: {problem}")


def helm(*arguments):
    done = subprocess.run(["helm", *arguments], cwd=CHART, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def check_values():
    """Templates name only values that there are: Helm takes a misspelt one for nothing. And the schema refuses such a one."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for template in sorted((CHART / "templates").iterdir()):
        for path in re.findall(r"\.Values\.([\w.]+)", template.read_text()):
            found = values
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            expect(found is not None, f"{template.name}: there is no value {path}")
    jsonschema.Draft7Validator.check_schema(json.loads((CHART / "values.schema.json").read_text()))
    for wrong in ("api.replica=3", "worker.autoscaling.kind=vpa", "api.replicas=0"):
        expect(helm("lint", ".", "--values", "ci/least.yaml", "--set", wrong)[0] != 0, f"the schema takes {wrong}")
    status, _, error = helm("template", "lethe", ".")
    expect(status != 0 and "secrets.shared" in error, f"pods without their files are not refused: {error}")
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    expect(chart["appVersion"] == chart["version"] == version, f"the chart is not of version {version}")


def render(values):
    status, said, error = helm("lint", "--strict", ".", "--values", values)
    expect(status == 0, f"lint {values}: {said}{error}")
    status, text, error = helm("template", "lethe", ".", "--namespace", "erase", "--values", values)
    expect(status == 0, f"template {values}: {error}")
    return [document for document in yaml.safe_load_all(text) if document]


def check_objects(objects, say):
    kinds = [one["kind"] for one in objects]
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    expect(len(names) == len(set(names)), f"{say}: a name is there twice: {names}")
    for one in objects:
        if one["kind"] in OPERATORS:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                expect(False, f"{say}: {one['kind']} {one['metadata']['name']}: {version}: {error.message}")
    pods = {one["metadata"]["name"]: one["spec"]["template"] for one in objects if one["kind"] in ("Deployment", "Job")}
    for name, pod in pods.items():
        check_pod(pod, set(names), f"{say}: {name}")
    for one in objects:
        check_references(one, pods, f"{say}: {one['kind']} {one['metadata']['name']}")
    return {kind: kinds.count(kind) for kind in kinds}


def check_pod(pod, names, say):
    spec = pod["spec"]
    security = spec["securityContext"]
    expect(security["runAsNonRoot"] and security["runAsUser"] > 0, f"{say}: runs as root")
    expect(security["seccompProfile"]["type"] == "RuntimeDefault", f"{say}: may call all of the kernel")
    expect(spec["automountServiceAccountToken"] is False, f"{say}: has a token for the cluster")
    # Kubernetes' own variables of a Service `lethe-api` begin with LETHE_: Lethe refuses settings that it does not know.
    expect(spec["enableServiceLinks"] is False, f"{say}: gets variables of Services")
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for volume in volumes.values():
        if "configMap" in volume:
            expect(("ConfigMap", volume["configMap"]["name"]) in names, f"{say}: {volume} is not there")
        expect("secret" not in volume or volume["secret"]["defaultMode"] == 0o440, f"{say}: {volume} can be read by others")
    (container,) = spec["containers"]
    security = container["securityContext"]
    expect(security["readOnlyRootFilesystem"] is True, f"{say}: its root filesystem can be written")
    expect(security["allowPrivilegeEscalation"] is False, f"{say}: may gain privileges")
    expect(security["capabilities"]["drop"] == ["ALL"], f"{say}: keeps capabilities")
    expect("memory" in container["resources"]["limits"], f"{say}: may take all memory")
    expect({mount["name"] for mount in container["volumeMounts"]} == volumes.keys(), f"{say}: a volume is not mounted")
    if container["args"] != ["migrate"]:
        expect({"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), f"{say}: has no probes")
    # A secret reaches the role that it is for, and no other.
    role = pod["metadata"]["labels"]["app.kubernetes.io/component"]
    secrets = {name.removeprefix("secrets-") for name in volumes if name.startswith("secrets-")}
    expect(secrets <= {"shared", role}, f"{say}: gets the secrets of {secrets}")


def check_references(one, pods, say):
    """What selects pods, or scales them, finds some."""
    spec = one.get("spec", {})
    selector = {"Service": spec.get("selector"), "NetworkPolicy": spec.get("podSelector"), "Deployment": spec.get("selector")}
    selector |= {"PodDisruptionBudget": spec.get("selector"), "ServiceMonitor": spec.get("selector")}
    if one["kind"] in selector:
        wanted = selector[one["kind"]]
        wanted = wanted.get("matchLabels", wanted).items()
        found = [name for name, pod in pods.items() if wanted <= pod["metadata"]["labels"].items()]
        expect(len(found) == 1, f"{say}: selects {found}")
    if "scaleTargetRef" in spec:
        expect(spec["scaleTargetRef"]["name"] in pods, f"{say}: scales what is not there")
    if one["kind"] == "PrometheusRule":
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as rules:
            yaml.safe_dump(spec, rules)
            rules.flush()
            done = subprocess.run(["promtool", "check", "rules", rules.name], capture_output=True, text=True)
        expect(done.returncode == 0, f"{say}: {done.stdout}{done.stderr}")
        alerts = (CHART / "files/alerts.yml").read_text().count("- alert:")
        rules = [rule for group in spec["groups"] for rule in group["rules"]]
        expect(sum("alert" in rule for rule in rules) == alerts, f"{say}: not all {alerts} alerts")


check_values()
total = 0
for values, wanted in MADE.items():
    objects = render(values)
    made = check_objects(objects, values)
    expect(made == wanted, f"{values}: makes {made}")
    total += len(objects)
for problem in problems:
    print(problem, file=sys.stderr)
if problems:
    sys.exit(1)
print(f"helm: {total} objects of {len(MADE)} sets of values fit Kubernetes {' and '.join(VERSIONS)}; no cluster has run them")
