//! What each operation does to memories.

use Does::{Deletes, Other};

/// What an operation does to memories.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// It deletes memories, now or later, by each of these requests.
    Deletes(&'static [Asked]),
    /// It deletes none.
    Other,
}

/// A request that selects the memory. `{ID}` stands for its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) path: &'static str,
    pub(super) body: &'static str,
    pub(super) hears: Hears,
}

/// What the caller hears of a memory that a hold keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hears {
    /// 409 with the job.
    Conflict,
    /// OpenSearch's result of a deletion by query, with a version conflict.
    VersionConflict,
    /// The job, which is held.
    Job,
    /// mem0's event, which has failed.
    Event,
    /// The job is made by a schedule.
    Run,
}

const fn asked(path: &'static str, body: &'static str, hears: Hears) -> Asked {
    Asked { path, body, hears }
}

/// Every operation of the `OpenAPI` document.
pub(super) const ALL: &[(&str, Does)] = &[
    ("get /", Other),
    ("get /.well-known/lethe-keys.json", Other),
    ("get /.well-known/lethe-receipt.v1.schema.json", Other),
    ("post /_delete_by_query/{task_id}/_rethrottle", Other),
    (
        "post /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
        Deletes(&[asked(
            "/_plugins/_ml/memory_containers/main/memories/working/_delete_by_query",
            r#"{"query": {"match_all": {}}}"#,
            Hears::VersionConflict,
        )]),
    ),
    (
        "delete /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
        Deletes(&[asked(
            "/_plugins/_ml/memory_containers/main/memories/working/{ID}",
            "",
            Hears::Conflict,
        )]),
    ),
    ("post /_reindex/{task_id}/_rethrottle", Other),
    ("get /_tasks", Other),
    ("post /_tasks/_cancel", Other),
    ("delete /_tasks/{task_id}", Other),
    ("get /_tasks/{task_id}", Other),
    ("post /_tasks/{task_id}/_cancel", Other),
    ("post /_update_by_query/{task_id}/_rethrottle", Other),
    (
        "delete /api/memories/{memoryId}",
        Deletes(&[asked("/api/memories/{ID}", "", Hears::Conflict)]),
    ),
    (
        "delete /api/v1/memories/{memory_id}",
        Deletes(&[asked("/api/v1/memories/{ID}?user_id=ana", "", Hears::Conflict)]),
    ),
    ("get /livez", Other),
    ("get /log/checkpoint", Other),
    (
        "delete /memories",
        Deletes(&[asked("/memories", r#"{"memory_ids": ["{ID}"]}"#, Hears::Conflict)]),
    ),
    (
        "delete /memories/{memory_id}",
        Deletes(&[asked("/memories/{ID}", "", Hears::Conflict)]),
    ),
    ("get /metrics", Other),
    ("get /openapi.json", Other),
    ("get /readyz", Other),
    ("get /v1/audit", Other),
    (
        "delete /v1/batch/",
        Deletes(&[asked(
            "/v1/batch/",
            r#"{"memories": [{"memory_id": "{ID}"}]}"#,
            Hears::Conflict,
        )]),
    ),
    ("get /v1/event/{event_id}/", Other),
    ("get /v1/holds", Other),
    ("delete /v1/holds/{name}", Other),
    ("get /v1/holds/{name}", Other),
    ("put /v1/holds/{name}", Other),
    ("get /v1/jobs", Other),
    ("patch /v1/jobs", Other),
    (
        "post /v1/jobs",
        Deletes(&[
            asked("/v1/jobs", r#"{"select": {"ids": ["{ID}"]}}"#, Hears::Job),
            asked("/v1/jobs", r#"{"select": {"subject": {"user_id": "ana"}}}"#, Hears::Job),
            asked("/v1/jobs", r#"{"select": {"query": {"all": true}}}"#, Hears::Job),
            // An upload.
            asked("/v1/jobs", "\"{ID}\"\n", Hears::Job),
        ]),
    ),
    ("post /v1/jobs/cancel", Other),
    (
        "post /v1/jobs/retry",
        Deletes(&[asked("/v1/jobs/retry?state=failed&expect=1", "", Hears::Job)]),
    ),
    ("get /v1/jobs/{id}", Other),
    ("patch /v1/jobs/{id}", Other),
    ("post /v1/jobs/{id}/cancel", Other),
    ("get /v1/jobs/{id}/events", Other),
    ("get /v1/jobs/{id}/items", Other),
    ("get /v1/jobs/{id}/receipt", Other),
    (
        "post /v1/jobs/{id}/retry",
        Deletes(&[asked("/v1/jobs/{FAILED}/retry", "", Hears::Job)]),
    ),
    ("get /v1/keys", Other),
    ("post /v1/keys", Other),
    ("delete /v1/keys/{name}", Other),
    ("post /v1/keys/{name}/rotate", Other),
    (
        "delete /v1/memories/",
        Deletes(&[asked("/v1/memories/?user_id=ana", "", Hears::Event)]),
    ),
    (
        "delete /v1/memories/{memory_id}/",
        Deletes(&[asked("/v1/memories/{ID}/", "", Hears::Conflict)]),
    ),
    // A pause keeps jobs from running, and its end lets them go on: each job has a row of its own here.
    ("post /v1/pause", Other),
    ("get /v1/ping/", Other),
    ("get /v1/receipts", Other),
    ("get /v1/receipts/{id}", Other),
    ("get /v1/receipts/{id}/proof", Other),
    ("post /v1/resume", Other),
    ("get /v1/schedules", Other),
    ("delete /v1/schedules/{name}", Other),
    ("get /v1/schedules/{name}", Other),
    (
        "put /v1/schedules/{name}",
        Deletes(&[asked(
            "/v1/schedules/nightly",
            r#"{"cron": "0 3 * * *", "time_zone": "UTC", "job": {"select": {"subject": {"user_id": "ana"}}}}"#,
            Hears::Run,
        )]),
    ),
    ("post /v1/schedules/{name}/pause", Other),
    // A dry run.
    ("post /v1/schedules/{name}/preview", Other),
    ("post /v1/schedules/{name}/resume", Other),
    ("get /v1/siblings", Other),
    ("delete /v1/siblings/{target}/{table}", Other),
    ("get /v1/targets", Other),
    ("post /v1/targets/{name}/pause", Other),
    ("post /v1/targets/{name}/resume", Other),
    ("get /v1/workers", Other),
    (
        "delete /v2/entities/{entity_type}/{entity_id}/",
        Deletes(&[asked("/v2/entities/user/ana/", "", Hears::Event)]),
    ),
    (
        "post /{index}/_delete_by_query",
        Deletes(&[asked(
            "/main/_delete_by_query",
            r#"{"query": {"match_all": {}}}"#,
            Hears::VersionConflict,
        )]),
    ),
];
