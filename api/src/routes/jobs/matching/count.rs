//! Counting the jobs of an act.

use lethe_common::ledger::{Changeable, JobFilter, Matched};

use super::cursor::Cursor;
use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The most jobs of one act: counting them takes a second or two.
const MOST: u64 = 100_000;

/// The jobs of one read.
const PAGE: u32 = 1_000;

/// Counts the jobs that the caller sees, and returns the place of an act before the first of them.
pub(super) async fn start(
    state: &AppState,
    principal: &Principal,
    filter: &JobFilter,
    changeable: Changeable,
) -> Result<Cursor, Problem> {
    let mut page = JobFilter {
        limit: PAGE,
        ..filter.clone()
    };
    let (mut until, mut left) = (None, 0);
    loop {
        let read = state.ledger().matching(&page, changeable, until).await?;
        left += read.iter().map(|job| u64::from(sees(principal, job))).sum::<u64>();
        if left > MOST {
            let detail = format!("more than {MOST} jobs match: narrow the filter, such as with `created_after`");
            return Err(Problem::new(Kind::LimitExceeded, detail));
        }
        until = until.or_else(|| read.first().map(|job| job.now));
        page.after = read.last().map(|job| job.id);
        if read.len() < page.limit as usize {
            break;
        }
    }
    Ok(Cursor {
        until: until.unwrap_or(0),
        left,
        after: None,
    })
}

/// Returns whether the caller sees a job, within its bounds.
pub(super) fn sees(principal: &Principal, job: &Matched) -> bool {
    principal.sees_job_of(&job.principal, &job.targets) && principal.is_within(&job.aim)
}
