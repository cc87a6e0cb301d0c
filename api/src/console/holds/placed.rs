//! The part of a page that tells how far a hold reaches that a form has just placed.

use askama::Template;
use lethe_common::job::JobId;

use crate::console::{jobs, links, words};
use crate::routes::holds::put::Placed;

/// The most jobs that are named.
const NAMED: usize = 20;

/// A part of a page: the hold that a form just placed, or nothing. A template shows it with `{{ placed|safe }}`.
#[derive(Default, Template)]
#[template(path = "console/hold_placed.html")]
pub(super) struct Part {
    told: Option<Told>,
}

/// The reach of a hold.
struct Told {
    name: String,
    path: String,
    /// The jobs with a batch that may have begun before: the path of each, and its id.
    jobs: Vec<(String, String)>,
    /// Whether there may be more such jobs.
    more: bool,
    /// The tables that map no such field.
    not_covered: Vec<String>,
    /// The targets that no worker serves.
    unserved: Vec<String>,
}

impl Part {
    /// Returns the part about a hold.
    pub(super) fn of(name: &str, placed: &Placed) -> Self {
        let begun = &placed.in_flight.jobs;
        let job = |(id, _): &(JobId, u64)| (links::job(id), id.to_string());
        let tables = placed.not_covered.iter();
        Self {
            told: Some(Told {
                name: name.to_owned(),
                path: links::hold(name),
                jobs: begun.iter().take(NAMED).map(job).collect(),
                more: placed.in_flight.more || begun.len() > NAMED,
                not_covered: tables
                    .map(|(target, table)| jobs::place_of(Some(target), Some(table)))
                    .collect(),
                unserved: placed.unserved.clone(),
            }),
        }
    }
}

impl Told {
    /// Returns the number of jobs that are named, in words.
    fn begun(&self) -> String {
        let n = u64::try_from(self.jobs.len()).unwrap_or(u64::MAX);
        words::many(n, "job has begun a batch", "jobs have begun a batch")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(jobs: usize, more: bool) -> String {
        let told = Told {
            name: "case-77".to_owned(),
            path: links::hold("case-77"),
            jobs: (0..jobs)
                .map(|n| (format!("/console/jobs/{n}"), n.to_string()))
                .collect(),
            more,
            not_covered: vec!["main/notes".to_owned()],
            unserved: vec!["far".to_owned()],
        };
        Part { told: Some(told) }.render().unwrap()
    }

    #[test]
    fn a_hold_that_was_placed_is_told_with_its_gaps() {
        let said = text(1, false);
        for part in [
            "/console/holds/case-77",
            "1 job has begun a batch",
            "/console/jobs/0",
            "main/notes",
            "far",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("There may be more"), "{said}");
        assert!(text(2, true).contains("There may be more"));
        assert!(text(0, false).contains("No batch is under way"));
        // A list that could not be read is no empty list.
        let unread = text(0, true);
        assert!(
            !unread.contains("No batch is under way") && unread.contains("may"),
            "{unread}"
        );
    }

    #[test]
    fn without_a_new_hold_the_part_is_empty() {
        let empty = Part::default().render().unwrap();
        assert!(
            empty.contains("id=\"placed\"") && !empty.contains("in force"),
            "{empty}"
        );
    }
}
