//! The form with the filters of a list.

use askama::Template;

use super::filters::Filters;

/// The form with the filters of a list. A template shows it with `{{ form|safe }}`.
#[derive(Template)]
#[template(path = "console/filter_form.html")]
pub(super) struct FilterForm {
    /// The path of the list.
    path: &'static str,
    /// The name of the form, for readers who do not see it.
    label: &'static str,
    lists: Vec<List>,
    texts: Vec<Text>,
}

/// A filter with a list of values.
pub(super) struct List {
    name: &'static str,
    label: &'static str,
    choices: Vec<Choice>,
}

/// A value of a list.
struct Choice {
    value: String,
    is_chosen: bool,
}

/// A filter with a text.
struct Text {
    name: &'static str,
    label: &'static str,
    /// An example of a value.
    example: &'static str,
    value: String,
}

impl FilterForm {
    /// Returns the form with the values of a page. Each text has its parameter, its label and an example.
    pub(super) fn new(
        (path, label): (&'static str, &'static str),
        filters: &Filters,
        lists: Vec<List>,
        texts: &[(&'static str, &'static str, &'static str)],
    ) -> Self {
        let text = |&(name, label, example): &(&'static str, &'static str, &'static str)| Text {
            name,
            label,
            example,
            value: filters.value(name).to_owned(),
        };
        Self {
            path,
            label,
            lists,
            texts: texts.iter().map(text).collect(),
        }
    }
}

impl List {
    /// Returns a filter with its parameter, its label and its values.
    pub(super) fn new<'a>(
        filters: &Filters,
        (name, label): (&'static str, &'static str),
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let chosen = filters.value(name);
        let choice = |value: &str| Choice {
            value: value.to_owned(),
            is_chosen: value == chosen,
        };
        Self {
            name,
            label,
            choices: values.into_iter().map(choice).collect(),
        }
    }
}
