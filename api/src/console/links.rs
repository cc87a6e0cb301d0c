//! The paths of pages.

use form_urlencoded::Serializer;

/// The overview.
pub(super) const OVERVIEW: &str = "/";

/// The root of all other pages.
pub(super) const ROOT: &str = "/console";

/// The list of jobs.
pub(super) const JOBS: &str = "/console/jobs";

/// The acts on all jobs of a list.
pub(super) const CANCEL_JOBS: &str = "/console/jobs/cancel";
pub(super) const PACE_JOBS: &str = "/console/jobs/pace";
pub(super) const RETRY_JOBS: &str = "/console/jobs/retry";

/// A new deletion.
pub(super) const NEW: &str = "/console/new";

/// The list of schedules.
pub(super) const SCHEDULES: &str = "/console/schedules";

/// The form that writes a schedule.
// Not below the list: a schedule may have any name.
pub(super) const WRITE_SCHEDULE: &str = "/console/write-schedule";

/// The list of legal holds.
pub(super) const HOLDS: &str = "/console/holds";

/// The targets.
pub(super) const TARGETS: &str = "/console/targets";

/// The workers.
pub(super) const WORKERS: &str = "/console/workers";

/// The API keys.
pub(super) const KEYS: &str = "/console/keys";

/// The audit trail.
pub(super) const AUDIT: &str = "/console/audit";

/// Files of the audit trail.
pub(super) const AUDIT_CSV: &str = "/console/audit.csv";
pub(super) const AUDIT_NDJSON: &str = "/console/audit.ndjson";

/// The list of receipts.
pub(super) const RECEIPTS: &str = "/console/receipts";

/// The log of receipts and audit events.
pub(super) const LOG: &str = "/console/log";

/// The page where to sign in.
pub(super) const SIGN_IN: &str = "/console/sign-in";

/// Signs out.
pub(super) const SIGN_OUT: &str = "/console/sign-out";

/// Tells when anything has changed.
pub(super) const EVENTS: &str = "/console/events";

/// Returns the path of a job's page.
pub(super) fn job(id: impl std::fmt::Display) -> String {
    format!("{JOBS}/{id}")
}

/// Returns the path of a receipt's page.
pub(super) fn receipt(id: impl std::fmt::Display) -> String {
    format!("{RECEIPTS}/{id}")
}

/// Returns the path of the list of a job's receipts.
pub(super) fn receipts_of(job: &str) -> String {
    with(RECEIPTS, [("job", job)])
}

/// Returns the path of the acts on a target.
pub(super) fn target(name: &str) -> String {
    format!("{TARGETS}/{name}")
}

/// Returns the path of a target's part of the page of targets.
pub(super) fn at_target(name: &str) -> String {
    format!("{TARGETS}#target-{name}")
}

/// Returns the path of a schedule's page.
pub(super) fn schedule(name: &str) -> String {
    format!("{SCHEDULES}/{name}")
}

/// Returns the path of a hold's page.
pub(super) fn hold(name: &str) -> String {
    format!("{HOLDS}/{name}")
}

/// Returns the path of a key's page.
pub(super) fn key(name: &str) -> String {
    format!("{KEYS}/{name}")
}

/// Returns the path of the list of jobs with filters. Those without a value are left out.
pub(super) fn jobs<'a>(filters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    with(JOBS, filters)
}

/// Returns a path with parameters. Those without a value are left out.
pub(super) fn with<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// Returns whether a path is a page of the console, for a step back to it. No such path names another host.
pub(super) fn is_ours(path: &str) -> bool {
    let rest = path.strip_prefix(ROOT);
    path == OVERVIEW || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_stays_on_this_host() {
        for ours in ["/", "/console", "/console/jobs?state=failed", "/console?x"] {
            assert!(is_ours(ours), "{ours}");
        }
        for others in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/console",
            "/consolex",
            "/v1/jobs",
        ] {
            assert!(!is_ours(others), "{others}");
        }
    }

    #[test]
    fn a_parameter_without_a_value_is_left_out() {
        assert_eq!(jobs([("state", ""), ("target", "a&b")]), "/console/jobs?target=a%26b");
        assert_eq!(jobs([("state", "")]), JOBS);
    }
}
