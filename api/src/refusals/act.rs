//! The act that a request asks for.

use axum::http::Method;
use lethe_common::ledger::Act;

/// Returns the act of a request to a route. Reads that leave no event are no act.
pub(super) fn act(method: &Method, template: &str) -> Option<Act> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if let Some(page) = template.strip_prefix("/console/") {
        return if reads { read(page) } else { form(page) };
    }
    Some(match template.trim_end_matches('/') {
        "/v1/audit" if reads => Act::AuditRead,
        "/v1/keys" if reads => Act::KeyList,
        "/v1/schedules" | "/v1/schedules/{name}" if reads => Act::ScheduleRead,
        "/v1/holds" | "/v1/holds/{name}" if reads => Act::HoldRead,
        "/v1/jobs/{id}/items" if reads => Act::JobItems,
        _ if reads || *method == Method::OPTIONS => return None,
        "/v1/keys" => Act::KeyCreate,
        "/v1/keys/{name}" => Act::KeyRevoke,
        "/v1/keys/{name}/rotate" => Act::KeyRotate,
        "/v1/pause" | "/v1/targets/{name}/pause" => Act::Pause,
        "/v1/resume" | "/v1/targets/{name}/resume" => Act::Resume,
        "/v1/jobs" if *method == Method::PATCH => Act::JobThrottle,
        // The body of a refused request is not read: it may have asked for an extension.
        "/v1/jobs/{id}" => Act::JobThrottle,
        "/v1/jobs/cancel" | "/v1/jobs/{id}/cancel" | "/_tasks/_cancel" | "/_tasks/{task_id}/_cancel" => Act::JobCancel,
        "/v1/jobs/retry" | "/v1/jobs/{id}/retry" => Act::JobRetry,
        "/v1/schedules/{name}" if *method == Method::DELETE => Act::ScheduleDelete,
        "/v1/schedules/{name}" => Act::ScheduleCreate,
        "/v1/schedules/{name}/pause" => Act::SchedulePause,
        "/v1/schedules/{name}/resume" => Act::ScheduleResume,
        "/v1/holds/{name}" if *method == Method::DELETE => Act::HoldRelease,
        "/v1/holds/{name}" => Act::HoldPut,
        "/v1/siblings/{target}/{table}" => Act::MappingRetire,
        "/_tasks/{task_id}" => Act::TaskForget,
        template if template.ends_with("/{task_id}/_rethrottle") => Act::JobThrottle,
        // All other changes submit a job.
        _ => Act::JobCreate,
    })
}

/// Returns the act of a page of the console, if reading it leaves an event.
fn read(page: &str) -> Option<Act> {
    matches!(page, "audit" | "audit.csv" | "audit.ndjson").then_some(Act::AuditRead)
}

/// Returns the act of a form of the console.
fn form(page: &str) -> Option<Act> {
    Some(match page {
        "jobs/cancel" | "jobs/{id}/cancel" => Act::JobCancel,
        "jobs/retry" | "jobs/{id}/retry" => Act::JobRetry,
        "jobs/pace" | "jobs/{id}/pace" => Act::JobThrottle,
        "jobs/{id}/extend" => Act::JobExtend,
        "jobs/{id}/items" | "jobs/{id}/selection" => Act::JobItems,
        "schedules/{name}/job" | "schedules/{name}/change" => Act::ScheduleRead,
        "schedules/{name}/pause" => Act::SchedulePause,
        "schedules/{name}/resume" => Act::ScheduleResume,
        "schedules/{name}/remove" => Act::ScheduleDelete,
        "write-schedule/save" => Act::ScheduleCreate,
        "holds" => Act::HoldPut,
        "holds/{name}/selection" => Act::HoldRead,
        "holds/{name}/release" => Act::HoldRelease,
        "new" | "schedules/{name}/preview" | "write-schedule/preview" => Act::JobCreate,
        "pause" | "targets/{name}/pause" => Act::Pause,
        "resume" | "targets/{name}/resume" => Act::Resume,
        "keys" => Act::KeyCreate,
        "keys/{name}/rotate" => Act::KeyRotate,
        "keys/{name}/revoke" => Act::KeyRevoke,
        "keys/{name}/bounds" => Act::KeyList,
        "sign-in" => Act::SignIn,
        _ => return None,
    })
}
