"""The dashboard *Erasure*: whether all that was accepted is being erased, how fast, and what needs attention."""

import metrics as m
from parts import HALF, RATE, TARGET, board, lines, number, quantiles, rate, service, to_job


def erasure():
    return board(
        "lethe-erasure",
        "Lethe / Erasure",
        "The jobs and memories of the service, and what stands in their way.",
        [
            ("Needs attention", attention()),
            ("Jobs", jobs()),
            ("Memories", memories()),
            ("The largest running jobs", largest()),
        ],
    )


def attention():
    unfinished = service(m.JOBS, 'state!="receiving"')
    failed = service(m.JOBS_ENDED, 'outcome="failed"')
    return [
        number("Unfinished", "Accepted jobs that have not ended.", "short", f"sum(max by (state) ({unfinished}))"),
        number("Oldest unfinished job", "Time since it could first run.", "s", f"max({service(m.OLDEST_JOB)})", red_from=3600),
        number(
            "Overdue jobs",
            "Jobs that have not ended and whose deadline has passed.",
            "short",
            f"max({service(m.JOBS_OVERDUE)})",
            red_from=1,
        ),
        number("Jobs due soon", "Jobs that have not ended and are due soon.", "short", f"max({service(m.JOBS_DUE_SOON)})"),
        number("Failed", "Jobs that failed in the time range.", "short", f"max(increase({failed}[$__range]))", red_from=1),
        number(
            "Residue",
            "Memories that reading back found in the time range. Further rounds erase them.",
            "short",
            f"sum(max by (target, store) (increase({service(m.RESIDUE, TARGET)}[$__range])))",
            red_from=1,
        ),
        number(
            "Unserved mappings",
            "Mappings with due work that no worker has. Start a worker with the same configuration.",
            "short",
            f"sum(max by (target) ({service(m.UNSERVED, TARGET)}))",
            red_from=1,
        ),
        number("Paused targets", "Their jobs wait.", "short", f"sum(max by (target) ({service(m.PAUSED, TARGET)}))", red_from=1),
        number("Legal holds", "Holds in force. They keep memories from all jobs.", "short", f"max({service(m.HOLDS)})"),
        number(
            "Unsettled holds",
            "Holds whose jobs no API has looked for since their last change. More than 0 lasts for seconds.",
            "short",
            f"max({service(m.HOLDS_UNSETTLED)})",
            red_from=1,
        ),
    ]


def jobs():
    return [
        lines(
            "Jobs accepted and ended per minute",
            "Accepted = ended + unfinished. Each retry counts again.",
            "cpm",
            (f"60 * max({rate(service(m.JOBS_ACCEPTED))})", "accepted"),
            (f"60 * max by (outcome) ({rate(service(m.JOBS_ENDED))})", "{{outcome}}"),
        ),
        lines("Jobs by state", "Jobs that have not ended.", "short", (f"max by (state) ({service(m.JOBS)})", "{{state}}"), stacked=True),
        lines("Duration of jobs", "From the moment when a job could start to its end.", "s", *quantiles(m.JOB_DURATION)),
        lines("Age of the oldest job", "Time since it could first run.", "s", (f"max({service(m.OLDEST_JOB)})", "oldest")),
        lines(
            "Due times of schedules per hour",
            "`skipped`: the job before had not ended. `refused`: the job was not accepted.",
            "short",
            (f"max by (outcome) (increase({service(m.RUNS)}[1h]))", "{{outcome}}"),
        ),
        lines(
            "Targets unserved, paused or unfit",
            "More than 0: jobs of the target wait.",
            "short",
            (f"max by (target) ({service(m.UNSERVED, TARGET)})", "{{target}} unserved"),
            (f"max by (target) ({service(m.PAUSED, TARGET)})", "{{target}} paused"),
            (f"max by (target) ({service(m.UNFIT, TARGET)})", "{{target}} unfit"),
        ),
    ]


def memories():
    erased = service(m.MEMORIES, 'outcome="erased"', TARGET)
    return [
        lines(
            "Memories erased per second",
            "Counted from the answers of stores.",
            "ops",
            (f"max by (target, store) ({rate(erased)})", "{{target}}/{{store}}"),
            span=HALF,
        ),
        lines(
            "Outcomes of memories per second",
            "All stores together.",
            "ops",
            (f"sum by (outcome) (max by (target, store, outcome) ({rate(service(m.MEMORIES, TARGET))}))", "{{outcome}}"),
            span=HALF,
        ),
        lines(
            "Memories remaining",
            "Selected memories of unfinished jobs without an outcome yet.",
            "short",
            (f"max by (target) ({service(m.REMAINING, TARGET)})", "{{target}}"),
            span=HALF,
        ),
        lines(
            "Residue",
            "Memories that reading back still found. Further rounds erase them.",
            "short",
            (f"max by (target, store) (increase({service(m.RESIDUE, TARGET)}[{RATE}]))", "{{target}}/{{store}}"),
            span=HALF,
        ),
    ]


def largest():
    one = f"{{{{{m.JOB_ID}}}}}"
    return [
        lines(
            "Progress",
            "Done part of a job. A click on a line leads to the job.",
            "percentunit",
            (f"max by ({m.JOB_ID}) ({service(m.JOB_PROGRESS)})", one),
            span=HALF,
            most=1,
            links=[to_job()],
        ),
        lines(
            "Rate",
            "Memories that a job finishes per second.",
            "ops",
            (f"max by ({m.JOB_ID}) ({service(m.JOB_RATE)})", one),
            span=HALF,
            links=[to_job()],
        ),
    ]
