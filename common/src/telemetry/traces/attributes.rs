//! The spans of traces, and their attributes in the words of OpenTelemetry's semantic conventions.
//!
//! The tables are a list of what may leave the process. A field that no table has stays, such as a caller's id of a
//! request.

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use tracing::Metadata;

use Type::{Failure, Method, Number, Word};

/// The status of an answer.
pub(super) const STATUS: &str = "http.response.status_code";
/// The kind of a failure.
pub(super) const FAILURE: &str = "error.type";
/// The kind of a store's server.
pub(super) const SYSTEM: &str = "db.system.name";
/// The host of a store's server.
pub(super) const ADDRESS: &str = "server.address";

/// A span of traces.
struct Form {
    /// Its name in the program.
    span: &'static str,
    kind: SpanKind,
    /// The attributes that make its name.
    name: [&'static str; 2],
    /// Attributes that all spans of this form have.
    fixed: &'static [(&'static str, &'static str)],
    /// Fields, and the attributes that they become.
    fields: &'static [(&'static str, &'static str, Type)],
}

/// The type of an attribute.
#[derive(Debug, Clone, Copy)]
enum Type {
    Word,
    /// A word, and another one for all methods that have none.
    Method,
    Number,
    /// A word, unless it is "ok".
    Failure,
}

static FORMS: [Form; 3] = [
    Form {
        span: "http.request",
        kind: SpanKind::Server,
        name: ["http.request.method", "http.route"],
        fixed: &[],
        fields: &[
            ("http.route", "http.route", Word),
            ("http.method", "http.request.method", Method),
            (STATUS, STATUS, Number),
            (FAILURE, FAILURE, Word),
        ],
    },
    Form {
        span: "erase.partition",
        kind: SpanKind::Consumer,
        name: ["messaging.operation.name", "messaging.destination.name"],
        fixed: &[
            ("messaging.system", "lethe"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
        ],
        fields: &[
            ("target.name", "lethe.target", Word),
            ("table", "messaging.destination.name", Word),
            ("kind", "lethe.partition.kind", Word),
            ("partitions", "messaging.batch.message_count", Number),
            ("job.id", "lethe.job.id", Word),
            ("partition", "lethe.partition", Number),
            ("attempt", "lethe.attempt", Number),
        ],
    },
    Form {
        span: "store.call",
        kind: SpanKind::Client,
        name: ["db.operation.name", "lethe.target"],
        fixed: &[],
        fields: &[
            ("operation", "db.operation.name", Word),
            ("target.name", "lethe.target", Word),
            ("outcome", FAILURE, Failure),
            (SYSTEM, SYSTEM, Word),
            (ADDRESS, ADDRESS, Word),
        ],
    },
];

/// Returns whether traces have a span.
pub(in crate::telemetry) fn covers(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("lethe_") && form(metadata.name()).is_some()
}

fn form(span: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.span == span)
}

/// Returns a span in the words of the conventions, without anything that the tables do not have.
pub(super) fn conventional(mut span: SpanData) -> Option<SpanData> {
    let form = form(&span.name)?;
    let fixed = form.fixed.iter().map(|(key, value)| KeyValue::new(*key, *value));
    let noted = span.attributes.iter().filter_map(|noted| {
        let known = form.fields.iter().find(|(field, ..)| noted.key.as_str() == *field);
        let (_, attribute, kind) = known?;
        Some(KeyValue::new(*attribute, typed(&noted.value, *kind)?))
    });
    let attributes: Vec<KeyValue> = fixed.chain(noted).collect();
    let of = |key: &str| attributes.iter().find(|attribute| attribute.key.as_str() == key);
    let name: Vec<_> = form
        .name
        .iter()
        .filter_map(|key| of(key))
        .map(|attribute| attribute.value.as_str())
        .collect();
    span.name = name.join(" ").into();
    span.status = match of(FAILURE) {
        Some(_) => Status::error(""),
        None => Status::Unset,
    };
    span.span_kind = form.kind.clone();
    span.attributes = attributes;
    span.events.events.clear();
    Some(span)
}

/// Returns a value of this type. The program's spans hold large numbers as texts.
fn typed(value: &Value, kind: Type) -> Option<Value> {
    match (kind, value) {
        (Number, Value::String(text)) => text.as_str().parse().ok().map(Value::I64),
        (Method, Value::String(word)) if word.as_str() == "other" => Some("_OTHER".into()),
        (Number, Value::I64(_)) | (Word | Method, Value::String(_)) => Some(value.clone()),
        (Failure, Value::String(word)) => (word.as_str() != "ok").then(|| value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn sent(name: &'static str, fields: &[(&'static str, &'static str)]) -> Option<SpanData> {
        conventional(SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: fields.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        })
    }

    #[test]
    fn only_listed_fields_leave_in_the_words_of_the_conventions() {
        let fields = [
            ("http.method", "POST"),
            ("http.route", "/v1/jobs"),
            ("request.id", "alice"),
            ("error", "alice"),
        ];
        let span = sent("http.request", &fields).unwrap();
        assert_eq!(span.name, "POST /v1/jobs");
        let expected = [
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", "/v1/jobs"),
        ];
        assert_eq!(span.attributes, expected);
        let other = sent("http.request", &[("http.method", "other")]).unwrap();
        assert_eq!(other.attributes, [KeyValue::new("http.request.method", "_OTHER")]);
        assert!(sent("a.library.s.span", &[]).is_none());
    }

    #[test]
    fn numbers_are_numbers_and_only_failures_have_a_kind() {
        let span = sent(
            "erase.partition",
            &[("table", "7"), ("attempt", "2"), ("partitions", "x")],
        )
        .unwrap();
        let [.., table, attempt] = span.attributes.as_slice() else {
            panic!("{span:?}")
        };
        assert_eq!(*table, KeyValue::new("messaging.destination.name", "7"));
        assert_eq!(*attempt, KeyValue::new("lethe.attempt", 2_i64));

        let fine = sent("store.call", &[("outcome", "ok")]).unwrap();
        assert!(fine.attributes.is_empty() && fine.status == Status::Unset, "{fine:?}");
        let failed = sent("store.call", &[("outcome", "busy")]).unwrap();
        assert_eq!(failed.attributes, [KeyValue::new("error.type", "busy")]);
        assert_eq!(failed.status, Status::error(""));
    }
}
