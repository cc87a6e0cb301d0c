//! A hold in words, which name no id, no person, no workspace and no value.

use lethe_common::clock::from_millis;
use lethe_common::hold::{HoldKind, HoldOn};
use lethe_common::ledger::HoldRow;
use lethe_common::receipt::HoldGround;

use crate::console::words::{self, Moment};
use crate::console::{jobs, links};

/// The number up to which the ledger counts the jobs of a hold.
const COUNTED: u64 = 1_000;

/// A hold in words.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) place: String,
    /// The memories that it keeps.
    pub(super) keeps: String,
    pub(super) ground: String,
    pub(super) reference: Option<String>,
    /// The caller who wrote it.
    pub(super) principal: String,
    /// Since when it is in force.
    pub(super) since: Option<Moment>,
    /// The time at which it expires.
    pub(super) until: Option<Moment>,
    /// The time of its release; absent: it is in force.
    pub(super) released: Option<Moment>,
    /// The number of held jobs that name it.
    pub(super) jobs: String,
}

impl From<&HoldRow> for Told {
    fn from(row: &HoldRow) -> Self {
        Self {
            path: links::hold(&row.name),
            name: row.name.clone(),
            place: place(row.target.as_deref(), row.table.as_deref()),
            keeps: keeps(row),
            ground: ground(row.ground),
            reference: row.reference.clone(),
            principal: row.principal.clone(),
            since: from_millis(row.created_at).map(Moment),
            until: row.until.and_then(from_millis).map(Moment),
            released: row.released_at.and_then(from_millis).map(Moment),
            jobs: jobs_in_words(row.jobs),
        }
    }
}

impl Told {
    /// Returns a hold that was read with its selection.
    pub(super) fn whole(row: &HoldRow) -> Self {
        let mut told = Self::from(row);
        if row.on.is_none() && row.released_at.is_none() {
            // Workers keep all memories of its place.
            "all memories, since its selection cannot be read".clone_into(&mut told.keeps);
        }
        told
    }
}

/// Returns the place of a hold by its target and its table.
fn place(target: Option<&str>, table: Option<&str>) -> String {
    match (target, table) {
        (None, Some(table)) => format!("{table} of all targets"),
        _ => jobs::place_of(target, table),
    }
}

/// Returns the memories that a hold keeps, or kept. A list reads no selections.
fn keeps(row: &HoldRow) -> String {
    let named = row.on.as_ref().and_then(HoldOn::named);
    let many = |one, more| named.map(|n| words::many(u64::try_from(n).unwrap_or(u64::MAX), one, more));
    match row.kind {
        HoldKind::Everything => "all memories".to_owned(),
        HoldKind::Query => "the memories that match a query".to_owned(),
        HoldKind::Ids => many("memory by id", "memories by id").unwrap_or_else(|| "memories by id".to_owned()),
        HoldKind::Persons => {
            let persons = many("person", "persons").unwrap_or_else(|| "persons".to_owned());
            format!("the memories of {persons}")
        }
        HoldKind::Workspaces => {
            let workspaces = many("workspace", "workspaces").unwrap_or_else(|| "workspaces".to_owned());
            format!("the memories in {workspaces}")
        }
    }
}

fn jobs_in_words(jobs: u64) -> String {
    if jobs >= COUNTED {
        format!("{} or more", words::count(COUNTED))
    } else {
        words::count(jobs)
    }
}

/// Returns a ground with its meaning.
pub(in crate::console) fn ground(ground: HoldGround) -> String {
    let meaning = match ground {
        HoldGround::Expression => "freedom of expression and information",
        HoldGround::Obligation => "a legal obligation, or a task in the public interest",
        HoldGround::PublicHealth => "public health",
        HoldGround::Research => "archives, research or statistics",
        HoldGround::Claims => "legal claims",
        HoldGround::LegalClaims => "legal claims under another law",
        HoldGround::PreservationOrder => "an order of a court or an authority",
        HoldGround::Other => "another ground",
    };
    format!("{}: {meaning}", ground.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: HoldKind, on: Option<HoldOn>) -> HoldRow {
        HoldRow {
            name: "case-77".to_owned(),
            revision: 1,
            target: Some("main".to_owned()),
            table: None,
            kind,
            on,
            ground: HoldGround::Claims,
            by: Some("Legal".to_owned()),
            reference: None,
            principal: "root".to_owned(),
            until: None,
            created_at: 0,
            changed_at: 0,
            released_at: None,
            jobs: 0,
        }
    }

    #[test]
    fn a_hold_is_told_without_its_values() {
        let named = || vec!["ana".to_owned(), "ben".to_owned()];
        for (on, expected) in [
            (HoldOn::Everything, "all memories"),
            (HoldOn::Persons(named()), "the memories of 2 persons"),
            (HoldOn::Ids(vec!["ana".to_owned()]), "1 memory by id"),
            (HoldOn::Workspaces(named()), "the memories in 2 workspaces"),
        ] {
            assert_eq!(Told::from(&row(on.kind(), Some(on))).keeps, expected);
        }
        let released = HoldRow {
            released_at: Some(1),
            ..row(HoldKind::Persons, None)
        };
        assert_eq!(Told::from(&released).keeps, "the memories of persons");
    }

    #[test]
    fn an_unreadable_hold_keeps_everything_of_its_place() {
        let told = Told::whole(&row(HoldKind::Persons, None));
        assert!(told.keeps.starts_with("all memories"), "{}", told.keeps);
    }

    #[test]
    fn a_place_is_never_narrower_than_the_hold() {
        assert_eq!(place(None, None), "all targets");
        assert_eq!(place(None, Some("memories")), "memories of all targets");
        assert_eq!(place(Some("main"), None), "main");
        assert_eq!(place(Some("main"), Some("memories")), "main/memories");
    }

    #[test]
    fn jobs_are_counted_up_to_a_bound() {
        assert_eq!([999, 1_000].map(jobs_in_words), ["999", "1,000 or more"]);
    }
}
