"""The parts that the dashboards share: queries, panels, variables, annotations and links."""

import metrics
from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.models import common, dashboard

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")

JOB = 'job=~"$job"'
INSTANCE = 'instance=~"$instance"'
TARGET = 'target=~"$target"'

# Grafana makes it at least four scrapes long.
RATE = "$__rate_interval"

# A grid row has 24 columns.
WIDE, HALF, THIRD, SIXTH = 24, 12, 8, 4


def service(metric, *matchers):
    """Selects a number of the service, which is the same on every API: take `max`."""
    return f"{metric}{{{', '.join([JOB, *matchers])}}}"


def process(metric, *matchers):
    """Selects a number of the processes: take `sum`, or name the instance in the legend."""
    return service(metric, INSTANCE, *matchers)


def rate(selected):
    return f"rate({selected}[{RATE}])"


def quantile(share, histogram, *by, matchers=()):
    """Returns a quantile of a histogram, for each value of the labels `by`."""
    buckets = rate(process(f"{histogram}_bucket", *matchers))
    return f"histogram_quantile({share}, sum by ({', '.join([*by, 'le'])}) ({buckets}))"


def quantiles(histogram):
    """Returns the queries of the median and of the 99th percentile."""
    return (quantile(0.5, histogram), "p50"), (quantile(0.99, histogram), "p99")


def number(title, description, unit, query, *, red_from=None, name=None):
    """Returns a panel with one number. `red_from`: the least value that needs attention."""
    steps = [dashboard.Threshold(color="text")]
    if red_from is not None:
        steps = [dashboard.Threshold(color="green"), dashboard.Threshold(value=red_from, color="red")]
    panel = stat.Panel().with_target(target("A", query, name or title).instant())
    panel.thresholds(build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
    panel.reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"])).graph_mode(common.BigValueGraphMode.NONE)
    return placed(panel, title, description, unit, SIXTH, 4)


def lines(title, description, unit, *queries, span=THIRD, stacked=False, most=None, links=()):
    """Returns a panel with a line for each series. A query is an expression with its legend."""
    panel = timeseries.Panel().fill_opacity(25 if stacked else 8).show_points(common.VisibilityMode.NEVER).min(0)
    for n, (expression, legend) in enumerate(queries):
        panel.with_target(target(chr(ord("A") + n), expression, legend).range())
    if stacked:
        panel.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL))
    if most is not None:
        panel.max(most)
    if links:
        panel.data_links(list(links))
    legend = options.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    panel.legend(legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"]))
    panel.tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    return placed(panel, title, description, unit, span, 8)


def placed(panel, title, description, unit, span, height):
    return panel.title(title).description(description).unit(unit).datasource(SOURCE).span(span).height(height)


def target(name, expression, legend):
    return prometheus.Dataquery().ref_id(name).expr(expression).legend_format(legend).datasource(SOURCE)


def to_job():
    """Returns the link from a job's line to its page in the console."""
    url = f"${{console}}/console/jobs/${{__field.labels.{metrics.JOB_ID}}}"
    return build.DashboardLink("This job in the console").url(url).target_blank(True)


def board(uid, title, description, rows, *, by_target=True):
    """Returns a dashboard. `rows` are titles, each with its panels."""
    made = build.Dashboard(title).uid(uid).description(description).tags(["lethe"]).editable()
    made.refresh("30s").time("now-1h", "now").tooltip(dashboard.DashboardCursorSync.CROSSHAIR).timezone("browser")
    made.variables(variables(by_target)).annotations([deployments(), pauses(by_target)]).links(links())
    number = 0
    for row, panels in rows:
        number += 1
        made.with_row(build.Row(row).id(number))
        for panel in panels:
            number += 1
            made.with_panel(panel.id(number))
    return made.build()


def variables(by_target):
    """Returns the choices at the head of a dashboard: the data source, and what to show of it."""
    source = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    chosen = [
        source,
        choice("job", "Job", metrics.BUILD, "job"),
        choice("instance", "Instance", f"{metrics.BUILD}{{{JOB}}}", "instance"),
    ]
    if by_target:
        chosen.append(choice("target", "Target", service(metrics.PAUSED), "target"))
    console = build.TextBoxVariable("console").label("Console").default_value("http://127.0.0.1:7878")
    return [*chosen, console.description("The address of an API. Links to the console begin with it.")]


def choice(name, label, selected, of):
    every = dashboard.VariableOption(text="All", value="$__all", selected=True)
    made = build.QueryVariable(name).label(label).query(f"label_values({selected}, {of})").datasource(SOURCE)
    made.multi(True).include_all(True).all_value(".+").current(every)
    return made.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(dashboard.VariableSort.ALPHABETICAL_ASC)


class Annotation(build.AnnotationQuery):
    """An annotation with a title, which the SDK's model does not have."""

    def __init__(self, name, expression, title):
        super().__init__()
        self.name(name).datasource(SOURCE).enable(True).expr(expression)
        self.title = title

    def build(self):
        made, title = super().build(), self.title
        without = made.to_json
        made.to_json = lambda: {**without(), "titleFormat": title}
        return made


def deployments():
    versions = f"count by (version) ({service(metrics.BUILD)})"
    new = f"{versions} unless count by (version) ({service(metrics.BUILD)} offset 5m)"
    return Annotation("Deployments", new, "Version {{version}}").icon_color("blue")


def pauses(by_target):
    paused = service(metrics.PAUSED, *[TARGET] * by_target)
    return Annotation("Pauses", f"max by (target) ({paused}) == 1", "Paused: {{target}}").icon_color("orange")


def links():
    others = build.DashboardLink("Lethe").type(dashboard.DashboardLinkType.DASHBOARDS).tags(["lethe"])
    console = build.DashboardLink("Console").type(dashboard.DashboardLinkType.LINK).url("${console}/").icon("external link")
    return [others.include_vars(True).keep_time(True), console.target_blank(True)]
