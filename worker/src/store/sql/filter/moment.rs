//! Conditions on moments. A column holds moments as texts, in a date type, or as numbers.
//!
//! Some local times are ambiguous or do not exist, in the nights on which clocks change. No filter selects such a
//! row: a condition on it is false, and a negated condition is true. A value that is no moment at all fails the job
//! before it begins (`SqlTable::decided`).

mod newest;
mod number;
mod text;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use lethe_common::filter::{Comparison, Zone};

use super::super::column::{Declared, Holds};
use super::super::dialect::Dialect;
use super::{Bind, Compiler, joined};
pub(super) use newest::newest_of;
use text::ReadText;

/// A filter's condition on a moment.
pub(super) enum Test {
    /// All of these are true.
    Within(Vec<(Comparison, Timestamp)>),
    /// It is one of these.
    OneOf(Vec<Timestamp>),
}

/// How a database compares moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As texts of one form.
    Text,
    /// As values of a date type.
    Timestamp,
    TimestampTz,
    DateTime,
}

/// An SQL expression whose values are moments.
struct Value<'a> {
    text: &'a str,
    form: Form,
    /// The zone of its local times.
    zone: Option<&'a Zone>,
}

/// Returns how the database compares values of a type, and whether they are local times.
fn native(dialect: Dialect, type_name: &str) -> (Form, bool) {
    match (dialect, type_name) {
        (Dialect::Postgres, "pg_catalog.timestamptz") => (Form::TimestampTz, false),
        (Dialect::Postgres | Dialect::Sqlite, _) => (Form::Timestamp, true),
        // The session's time zone is UTC.
        (Dialect::Mysql, "timestamp") => (Form::DateTime, false),
        (Dialect::Mysql, _) => (Form::DateTime, true),
    }
}

/// Returns the expression by which the database compares a column with a date type.
fn comparable(name: &str, type_name: &str) -> String {
    if type_name == "pg_catalog.date" {
        format!("{name}::pg_catalog.timestamp")
    } else {
        name.to_owned()
    }
}

/// Returns the condition that a value with a date type is a moment.
fn is_moment(dialect: Dialect, name: &str, type_name: &str) -> String {
    match dialect {
        // Infinities are no moments, nor are years without four digits.
        Dialect::Postgres if type_name == "pg_catalog.timestamptz" => {
            format!("{name} >= '0001-01-01 00:00+00'::{type_name} AND {name} < '10000-01-01 00:00+00'::{type_name}")
        }
        Dialect::Postgres => format!("{name} >= '0001-01-01'::{type_name} AND {name} < '10000-01-01'::{type_name}"),
        // A date, its month or its day may be zero.
        Dialect::Mysql | Dialect::Sqlite => {
            format!("YEAR({name}) <> 0 AND MONTH({name}) <> 0 AND DAYOFMONTH({name}) <> 0")
        }
    }
}

fn form(dialect: Dialect) -> Form {
    match dialect {
        Dialect::Sqlite => Form::Text,
        Dialect::Postgres => Form::Timestamp,
        Dialect::Mysql => Form::DateTime,
    }
}

impl Form {
    fn cast(self, value: &str) -> String {
        match self {
            Self::Text => value.to_owned(),
            Self::Timestamp => format!("{value}::pg_catalog.timestamp"),
            Self::TimestampTz => format!("{value}::pg_catalog.timestamptz"),
            Self::DateTime => format!("CAST({value} AS DATETIME(6))"),
        }
    }

    fn written(self, at: DateTime) -> String {
        match self {
            // The statement writes the texts that it reads in this form.
            Self::Text => {
                let text = at.strftime("%Y-%m-%dT%H:%M:%S.%9f").to_string();
                text.trim_end_matches('0').to_owned()
            }
            Self::Timestamp | Self::DateTime => at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
            Self::TimestampTz => at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00").to_string(),
        }
    }

    /// Returns a moment in the form's precision, and whether digits were cut off.
    fn rounded(self, at: Timestamp) -> (Timestamp, bool) {
        if self == Self::Text {
            return (at, false);
        }
        let more = at.as_nanosecond().rem_euclid(1_000);
        let floor = Timestamp::from_nanosecond(at.as_nanosecond() - more).unwrap_or(at);
        (floor, more > 0)
    }
}

impl Value<'_> {
    fn local(&self, at: Timestamp) -> String {
        let at = self
            .zone
            .map_or_else(|| Offset::UTC.to_datetime(at), |zone| zone.local(at));
        self.form.written(at)
    }
}

