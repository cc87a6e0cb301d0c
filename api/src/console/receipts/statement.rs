//! The statement of a receipt in plain words. Times stay as they were signed, in UTC.

use std::collections::BTreeMap;

use askama::Template;
use lethe_common::receipt::Body;
use lethe_common::receipt::body::{Method, Place, StoreOf};

use super::facts::{Fact, Facts, fact};
use super::meaning;
use crate::console::{due, words};

/// The statement. A template shows it with `{{ statement|safe }}`.
#[derive(Template)]
#[template(path = "console/receipt_statement.html")]
pub(super) struct Statement {
    facts: Facts,
    stores: Vec<Store>,
}

/// The result in a store.
struct Store {
    name: String,
    method: &'static str,
    memories: String,
    dependents: String,
    attempted: String,
}

impl Statement {
    /// Returns the statement of an issuer.
    pub(super) fn of(issuer: &str, body: &Body) -> Self {
        let parts = [request(issuer, body), times(body), selection(body), outcome(body)];
        Self {
            facts: Facts::new(("statement", "What the receipt states"), parts.into_iter().flatten()),
            stores: body.stores.iter().map(Store::of).collect(),
        }
    }
}

fn request(issuer: &str, body: &Body) -> Vec<Option<Fact>> {
    let (job, request) = (&body.job, &body.request);
    let ground = request.ground.map(|ground| format!("Article {} GDPR", ground.as_str()));
    vec![
        fact("Issuer", [issuer.to_owned()]),
        fact("Receipt", [body.receipt_id.to_string()]),
        fact(
            "Written by",
            [format!("{}, version {} of the statement", body.software, body.version)],
        ),
        fact("Job", [job.id.to_string()]),
        fact(
            "Attempt and ending",
            [format!("attempt {}, ending {}", job.attempt, job.ending)],
        ),
        fact("Keyed hash of the caller", request.asked_by.clone()),
        fact("Reference", request.reference.clone()),
        fact("Regulation", request.regulation.clone()),
        fact("Ground", ground),
        fact("Keyed hash of the request", [request.hash.clone()]),
    ]
}

fn times(body: &Body) -> Vec<Option<Fact>> {
    let times = &body.times;
    let extended = times.extended.as_ref();
    let extended = extended.map(|extended| format!("from {}: {}", extended.from, due::extension(extended.reason)));
    vec![
        fact("Received", [times.received.to_string()]),
        fact("Accepted", [times.accepted.to_string()]),
        fact("Due", times.due.map(|at| at.to_string())),
        fact("Due time extended", extended),
        fact("Started", times.started.map(|at| at.to_string())),
        fact("Completed", [times.completed.to_string()]),
    ]
}

fn selection(body: &Body) -> Vec<Option<Fact>> {
    let selection = &body.selection;
    vec![
        fact("Selected", [meaning::selector(selection.kind).to_owned()]),
        fact("Keyed hashes of the person", selection.persons.iter().cloned()),
        fact("Places", selection.places.iter().map(place)),
    ]
}

fn outcome(body: &Body) -> Vec<Option<Fact>> {
    let (read_back, removal, status) = (&body.read_back, &body.removal, body.status);
    let rounds = words::many(read_back.rounds, "further round", "further rounds");
    let held = body.held.iter().map(|held| {
        let memories = words::many(held.memories, "memory", "memories");
        format!("{memories} by {}, ground {}", held.hold, held.ground.as_str())
    });
    let told = body.recipients.iter().map(|recipient| match recipient.delivered {
        Some(at) => format!("{}, confirmed at {at}", recipient.name),
        None => format!("{}, not confirmed yet", recipient.name),
    });
    vec![
        fact("State", [meaning::state(status)]),
        fact("Result", [meaning::result(body).to_owned()]),
        fact("Reading back", [meaning::read_back(read_back.result).to_owned()]),
        fact("Read back at", read_back.at.map(|at| at.to_string())),
        fact("Rounds after reading back", (read_back.rounds > 0).then_some(rounds)),
        fact("No query finds it since", removal.logical.map(|at| at.to_string())),
        fact(
            "Overwritten by the stores",
            [removal
                .physical
                .map_or_else(|| "not measured".to_owned(), |at| at.to_string())],
        ),
        fact("Held", held),
        fact("Recipients told", told),
        fact(
            "Kept from coming back until",
            body.remains.suppression_until.map(|at| at.to_string()),
        ),
        fact("Keyed hashes of the workers", body.ran_by.iter().cloned()),
    ]
}

fn place(place: &Place) -> String {
    let table = format!("{}/{}", place.target, place.table);
    match &place.collection {
        Some(collection) => format!("{table}, with the collection {collection}"),
        None => table,
    }
}

impl Store {
    fn of(store: &StoreOf) -> Self {
        let listed = |counts: &BTreeMap<String, u64>| {
            let each = counts.iter().map(|(word, n)| format!("{} {word}", words::count(*n)));
            each.collect::<Vec<_>>().join(", ")
        };
        let begun = [store.first_attempt, store.last_attempt].map(|at| at.map(|at| at.to_string()));
        let attempted = match begun {
            [Some(first), Some(last)] if first == last => first,
            [Some(first), Some(last)] => format!("{first} to {last}"),
            [one, other] => one.or(other).unwrap_or_default(),
        };
        Self {
            name: words::store(store.store.as_str(), &store.target),
            method: match store.method {
                Method::DeleteByIdUnderConditions => "by id, under the conditions of the job",
            },
            memories: listed(&store.counts),
            dependents: listed(&store.dependents),
            attempted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn a_statement_is_said_in_words() {
        let text = Statement::of("lethe.example", &example()).render().unwrap();
        for said in [
            "lethe.example",
            "Article 17(1)(b) GDPR",
            "DSR-4711",
            "2026-03-31T09:00:01.020Z",
            "from 2026-04-30T09:00:00.000Z: the request is complex",
            "everything of a person",
            "main/memories, with the collection memories",
            "SQL database of main",
            "7 erased, 2 held",
            "21 memory_chunks",
            "all stores were asked again under the same conditions",
            "2 memories by case-77, ground 17(3)(e)",
            "analytics, not confirmed yet",
            "not measured",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn a_field_without_a_value_has_no_row() {
        let mut body = example();
        body.request.reference = None;
        body.times.due = None;
        body.times.extended = None;
        body.held.clear();
        let text = Statement::of("lethe.example", &body).render().unwrap();
        for absent in ["Reference", "Due", "Held", "Rounds"] {
            assert!(!text.contains(&format!(">{absent}")), "{absent}: {text}");
        }
    }

    #[test]
    fn a_word_of_the_issuer_is_never_markup() {
        let mut body = example();
        body.request.reference = Some("<script>".to_owned());
        let text = Statement::of("<b>", &body).render().unwrap();
        assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
    }
}
