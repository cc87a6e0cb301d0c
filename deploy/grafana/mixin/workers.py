"""The dashboard *Workers and stores*: whether workers work, and whether their stores answer."""

import metrics as m
from parts import HALF, TARGET, board, lines, number, process, quantile, quantiles, rate, service


def workers():
    return board(
        "lethe-workers",
        "Lethe / Workers and stores",
        "Workers, the stores that they call, and the processes.",
        [
            ("Now", now()),
            ("Workers", work()),
            ("Stores and other dependencies", stores()),
            ("Processes", processes()),
        ],
    )


def now():
    down = process(m.DEPENDENCY_UP)
    return [
        number("Workers", "Workers that Prometheus reaches.", "short", f"count({process(m.LAST_CLAIM)})"),
        number("Partitions in progress", "Of all workers.", "short", f"sum({process(m.IN_PROGRESS)})"),
        number(
            "Longest since a claim",
            "Seconds since the ledger answered a worker. A free worker asks every second.",
            "s",
            f"max(time() - {process(m.LAST_CLAIM)})",
            red_from=300,
        ),
        number(
            "Dependencies down",
            "Pairs of a process and a dependency that does not answer it.",
            "short",
            f"sum(1 - {down})",
            red_from=1,
        ),
        number("Open breakers", "Stores that workers only probe.", "short", f"sum({process(m.BREAKER, TARGET)})", red_from=1),
        number(
            "Gone workers",
            "Workers of the last hour that report no more, did not stop in order, and were not replaced.",
            "short",
            f"max({service(m.WORKERS_GONE)})",
            red_from=1,
        ),
    ]


def work():
    return [
        lines("Partitions in progress", "By worker.", "short", (process(m.IN_PROGRESS), "{{job}} {{instance}}"), stacked=True),
        lines("Attempts per second", "At partitions.", "ops", (f"sum by (kind) ({rate(process(m.ATTEMPTS))})", "{{kind}}")),
        lines("Queue wait", "From the moment when a job could start to the first claim of its work.", "s", *quantiles(m.QUEUE_WAIT)),
        lines(
            "Retries per second",
            "`transient`: retried. `permanent`: given up. `rescue`: taken over from a dead worker. `lease_lost`: another worker has it.",
            "ops",
            (f"sum by (class, code) ({rate(process(m.RETRIES))}) > 0", "{{class}} {{code}}"),
        ),
        lines(
            "Seconds since the last claim",
            "A busy worker without a free slot does not ask.",
            "s",
            (f"time() - {process(m.LAST_CLAIM)}", "{{job}} {{instance}}"),
        ),
        lines(
            "Notifications per second",
            "`missed`: polling found due work without a notification. Nothing is lost, but jobs start later.",
            "ops",
            (f"sum by (direction) ({rate(process(m.RINGS))})", "{{direction}}"),
            (f"sum({rate(process(m.MISSES))})", "missed"),
        ),
    ]


def stores():
    by, legend = ("target", "store", "call"), "{{target}}/{{store}} {{call}}"
    calls = process(f"{m.STORE_CALL}_count", TARGET)
    return [
        lines("Store calls: p50", "Failed calls too.", "s", (quantile(0.5, m.STORE_CALL, *by, matchers=[TARGET]), legend)),
        lines("Store calls: p99", "Failed calls too.", "s", (quantile(0.99, m.STORE_CALL, *by, matchers=[TARGET]), legend)),
        lines("Store calls per second", "Failed calls too.", "ops", (f"sum by ({', '.join(by)}) ({rate(calls)})", legend)),
        lines(
            "Dependencies that answer",
            "0: at least one process of this role does not reach it.",
            "short",
            (f"min by (job, dependency) ({process(m.DEPENDENCY_UP)})", "{{job}} {{dependency}}"),
            most=1,
        ),
        lines(
            "Latency of dependencies",
            "Duration of the last answer, of the slowest process.",
            "s",
            (f"max by (dependency) ({process(m.DEPENDENCY_LATENCY)})", "{{dependency}}"),
        ),
        lines(
            "Open breakers",
            "1: a worker only probes the store.",
            "short",
            (f"max by (target, store) ({process(m.BREAKER, TARGET)})", "{{target}}/{{store}}"),
            most=1,
        ),
    ]


def processes():
    each = "{{job}} {{instance}}"
    return [
        lines("Processor", "1 is one core.", "short", (rate(process(m.PROCESSOR)), each), span=HALF),
        lines("Resident memory", "By process.", "bytes", (process(m.MEMORY), each), span=HALF),
        lines("Open files", "By process.", "short", (process(m.OPEN_FILES), each), span=HALF),
        lines(
            "Versions",
            "Processes by version.",
            "short",
            (f"count by (job, version) ({process(m.BUILD)})", "{{job}} {{version}}"),
            span=HALF,
            stacked=True,
        ),
    ]