impl Compiler<'_> {
    /// Returns whether an unreadable value matches. It does where a match keeps the row, and where a plan looks for
    /// such rows.
    pub(super) fn takes_unreadable(&self, column: &str) -> bool {
        let is_lenient = self.lenient.is_some_and(|live| self.dialect.is_column(live, column));
        self.negated != is_lenient
    }

    /// Returns the condition on a column that holds moments.
    pub(super) fn moments(&mut self, column: &str, name: &str, holds: &Holds, test: &Test) -> String {
        let takes_unreadable = self.takes_unreadable(column);
        match holds {
            Holds::Counted { unit, number } => self.counted(name, *unit, number, test, takes_unreadable),
            Holds::Time { type_name } => self.typed(name, type_name, test, takes_unreadable),
            _ => {
                let condition = self.text_moment(&as_text(self.dialect, name), test, takes_unreadable);
                if takes_unreadable {
                    return format!("({name} IS NOT NULL AND {condition})");
                }
                match self.coarse(name, test).filter(|_| !self.negated) {
                    Some(coarse) => format!("({coarse} AND {condition})"),
                    None => condition,
                }
            }
        }
    }

    /// Returns the condition on a text.
    pub(super) fn text_moment(&mut self, written: &str, test: &Test, takes_unreadable: bool) -> String {
        let ReadText { from, value, is_local } = text::read(self.dialect, written);
        let form = form(self.dialect);
        let of = |zone| Value {
            text: &value,
            form,
            zone,
        };
        let zone = self.mapping.zone.as_ref();
        let mut condition = self.compared(&of(None), test);
        if zone.is_some() {
            let local = of(zone);
            let compared = self.compared(&local, test);
            let local = self.without_doubt(&local, compared);
            condition = format!("CASE WHEN {is_local} THEN {local} ELSE {condition} END");
        }
        if takes_unreadable {
            condition = format!("({value} IS NULL OR {condition})");
        }
        match from {
            Some(from) => format!("(SELECT {condition} FROM ({from}) AS n)"),
            None => format!("({condition})"),
        }
    }

    fn typed(&mut self, name: &str, type_name: &str, test: &Test, takes_unreadable: bool) -> String {
        let (form, is_local) = native(self.dialect, type_name);
        let value = Value {
            text: &comparable(name, type_name),
            form,
            zone: self.mapping.zone.as_ref().filter(|_| is_local),
        };
        let compared = self.compared(&value, test);
        let condition = self.without_doubt(&value, compared);
        let is_moment = is_moment(self.dialect, name, type_name);
        if takes_unreadable {
            format!("({condition} OR NOT ({is_moment}))")
        } else {
            format!("({condition} AND {is_moment})")
        }
    }

    /// Excludes ambiguous and missing local times from a condition; a negated condition includes them.
    fn without_doubt(&mut self, value: &Value<'_>, condition: String) -> String {
        let Some(doubtful) = value.zone.and_then(|zone| self.doubtful(value, zone)) else {
            return condition;
        };
        if self.negated {
            format!("({condition} OR {doubtful})")
        } else {
            format!("({condition} AND NOT {doubtful})")
        }
    }

    /// Returns the condition that a local time is ambiguous or does not exist.
    fn doubtful(&mut self, value: &Value<'_>, zone: &Zone) -> Option<String> {
        let Value { text, form, .. } = value;
        let mut parts = Vec::new();
        if !zone.doubtful().is_empty() {
            let (days, times) = self.doubts(zone, *form);
            parts.push(match self.dialect {
                // The day comes first: most rows need no other comparison.
                Dialect::Sqlite => format!(
                    "(substr({text}, 1, 10) IN (SELECT value FROM json_each({days})) AND EXISTS (SELECT 1 \
                     FROM json_each({times}) AS d WHERE {text} >= json_extract(d.value, '$[0]') \
                     AND {text} < json_extract(d.value, '$[1]')))"
                ),
                Dialect::Postgres => format!(
                    "({text}::pg_catalog.date = ANY (ARRAY(SELECT pg_catalog.jsonb_array_elements_text({days}::pg_catalog.jsonb))::pg_catalog.date[]) \
                     AND EXISTS (SELECT 1 FROM pg_catalog.jsonb_array_elements({times}::pg_catalog.jsonb) AS d(t) \
                     WHERE {text} >= (d.t->>0)::pg_catalog.timestamp AND {text} < (d.t->>1)::pg_catalog.timestamp))"
                ),
                Dialect::Mysql => format!(
                    "(CAST({text} AS DATE) IN (SELECT d.d FROM JSON_TABLE(CONVERT({days} USING utf8mb4), '$[*]' \
                     COLUMNS (d DATE PATH '$')) AS d) AND EXISTS (SELECT 1 FROM JSON_TABLE(CONVERT({times} USING utf8mb4), \
                     '$[*]' COLUMNS (a DATETIME PATH '$[0]', b DATETIME PATH '$[1]')) AS d WHERE {text} >= d.a AND {text} < d.b))"
                ),
            });
        }
        if let Some(from) = zone.unknown_from() {
            let from = self.bind(Bind::Text(form.written(from)));
            parts.push(format!("{text} >= {}", form.cast(&from)));
        }
        (!parts.is_empty()).then(|| joined(&parts, "OR"))
    }

    /// Binds the doubtful times and their days, once for a statement; returns both binds, days first.
    fn doubts(&mut self, zone: &Zone, form: Form) -> (String, String) {
        let first = self.doubts.unwrap_or_else(|| {
            let mut days = Vec::new();
            let mut times = Vec::new();
            for (from, to) in zone.doubtful() {
                days.extend(
                    from.date()
                        .series(jiff::Span::new().days(1))
                        .take_while(|day| *day <= to.date()),
                );
                times.push([form.written(*from), form.written(*to)]);
            }
            days.dedup();
            let days: Vec<String> = days.iter().map(ToString::to_string).collect();
            let first = self.values.len();
            self.bind(Bind::Text(serde_json::json!(days).to_string()));
            self.bind(Bind::Text(serde_json::json!(times).to_string()));
            first
        });
        self.doubts = Some(first);
        let bound = |n: usize| format!("${}", self.first + n);
        (bound(first), bound(first + 1))
    }

    fn compared(&mut self, value: &Value<'_>, test: &Test) -> String {
        let Value { text, form, .. } = value;
        match test {
            Test::Within(bounds) => {
                let parts: Vec<String> = bounds
                    .iter()
                    .map(|(comparison, at)| {
                        let (at, more) = form.rounded(*at);
                        let comparison = match comparison {
                            Comparison::Lt | Comparison::Lte if more => Comparison::Lte,
                            Comparison::Gt | Comparison::Gte if more => Comparison::Gt,
                            comparison => *comparison,
                        };
                        let bound = self.bind(Bind::Text(value.local(at)));
                        format!("{text} {} {}", comparison.operator(), form.cast(&bound))
                    })
                    .collect();
                joined(&parts, "AND")
            }
            Test::OneOf(moments) => {
                let exact = moments.iter().map(|at| form.rounded(*at)).filter(|(_, more)| !more);
                let texts: Vec<String> = exact.map(|(at, _)| value.local(at)).collect();
                let list = self.bind(Bind::Text(serde_json::json!(texts).to_string()));
                match form {
                    Form::Text => format!("{text} IN (SELECT value FROM json_each({list}))"),
                    Form::Timestamp | Form::TimestampTz => format!(
                        "{text} = ANY (ARRAY(SELECT pg_catalog.jsonb_array_elements_text({list}::pg_catalog.jsonb)){})",
                        form.cast("") + "[]"
                    ),
                    Form::DateTime => format!(
                        "{text} IN (SELECT CAST(v.v AS DATETIME(6)) FROM JSON_TABLE(CONVERT({list} USING utf8mb4), '$[*]' \
                         COLUMNS (v VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS v)"
                    ),
                }
            }
        }
    }

    /// SQLite: returns bounds on the day that a text begins with. An index serves these bounds, and not the moment
    /// that the statement reads from the text. An offset is less than a day.
    fn coarse(&mut self, name: &str, test: &Test) -> Option<String> {
        match self.dialect {
            Dialect::Sqlite => {}
            Dialect::Postgres | Dialect::Mysql => return None,
        }
        let (least, most) = match test {
            Test::Within(bounds) => {
                let of = |wanted: [Comparison; 2]| {
                    bounds
                        .iter()
                        .filter(move |(comparison, _)| wanted.contains(comparison))
                        .map(|(_, at)| *at)
                };
                (
                    of([Comparison::Gt, Comparison::Gte]).max(),
                    of([Comparison::Lt, Comparison::Lte]).min(),
                )
            }
            Test::OneOf(moments) => (moments.iter().min().copied(), moments.iter().max().copied()),
        };
        let day = |at: Timestamp, days: i64| {
            let date = Offset::UTC
                .to_datetime(at)
                .date()
                .checked_add(jiff::Span::new().days(days));
            date.ok().filter(|date| date.year() > 0)
        };
        let mut parts = Vec::new();
        for (operator, day) in [
            (">=", least.and_then(|at| day(at, -1))),
            ("<", most.and_then(|at| day(at, 2))),
        ] {
            let Some(day) = day else { continue };
            let bound = self.bind(Bind::Text(day.to_string()));
            parts.push(format!("{name} COLLATE BINARY {operator} {bound}"));
        }
        (!parts.is_empty()).then(|| joined(&parts, "AND"))
    }
}

