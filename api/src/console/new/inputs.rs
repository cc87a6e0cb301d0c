//! The inputs of the form, with what is wrong about them.

use lethe_common::config::Target;

use super::entered::{By, Entered, IDS};
use super::request::{ALIASES, LABELS, PACE, PLACE, input};
use crate::http::problem::Problem;

/// An input for a text.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    /// Whether it has several lines.
    pub(super) is_long: bool,
    pub(super) value: String,
    pub(super) wrong: Option<String>,
}

/// An input with a list of values.
pub(super) struct Select {
    pub(super) choices: Vec<Choice>,
    pub(super) wrong: Option<String>,
}

/// A value of a list.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// A text: its name, its label and a hint.
type Text = (&'static str, &'static str, &'static str);

const OF_IDS: [Text; 1] = [(IDS, "Ids", "One in each line, exactly as they are stored.")];

const OF_PERSON: [Text; 6] = [
    ("user_id", "Person", "The owner, exactly as it is stored."),
    (
        ALIASES,
        "Other names of the person",
        "One in each line: accounts, e-mail addresses, numbers.",
    ),
    ("agent_id", "Agent", "Empty: any agent."),
    ("app_id", "Application", "Empty: any application."),
    ("run_id", "Run", "Empty: any run."),
    (
        "workspace",
        "Workspace",
        "Empty: any workspace. All of these that you write must match.",
    ),
];

/// The conditions beside ids and queries.
const CONDITIONS: [Text; 3] = [
    ("owner", "Only memories of this owner", "Empty: any owner."),
    ("workspace", "Only memories of this workspace", "Empty: any workspace."),
    ("kind", "Only memories of this kind", "Empty: any kind."),
];

const OPTIONS: [Text; 7] = [
    (PACE, "Memories a second, at most", "Empty: no limit."),
    (
        "not_before",
        "Not before",
        "A time such as 2030-01-31T12:00:00Z. Empty: at once.",
    ),
    (
        "reference",
        "Reference",
        "Your own name for it, such as a ticket. Write no personal data.",
    ),
    (
        "regulation",
        "Regulation",
        "Such as gdpr or ccpa. Empty: for a person, and with one of the two fields below, the usual one.",
    ),
    ("ground", "Ground", "A letter of Article 17(1), such as 17(1)(b)."),
    (
        "received_at",
        "Received",
        "When the person's request arrived, such as 2030-01-31T12:00:00Z. Empty: now.",
    ),
    (
        LABELS,
        "Labels",
        "One in each line, such as team:privacy. Write no personal data.",
    ),
];

/// The texts that have several lines.
const LONG: [&str; 3] = [IDS, ALIASES, LABELS];

impl Input {
    /// Returns the inputs that select memories. The conditions of a query have inputs of their own.
    pub(super) fn selecting(entered: &Entered, problem: Option<&Problem>) -> Vec<Self> {
        match entered.by {
            By::Ids => Self::all(&OF_IDS, entered, problem),
            By::Person => Self::all(&OF_PERSON, entered, problem),
            By::Query => Vec::new(),
        }
    }

    /// Returns the inputs that restrict the selection.
    pub(super) fn restricting(entered: &Entered, problem: Option<&Problem>) -> Vec<Self> {
        match entered.by {
            By::Ids | By::Query => Self::all(&CONDITIONS, entered, problem),
            By::Person => Vec::new(),
        }
    }

    /// Returns the inputs about the work.
    pub(super) fn options(entered: &Entered, problem: Option<&Problem>) -> Vec<Self> {
        Self::all(&OPTIONS, entered, problem)
    }

    fn all(texts: &[Text], entered: &Entered, problem: Option<&Problem>) -> Vec<Self> {
        let input = |&(name, label, hint): &Text| Self {
            name,
            label,
            hint,
            is_long: LONG.contains(&name),
            value: entered.value(name).to_owned(),
            wrong: wrong(name, problem),
        };
        texts.iter().map(input).collect()
    }
}

/// Returns what is wrong about an input.
pub(super) fn wrong(name: &str, problem: Option<&Problem>) -> Option<String> {
    let problem = problem?;
    let is_it = input(problem.field.as_deref()?) == name;
    is_it.then(|| problem.detail.clone())
}

impl Select {
    /// Returns the tables to choose from. A person may be in all of them.
    pub(super) fn places(entered: &Entered, targets: &[&Target], problem: Option<&Problem>) -> Self {
        let of_person = entered.by == By::Person;
        let tables: usize = targets.iter().map(|target| target.tables.len()).sum();
        let mut places = Vec::new();
        if of_person {
            places.push((String::new(), "all tables".to_owned()));
        } else if tables != 1 {
            places.push((String::new(), "choose a table".to_owned()));
        }
        for target in targets {
            if of_person && target.tables.len() > 1 {
                places.push((target.name.clone(), format!("all tables of {}", target.name)));
            }
            let named = target
                .tables
                .iter()
                .map(|table| format!("{}/{}", target.name, table.name));
            places.extend(named.map(|place| (place.clone(), place)));
        }
        Self {
            choices: Choice::all(places, entered.value(PLACE)),
            wrong: wrong(PLACE, problem),
        }
    }
}

impl Choice {
    /// Returns the values with their labels. A chosen value that is not among them is added.
    pub(super) fn all(values: impl IntoIterator<Item = (String, String)>, chosen: &str) -> Vec<Self> {
        let choice = |(value, label): (String, String)| Self {
            is_chosen: value == chosen,
            value,
            label,
        };
        let mut choices: Vec<Self> = values.into_iter().map(choice).collect();
        if !chosen.is_empty() && !choices.iter().any(|choice| choice.is_chosen) {
            choices.push(choice((chosen.to_owned(), chosen.to_owned())));
        }
        choices
    }
}
