//! The course of a job: the memories that its attempt had accounted for, at times since its start.
//!
//! Records add samples to the row of the job. The distance between samples grows with the time since the start: a job
//! has some 40 after a minute, 180 after an hour and 400 after a week. So a row stays small however long a job runs, and
//! reading it costs the same for a million partitions. A job that ends within a second has none.

use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The least milliseconds between two samples.
// A row that grew with each record would be written anew at its full length, many times a second.
const LEAST_MS: i64 = 1_000;

/// The share of the time since the start that lies between two samples, as a divisor.
// A plot of the whole attempt has about as many points.
const SHARE: i64 = 40;

/// The course of the present attempt of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// Milliseconds since the start of the attempt, and the memories accounted for by then. Neither ever falls. The last
    /// point is the end of the attempt, or now.
    pub points: Vec<(u64, u64)>,
}

/// Returns the SQL condition for a sample, in a record that meets `progress`.
pub(in crate::ledger) fn is_due(progress: &str) -> String {
    format!(
        "({progress} AND {{now}} - COALESCE(sampled_at, started_at) >= {LEAST_MS} + ({{now}} - started_at) / {SHARE})"
    )
}

/// Returns the SQL expression for the samples with one more, at which `n` memories are accounted for.
pub(in crate::ledger) fn with_sample(n: &str) -> String {
    format!("COALESCE(course || ',', '') || CAST({{now}} - started_at AS TEXT) || ':' || CAST({n} AS TEXT)")
}

impl Ledger {
    /// Returns the course of a job; `None` if its attempt has no samples, or the job is unknown.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn course(&self, id: JobId) -> Result<Option<Course>, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::course
            SELECT id, course, accounted, progressed_at - started_at AS progressed,
                COALESCE(ended_at, held_at, {now}) - started_at AS passed
            FROM jobs WHERE id = $1 AND course IS NOT NULL AND started_at IS NOT NULL",
        ))
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        row.map(|row| course(&row)).transpose()
    }
}

fn course(row: &AnyRow) -> Result<Course, LedgerError> {
    let Samples(mut points): Samples = rows::parsed(row, "jobs", "course")?;
    let accounted = rows::number(row, "accounted")?;
    // The records since the last sample.
    if let Some(at) = row.try_get::<Option<i64>, _>("progressed")? {
        points.push((u64::try_from(at).unwrap_or(0), accounted));
    }
    points.push((rows::number(row, "passed")?, accounted));
    Ok(Course { points: rising(points) })
}

/// The samples of a row.
struct Samples(Vec<(u64, u64)>);

impl FromStr for Samples {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let sample = |text: &str| {
            let (at, n) = text.split_once(':')?;
            Some((at.parse().ok()?, n.parse().ok()?))
        };
        text.split(',').map(sample).collect::<Option<_>>().map(Self).ok_or(())
    }
}

/// Returns points whose times and numbers never fall: the clock of the database may have been set back.
fn rising(points: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut last = (0, 0);
    let rise = |(at, n): (u64, u64)| {
        last = (at.max(last.0), n.max(last.1));
        last
    };
    points.into_iter().map(rise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_and_never_fall() {
        let Samples(points) = "1000:5,2100:9,1500:9".parse::<Samples>().unwrap();
        assert_eq!(points, [(1_000, 5), (2_100, 9), (1_500, 9)]);
        assert_eq!(rising(points), [(1_000, 5), (2_100, 9), (2_100, 9)]);
        for wrong in ["", "1", "1:", ":1", "1:2,", "-1:2", "a:b"] {
            assert!(wrong.parse::<Samples>().is_err(), "{wrong}");
        }
    }
}
