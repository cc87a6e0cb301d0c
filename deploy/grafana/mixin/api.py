"""The dashboard *API*: requests, their answers, and refusals."""

import metrics as m
from parts import HALF, RATE, board, lines, number, process, quantile, rate


def api():
    return board(
        "lethe-api",
        "Lethe / API",
        "Requests and answers of the APIs, and the limits that they met.",
        [("Now", now()), ("Requests", requests()), ("Refused", refused())],
        by_target=False,
    )


def now():
    requests, faults = process(m.HTTP_REQUESTS), process(m.HTTP_REQUESTS, 'status=~"5.."')
    share = f"(sum({rate(faults)}) or vector(0)) / sum({rate(requests)})"
    return [
        # A worker has connections too, and no bodies.
        number("APIs", "APIs that Prometheus reaches.", "short", f"count({process(m.BODY_BYTES)})"),
        number("Requests per second", "Answered requests.", "reqps", f"sum({rate(requests)})"),
        number("Answers with 5xx", "Their share of all answers.", "percentunit", share, red_from=0.01),
        number("Duration: p99", "Until the head of the answer.", "s", quantile(0.99, m.HTTP_DURATION)),
        number("Connections", "Open connections.", "short", f"sum({process(m.CONNECTIONS)})"),
        number("Bytes of bodies", "Bodies in memory that are not in the ledger yet.", "bytes", f"sum({process(m.BODY_BYTES)})"),
    ]


def requests():
    by, legend = ("method", "route"), "{{method}} {{route}}"
    count = rate(process(m.HTTP_REQUESTS))
    return [
        lines("Requests per second by route", "Routes are templates.", "reqps", (f"sum by ({', '.join(by)}) ({count})", legend), span=HALF),
        lines("Requests per second by status", "All routes together.", "reqps", (f"sum by (status) ({count})", "{{status}}"), span=HALF),
        lines("Duration: p50", "Callers that wait for a job are part of it.", "s", (quantile(0.5, m.HTTP_DURATION, *by), legend), span=HALF),
        lines("Duration: p99", "Callers that wait for a job are part of it.", "s", (quantile(0.99, m.HTTP_DURATION, *by), legend), span=HALF),
    ]


def refused():
    def by_reason(metric):
        return f"sum by (reason) ({rate(process(metric))})", "{{reason}}"

    return [
        lines("Requests beyond a limit", "Per second, by limit.", "reqps", by_reason(m.REQUESTS_REFUSED)),
        lines("Refused connections", "Per second, by reason.", "ops", by_reason(m.TURNED_AWAY)),
        lines("Refused credentials", "Per second, by reason. `limited`: refused without a check.", "ops", by_reason(m.AUTH_FAILURES)),
        lines("Connections", "Open connections by process.", "short", (process(m.CONNECTIONS), "{{job}} {{instance}}")),
        lines("Bytes of bodies", "In memory, by process.", "bytes", (process(m.BODY_BYTES), "{{job}} {{instance}}")),
        lines(
            "Unwritten events of the audit trail",
            "The ledger refused them.",
            "short",
            (f"sum(increase({process(m.AUDIT_UNWRITTEN)}[{RATE}]))", "unwritten"),
        ),
    ]
