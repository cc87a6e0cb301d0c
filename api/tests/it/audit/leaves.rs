//! The trace of each route in the audit trail.

use Leaves::{AJob, An, Nothing};

/// The trace of a route in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// An event.
    An(&'static str),
    /// A job, whose row names its caller.
    AJob,
    /// No event: the route changes nothing, and reveals no id and no person.
    Nothing,
}

/// Every operation of the `OpenAPI` document, and its trace.
pub(super) const ALL: &[(&str, Leaves)] = &[
    ("get /", Nothing),
    ("get /.well-known/lethe-keys.json", Nothing),
    ("get /.well-known/lethe-receipt.v1.schema.json", Nothing),
    ("post /_delete_by_query/{task_id}/_rethrottle", An("job.throttle")),
    (
        "post /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
        AJob,
    ),
    (
        "delete /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
        AJob,
    ),
    ("post /_reindex/{task_id}/_rethrottle", An("job.throttle")),
    ("get /_tasks", Nothing),
    ("post /_tasks/_cancel", An("job.cancel")),
    ("delete /_tasks/{task_id}", An("task.forget")),
    // Unless it names failed memories, which has its own test.
    ("get /_tasks/{task_id}", Nothing),
    ("post /_tasks/{task_id}/_cancel", An("job.cancel")),
    ("post /_update_by_query/{task_id}/_rethrottle", An("job.throttle")),
    ("delete /api/memories/{memoryId}", AJob),
    ("delete /api/v1/memories/{memory_id}", AJob),
    ("get /livez", Nothing),
    ("get /log/checkpoint", Nothing),
    ("delete /memories", AJob),
    ("delete /memories/{memory_id}", AJob),
    ("get /metrics", Nothing),
    ("get /openapi.json", Nothing),
    ("get /readyz", Nothing),
    ("get /v1/audit", An("audit.read")),
    ("delete /v1/batch/", AJob),
    ("get /v1/event/{event_id}/", Nothing),
    ("get /v1/holds", An("hold.read")),
    ("delete /v1/holds/{name}", An("hold.release")),
    ("get /v1/holds/{name}", An("hold.read")),
    ("put /v1/holds/{name}", An("hold.put")),
    // Unless it names workspaces to another caller, which has its own test.
    ("get /v1/jobs", Nothing),
    ("patch /v1/jobs", An("job.throttle")),
    ("post /v1/jobs", AJob),
    ("post /v1/jobs/cancel", An("job.cancel")),
    ("post /v1/jobs/retry", An("job.retry")),
    ("get /v1/jobs/{id}", Nothing),
    ("patch /v1/jobs/{id}", An("job.throttle")),
    ("post /v1/jobs/{id}/cancel", An("job.cancel")),
    ("get /v1/jobs/{id}/events", Nothing),
    ("get /v1/jobs/{id}/items", An("job.items")),
    ("post /v1/jobs/{id}/retry", An("job.retry")),
    ("get /v1/jobs/{id}/receipt", Nothing),
    ("get /v1/keys", An("key.list")),
    ("post /v1/keys", An("key.create")),
    ("delete /v1/keys/{name}", An("key.revoke")),
    ("post /v1/keys/{name}/rotate", An("key.rotate")),
    ("delete /v1/memories/", AJob),
    ("delete /v1/memories/{memory_id}/", AJob),
    ("post /v1/pause", An("pause")),
    ("get /v1/ping/", Nothing),
    ("get /v1/receipts", Nothing),
    ("get /v1/receipts/{id}", Nothing),
    ("get /v1/receipts/{id}/proof", Nothing),
    ("post /v1/resume", An("resume")),
    ("get /v1/schedules", An("schedule.read")),
    ("delete /v1/schedules/{name}", An("schedule.delete")),
    ("get /v1/schedules/{name}", An("schedule.read")),
    ("put /v1/schedules/{name}", An("schedule.create")),
    ("post /v1/schedules/{name}/pause", An("schedule.pause")),
    ("post /v1/schedules/{name}/preview", AJob),
    ("post /v1/schedules/{name}/resume", An("schedule.resume")),
    ("get /v1/siblings", Nothing),
    ("delete /v1/siblings/{target}/{table}", An("mapping.retire")),
    ("get /v1/targets", Nothing),
    ("post /v1/targets/{name}/pause", An("pause")),
    ("post /v1/targets/{name}/resume", An("resume")),
    ("get /v1/workers", Nothing),
    ("delete /v2/entities/{entity_type}/{entity_id}/", AJob),
    ("post /{index}/_delete_by_query", AJob),
];
