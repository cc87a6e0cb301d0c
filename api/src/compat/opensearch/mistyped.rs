//! Type errors in queries, in OpenSearch's words: a field compared with a value that its column cannot hold.
//!
//! The API knows the column types after a worker has reported them. Earlier queries are accepted. The planning worker
//! then fails the job and touches no store, and the answer is the same as an immediate refusal.

use lethe_common::config::Table;
use lethe_common::error_code::{ErrorCode, StoredCode};
use lethe_common::filter::{Asked, Mistyped, Type, Unit};
use lethe_common::ledger::{JobView, Route};
use lethe_common::state::State;

use super::fields;
use crate::deletion::column_types;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Returns the problem for a type error.
pub(super) fn says(table: &Table, error: &Mistyped) -> Problem {
    let field = fields::called(table, &error.column);
    let holds = match error.of {
        Type::Text => "texts",
        Type::Uuid => "UUIDs",
        Type::Bytes { .. } => "bytes",
        Type::Integer(_) | Type::Float | Type::Number => "numbers",
        Type::Bool => "true and false",
        Type::Time => "dates",
        Type::Counted(Unit::Seconds) => "seconds since 1970",
        Type::Counted(Unit::Milliseconds) => "milliseconds since 1970",
        Type::Json => "JSON",
        Type::Any => "values of any type",
    };
    let what = match (error.asked, error.of) {
        (Asked::Part, _) => "[prefix] and [wildcard] are for texts",
        (Asked::Order, Type::Integer(_) | Type::Float | Type::Number) => {
            "[range] takes numbers, and dates beside the [format] that says what the field counts: epoch_millis or \
             epoch_second"
        }
        (Asked::Order, Type::Bool) => "[range] is not supported for true and false",
        (Asked::Moment, _) => {
            "[range] with a day, a month or a year is for dates: write a time as well, or the [format] of dates"
        }
        (Asked::Unreadable, _) => "some of them cannot be read",
        (Asked::Value, Type::Bool) => "write true or false",
        (Asked::Value, Type::Integer(_) | Type::Float | Type::Number) => "write a number",
        (Asked::Order | Asked::Value, Type::Text) => "write a text",
        (Asked::Order | Asked::Value, Type::Time) => "write a date, or milliseconds since 1970",
        (Asked::Order | Asked::Value, Type::Counted(_)) => "write numbers in all bounds, or dates in all bounds",
        (Asked::Order | Asked::Value, Type::Bytes { .. }) => "write them as hexadecimal digits",
        (Asked::Order | Asked::Value, Type::Uuid | Type::Json | Type::Any) => "write one of them",
    };
    Problem::new(Kind::Invalid, format!("field [{field}] holds {holds}: {what}"))
}

/// Returns the problem of a job that failed because of a type error in its query.
///
/// # Errors
/// The ledger does not answer.
pub(super) async fn of(state: &AppState, job: &JobView) -> Result<Option<Problem>, Problem> {
    if job.state != State::Failed || job.error_code.as_ref().and_then(StoredCode::known) != Some(ErrorCode::Mistyped) {
        return Ok(None);
    }
    let config = state.config();
    let target = job.target.as_deref().and_then(|target| config.target(target));
    let place = target.and_then(|target| Some((target, target.table(job.table.as_deref()?)?)));
    let filter = state.ledger().filter(job.id).await?;
    if let (Some((target, table)), Some(filter)) = (place, filter) {
        let route = Route::to(target, table);
        if let Some(error) = column_types::refused(state, &filter, &route, config.compat.wait).await? {
            return Ok(Some(says(table, &error)));
        }
    }
    let text = "a field was compared with a value of the wrong type: nothing was deleted";
    Ok(Some(Problem::new(Kind::Invalid, text)))
}
