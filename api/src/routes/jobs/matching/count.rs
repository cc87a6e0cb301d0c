//! Counting the jobs of an act.

use lethe_common::ledger::{Changeable, JobFilter, Matched};

use super::cursor::Cursor;
use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The most jobs of one act: counting them takes a second or two.
const MOST: u64 = 100_000;

/// The most jobs that are read for a count, whether they match or not: this takes a second or two as well.
const READ: usize = 200_000;

/// The jobs of one page.
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
    let (mut until, mut left, mut read) = (None, 0, 0);
    loop {
        let found = state.ledger().matching(&page, changeable, until).await?;
        left += found
            .jobs
            .iter()
            .map(|job| u64::from(sees(principal, job)))
            .sum::<u64>();
        read += found.read;
        if left > MOST {
            return Err(too_many(&format!("more than {MOST} jobs match")));
        }
        if found.next.is_none() {
            return Ok(Cursor {
                until: found.until,
                left,
                after: None,
            });
        }
        if read >= READ {
            return Err(too_many(&format!("more than {READ} jobs would be read")));
        }
        (until, page.after) = (Some(found.until), found.next);
    }
}

fn too_many(what: &str) -> Problem {
    let detail = format!("{what}: narrow the filter, such as with `created_after`");
    Problem::new(Kind::LimitExceeded, detail)
}

/// Returns whether the caller sees a job, within its bounds.
pub(super) fn sees(principal: &Principal, job: &Matched) -> bool {
    principal.sees_job_of(&job.principal, &job.targets) && principal.is_within(&job.aim)
}
