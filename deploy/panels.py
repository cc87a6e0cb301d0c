"""The dashboards, as Grafana would ask Prometheus for them, and the series that each query must return."""

import json
import pathlib
import re

DASHBOARDS = pathlib.Path(__file__).resolve().parent / "grafana/dashboards"

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? ")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SELECTOR = re.compile(r"\b((?:lethe|process)_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
IN_LEGEND = re.compile(r"\{\{(\w+)\}\}")
VALUES = re.compile(r"label_values\((.+), (\w+)\)")
# Such a query returns only what needs a look.
FILTERED = re.compile(r" (>|<|==) \d+$")

# Rates look back over the whole run.
WINDOW = "5m"


class Board:
    """A dashboard from its file."""

    def __init__(self, path):
        board = json.loads(path.read_text())
        self.title, self.uid = board["title"], board["uid"]
        self.panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        self.annotations = board["annotations"]["list"]
        self.variables = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]

    def all(self):
        """Returns the values of the variables before anybody has chosen."""
        return {variable["name"]: variable["allValue"] for variable in self.variables}


def boards():
    return [Board(path) for path in sorted(DASHBOARDS.glob("*.json"))]


def put_in(expression, chosen):
    """Puts in the values of variables."""
    for name, value in {"__rate_interval": WINDOW, "__range": WINDOW, **chosen}.items():
        expression = expression.replace(f"${name}", value)
    return expression


class Scraped:
    """The samples of a run, with the labels that Prometheus adds for each of `targets`."""

    def __init__(self, text, targets):
        found = filter(None, map(SAMPLE.match, text.splitlines()))
        samples = [(name, dict(LABEL.findall(labels or ""))) for name, labels in (match.groups() for match in found)]
        self.samples = [(name, labels | target) for name, labels in samples for target in targets]

    def values(self, selector, label):
        """Returns the values of a label among the series that a selector selects."""
        name, matchers = SELECTOR.fullmatch(selector if "{" in selector else selector + "{}").groups()
        return {labels[label] for labels in self.selected(name, matchers)}

    def expected(self, expression, legend):
        """Returns the labels in the legends of the series that a query must return: a line for each."""
        shown = IN_LEGEND.findall(legend)
        if not shown:
            return {()}
        name, matchers = SELECTOR.search(expression).groups()
        return {tuple(labels[label] for label in shown) for labels in self.selected(name, matchers)}

    def selected(self, name, matchers):
        matchers = MATCHER.findall(matchers)
        return [
            labels
            for sample, labels in self.samples
            if sample == name and all(fits(labels.get(label, ""), *how) for label, *how in matchers)
        ]


def fits(value, operator, wanted):
    if operator == "=~":
        return re.fullmatch(wanted, value) is not None
    return (value == wanted) == (operator == "=")


def shown(series, legend):
    """Returns the labels in the legends of the series that Prometheus returned."""
    return [tuple(one["metric"].get(label, "") for label in IN_LEGEND.findall(legend)) for one in series]
