//! Dry runs, and checks of a job's expectation before it erases.
//!
//! A preview writes only its result, and the position of a scan. If its worker dies, another one surveys again.

use lethe_common::job::StoreKind;
use lethe_common::ledger::{Delta, Kind, Lease, RecordEnd, WarningCode};
use lethe_common::metrics::StoreCall;
use lethe_common::selection::Selection;

use crate::job::conditions::conditions;
use crate::job::cursor::{Cursor, Walk};
use crate::job::plan::walk;
use crate::job::survey::{Survey, survey};
use crate::job::{batch, pieces};
use crate::lease::{Environment, LeaseGuard, Step, Stop};
use crate::store::StoreError;
use crate::targets::Mapped;

pub(crate) async fn preview(env: &Environment, mapped: &Mapped, mut lease: LeaseGuard) -> Result<(), Stop> {
    lease.keep(env).await?;
    if lease.job.cancelling {
        return finish(env, lease, Delta::default(), RecordEnd::Cancelled).await;
    }
    let warning = warning(mapped, &lease).await?;
    if warning == Some(WarningCode::Mistyped) {
        return skip(env, lease).await;
    }
    decided(env, mapped, &mut lease).await?;
    if lease.job.cancelling {
        return finish(env, lease, Delta::default(), RecordEnd::Cancelled).await;
    }
    let survey = survey(env, mapped, &lease).await?;
    if lease.kind == Kind::Check {
        return finish(env, lease, checked(survey), RecordEnd::Checked).await;
    }
    let counted = counted(&lease, survey);
    finish(env, lease, Delta { warning, ..counted }, RecordEnd::Done).await
}

/// Returns the warning about the table, if any, before the survey.
async fn warning(mapped: &Mapped, lease: &Lease) -> Result<Option<WarningCode>, StoreError> {
    if batch::is_mistyped(mapped, lease).await? {
        return Ok(Some(WarningCode::Mistyped));
    }
    batch::warning(mapped, lease).await
}

/// Ends a preview of a table that cannot hold the demanded values.
async fn skip(env: &Environment, lease: LeaseGuard) -> Result<(), Stop> {
    let delta = Delta {
        warning: Some(WarningCode::Mistyped),
        found: Some(Selection::default()),
        ..Delta::default()
    };
    finish(env, lease, delta, RecordEnd::Done).await
}

async fn finish(env: &Environment, lease: LeaseGuard, delta: Delta, end: RecordEnd) -> Result<(), Stop> {
    let step = Step {
        delta,
        progress: None,
        remaining: lease.remaining,
        end: Some(end),
    };
    lease.record(env, step).await.map(drop)
}

/// Fails if a row does not say whether the query matches it, as a plan does before it cuts.
async fn decided(env: &Environment, mapped: &Mapped, lease: &mut LeaseGuard) -> Result<(), Stop> {
    if lease.job.query.is_none() {
        return Ok(());
    }
    let Some(table) = mapped.sql().await? else {
        return Ok(());
    };
    let mut walk = Cursor::of(lease).walk;
    if walk.is_none() {
        let conditions = conditions(lease);
        let decided = table.decided(&conditions);
        match env.call(mapped, StoreKind::Sql, StoreCall::Count, decided).await {
            Err(StoreError::Timeout { .. }) => {}
            decided => return Ok(decided?),
        }
        pieces::begin(lease, &table).await?;
        // A preview has no bound by times.
        walk = Some(Walk::first());
    }
    while let Some(from) = walk {
        walk = walk::step(env, mapped, &table, lease, from).await?.continue_value();
        if walk.is_some() {
            pieces::save(env, lease, walk.clone()).await?;
        }
        if lease.job.cancelling {
            break;
        }
    }
    Ok(())
}

/// Returns the stored result of a check. The erasure that follows accounts for the memories itself.
fn checked(survey: Survey) -> Delta {
    Delta {
        found: Some(survey.found),
        ..Delta::default()
    }
}

fn counted(lease: &Lease, survey: Survey) -> Delta {
    // The length of a list was known when the job was accepted.
    let met = if lease.job.is_unlisted() { survey.memories } else { 0 };
    Delta {
        counts: survey.counts,
        items: survey.items,
        selected: i64::try_from(met).unwrap_or(i64::MAX),
        found: Some(survey.found),
        ..Delta::default()
    }
}