/// Returns the condition that a value is unreadable as a moment; `None` if no value of the column can be.
pub(in super::super) fn unreadable(dialect: Dialect, name: &str, holds: &Holds) -> Option<String> {
    let readable = match holds {
        Holds::Time { type_name } => is_moment(dialect, name, type_name),
        Holds::Moments(_) => {
            let ReadText { from, value, .. } = text::read(dialect, &as_text(dialect, name));
            match from {
                Some(from) => format!("(SELECT {value} IS NOT NULL FROM ({from}) AS n)"),
                None => format!("{value} IS NOT NULL"),
            }
        }
        Holds::Counted { number, .. } => return unreadable(dialect, name, number),
        Holds::Declared(Declared::Integer | Declared::Number | Declared::Any | Declared::Stamp) => {
            number::is_number(name)
        }
        Holds::Float | Holds::Numeric => match dialect {
            Dialect::Postgres => number::is_no_nan(name, holds),
            Dialect::Sqlite | Dialect::Mysql => return None,
        },
        _ => return None,
    };
    Some(format!("({name} IS NOT NULL AND NOT ({readable}))"))
}

/// Returns a column of texts, whatever type of texts it is.
fn as_text(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("{name}::pg_catalog.text"),
        Dialect::Sqlite | Dialect::Mysql => name.to_owned(),
    }
}
