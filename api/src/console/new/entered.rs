//! The values that the form holds.

use uuid::Uuid;

use crate::console::form::Fields;
use crate::console::pairs;

/// The field with the way to select memories.
const BY: &str = "by";

/// The field with the key that tells a repeated form from another one.
const KEY: &str = "key";

/// The field with pasted ids.
pub(super) const IDS: &str = "ids";

/// The field with a file of ids.
const FILE: &str = "file";

/// The fields that say what to do with the form. The next page has its own.
const OF_THE_STEP: [&str; 5] = ["csrf", "step", "expect", "count", KEY];

/// A way to select memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Ids,
    Person,
    Query,
}

impl By {
    pub(super) const ALL: [(Self, &'static str); 3] = [
        (Self::Ids, "By ids"),
        (Self::Person, "By person"),
        (Self::Query, "By query"),
    ];

    fn of(word: &str) -> Self {
        let found = Self::ALL.into_iter().find(|(by, _)| by.word() == word);
        found.map_or(Self::Ids, |(by, _)| by)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Person => "person",
            Self::Query => "query",
        }
    }
}

/// The values that the form holds.
// They name memories and persons: no `Debug`.
pub(super) struct Entered {
    pub(super) by: By,
    /// The key of the form: a form that is sent twice makes one job.
    pub(super) key: Uuid,
    pairs: Vec<(String, String)>,
}

impl Entered {
    /// Returns the values of an empty form.
    pub(super) fn nothing(by: &str) -> Self {
        Self {
            by: By::of(by),
            key: Uuid::new_v4(),
            pairs: Vec::new(),
        }
    }

    /// Returns the values of a form. The ids of a file come after the pasted ones.
    pub(super) fn of(fields: &Fields) -> Self {
        let file = fields.value(FILE).trim_start_matches('\u{feff}');
        let carried = fields
            .pairs()
            .filter(|(name, _)| *name != FILE && !OF_THE_STEP.contains(name));
        let pairs = carried.map(|(name, value)| {
            let with_file = name == IDS && !file.is_empty();
            let value = if with_file {
                format!("{value}\n{file}")
            } else {
                value.to_owned()
            };
            (name.to_owned(), value)
        });
        Self {
            by: By::of(fields.value(BY)),
            key: fields.value(KEY).parse().unwrap_or_else(|_| Uuid::new_v4()),
            pairs: pairs.collect(),
        }
    }

    /// Returns the same values in another form: its jobs are other ones.
    pub(super) fn anew(self) -> Self {
        Self {
            key: Uuid::new_v4(),
            ..self
        }
    }

    /// Returns the first value of a field, empty if there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        pairs::value(&self.pairs, name)
    }

    /// Returns all values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        pairs::values(&self.pairs, name)
    }

    /// Returns the lines of a field that hold something.
    pub(super) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.value(name).lines().filter(|line| !line.trim().is_empty())
    }

    /// Returns the fields with which the next page sends the same form.
    pub(super) fn carried(&self) -> Vec<(String, String)> {
        let key = (KEY.to_owned(), self.key.to_string());
        self.pairs.iter().cloned().chain([key]).collect()
    }
}
