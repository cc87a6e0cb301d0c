//! The conditions on a column's own value, or on values inside its JSON.

use lethe_common::filter::{Bounds, Comparison, Has, Path, Scalar, Type};

use super::super::column::{Declared, Holds, Kind};
use super::super::compare::{bytes, equals_value};
use super::super::dialect::Dialect;
use super::moment::Test;
use super::{Bind, Compiler, Part, joined};
use crate::store::StoreError;

// The elements of the JSON list in a bind, as an array of texts.
const TEXTS: &str = "ARRAY(SELECT pg_catalog.jsonb_array_elements_text({list}::pg_catalog.jsonb))";

/// Returns the type to which values for a column are converted.
pub(super) fn type_of(holds: &Holds) -> Type {
    match holds {
        Holds::Key(Kind::Uuid | Kind::NativeUuid) => Type::Uuid,
        Holds::Key(Kind::Bytes { uuids, .. }) | Holds::Declared(Declared::Bytes { uuids }) => {
            Type::Bytes { uuids: *uuids }
        }
        Holds::Key(Kind::Integer(bits) | Kind::Whole { bits, signed: true }) => Type::Integer(*bits),
        // One bit more for the unsigned range. Larger values than a filter's signed 64 bits match no filter value.
        Holds::Key(Kind::Whole { bits, signed: false }) => Type::Integer(bits + 1),
        Holds::Key(Kind::Text { .. } | Kind::Dynamic | Kind::Hex | Kind::Collated { .. })
        | Holds::Declared(Declared::Text | Declared::Converted) => Type::Text,
        Holds::Declared(Declared::Integer) => Type::Integer(64),
        Holds::Float => Type::Float,
        Holds::Numeric | Holds::Declared(Declared::Number | Declared::Stamp) => Type::Number,
        Holds::Bool | Holds::Declared(Declared::Bool) => Type::Bool,
        Holds::Time { .. } | Holds::Moments(_) => Type::Time,
        Holds::Counted { unit, .. } => Type::Counted(*unit),
        Holds::Json | Holds::Jsonb | Holds::Array | Holds::Declared(Declared::Json) => Type::Json,
        Holds::Declared(Declared::Any) => Type::Any,
    }
}

/// Returns whether a path is looked up in JSON.
pub(super) fn in_json(path: &Path, holds: &Holds) -> bool {
    !path.steps.is_empty() || type_of(holds) == Type::Json
}

/// Returns the condition that a text begins with a value or contains it, byte for byte.
pub(super) fn has_text(dialect: Dialect, has: Has, text: &str, value: &str) -> String {
    match (dialect, has) {
        (Dialect::Postgres, Has::Prefix) => {
            format!("pg_catalog.starts_with({text} COLLATE pg_catalog.\"C\", {value})")
        }
        (Dialect::Postgres, Has::Part) => format!("pg_catalog.strpos({text} COLLATE pg_catalog.\"C\", {value}) > 0"),
        (Dialect::Sqlite, Has::Prefix) => format!("substr({text}, 1, length({value})) = {value}"),
        (Dialect::Sqlite, Has::Part) => format!("instr({text}, {value}) > 0"),
        (Dialect::Mysql, Has::Prefix) => {
            let (text, value) = (bytes(text), bytes(value));
            format!("LEFT({text}, LENGTH({value})) = {value}")
        }
        (Dialect::Mysql, Has::Part) => format!("LOCATE({}, {}) > 0", bytes(value), bytes(text)),
    }
}

impl Compiler<'_> {
    /// Returns the condition on values that are compared with moments.
    fn about_moments(&mut self, path: &Path, test: &Test) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        Ok(Part::When(if in_json(path, &holds) {
            let source = self.json_source(&name, &holds, path);
            let right = self.json_moment(&path.column, test);
            source.with(&right)
        } else {
            self.moments(&path.column, &name, &holds, test)
        }))
    }

    /// Adds to a condition on numbers whether values that are no numbers match.
    fn about_numbers(&self, column: &str, name: &str, holds: &Holds, condition: String) -> String {
        match holds {
            Holds::Counted { number, .. } => self.of_numbers(name, number, condition, self.takes_unreadable(column)),
            Holds::Declared(Declared::Stamp) => self.of_numbers(name, holds, condition, self.takes_unreadable(column)),
            _ => condition,
        }
    }

    pub(super) fn one_of(&mut self, path: &Path, values: &[Scalar]) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        let json = in_json(path, &holds);
        let of = if json { Type::Json } else { type_of(&holds) };
        let values: Vec<Scalar> = values.iter().filter_map(|value| value.read(of)).collect();
        if values.is_empty() {
            return Ok(Part::Never);
        }
        match of {
            Type::Time => {
                let moments = values.iter().filter_map(Scalar::as_moment).collect();
                return self.about_moments(path, &Test::OneOf(moments));
            }
            Type::Counted(_) => {
                let moments: Vec<_> = values
                    .iter()
                    .filter(|value| matches!(value, Scalar::Text(_)))
                    .filter_map(Scalar::as_moment)
                    .collect();
                if moments.is_empty() {
                    let right = self.plain_one_of(&name, &holds, &values);
                    return Ok(Part::When(self.about_numbers(&path.column, &name, &holds, right)));
                }
                let numbers: Vec<Scalar> = values
                    .into_iter()
                    .filter(|value| !matches!(value, Scalar::Text(_)))
                    .collect();
                let mut parts = vec![self.moments(&path.column, &name, &holds, &Test::OneOf(moments))];
                if !numbers.is_empty() {
                    let right = self.plain_one_of(&name, &holds, &numbers);
                    parts.push(self.about_numbers(&path.column, &name, &holds, right));
                }
                return Ok(Part::When(joined(&parts, "OR")));
            }
            _ => {}
        }
        if json {
            let source = self.json_source(&name, &holds, path);
            let right = self.json_one_of(&values);
            return Ok(Part::When(source.with(&right)));
        }
        let right = self.plain_one_of(&name, &holds, &values);
        Ok(Part::When(self.about_numbers(&path.column, &name, &holds, right)))
    }

    fn plain_one_of(&mut self, name: &str, holds: &Holds, values: &[Scalar]) -> String {
        match (self.dialect, holds) {
            (_, Holds::Counted { number, .. }) => self.plain_one_of(name, number, values),
            (Dialect::Mysql, _) => self.mysql_one_of(name, holds, values),
            (Dialect::Postgres | Dialect::Sqlite, Holds::Declared(declared)) => {
                self.declared_one_of(name, *declared, values)
            }
            (Dialect::Postgres | Dialect::Sqlite, _) => self.typed_one_of(name, holds, values),
        }
    }

    pub(super) fn exists(&mut self, path: &Path) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        if in_json(path, &holds) {
            let source = self.json_source(&name, &holds, path);
            let right = self.json_exists();
            return Ok(Part::When(source.with(&right)));
        }
        Ok(Part::When(format!("({name} IS NOT NULL)")))
    }

    pub(super) fn opaque(&mut self, path: &Path) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        // Only JSON has lists and objects.
        if !in_json(path, &holds) {
            return Ok(Part::Never);
        }
        let source = self.json_source(&name, &holds, path);
        let right = self.json_opaque();
        Ok(Part::When(source.with(&right)))
    }

    pub(super) fn text(&mut self, path: &Path, has: Has, text: &str) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        let json = in_json(path, &holds);
        let of = if json { Type::Json } else { type_of(&holds) };
        // No text of PostgreSQL holds NUL.
        if !matches!(of, Type::Text | Type::Json | Type::Any) || text.contains('\0') {
            return Ok(Part::Never);
        }
        if json {
            let source = self.json_source(&name, &holds, path);
            let right = self.json_text(has, text);
            return Ok(Part::When(source.with(&right)));
        }
        let value = self.bind(Bind::Text(text.to_owned()));
        Ok(Part::When(if let Holds::Declared(declared) = &holds {
            let right = has_text(self.dialect, has, &format!("CAST({name} AS TEXT)"), &value);
            let typed = typed_as_text(&name, *declared);
            format!("({right} AND typeof({name}) <> 'blob'{typed})")
        } else {
            let text = match self.dialect {
                Dialect::Mysql => name,
                Dialect::Postgres | Dialect::Sqlite => format!("{name}::pg_catalog.text"),
            };
            format!("({})", has_text(self.dialect, has, &text, &value))
        }))
    }

    pub(super) fn range(&mut self, path: &Path, bounds: &Bounds) -> Result<Part, StoreError> {
        let (name, holds) = self.column(path)?;
        let holds = holds.clone();
        let json = in_json(path, &holds);
        let of = if json { Type::Json } else { type_of(&holds) };
        if let Some(moments) = bounds.as_moments(of) {
            return self.about_moments(path, &Test::Within(moments));
        }
        let bounds: Option<Vec<(Comparison, Scalar)>> = bounds
            .within(of)
            .given()
            .map(|(comparison, bound)| Some((comparison, bound.read_bound(of)?)))
            .collect();
        let Some(bounds) = bounds.filter(|bounds| !bounds.is_empty()) else {
            return Ok(Part::Never);
        };
        if json {
            let source = self.json_source(&name, &holds, path);
            let right = self.json_range(&bounds);
            return Ok(Part::When(source.with(&right)));
        }
        let plain = match &holds {
            Holds::Counted { number, .. } => number,
            plain => plain,
        };
        let parts: Vec<String> = bounds
            .into_iter()
            .map(|(comparison, bound)| match (self.dialect, plain) {
                (Dialect::Mysql, _) => self.mysql_bound(&name, plain, comparison, &bound),
                (_, Holds::Declared(declared)) => self.declared_bound(&name, *declared, comparison, bound),
                (Dialect::Postgres | Dialect::Sqlite, _) => self.typed_bound(&name, plain, comparison, &bound),
            })
            .collect();
        let right = joined(&parts, "AND");
        Ok(Part::When(self.about_numbers(&path.column, &name, &holds, right)))
    }

    /// PostgreSQL: compares by the column's type, so that its index is used.
    fn typed_one_of(&mut self, name: &str, holds: &Holds, values: &[Scalar]) -> String {
        if let Holds::Bool = holds {
            let has = |wanted| values.contains(&Scalar::Bool(wanted));
            return match (has(true), has(false)) {
                (true, true) => format!("({name} IS NOT NULL)"),
                (wanted, _) => format!("({name} = {wanted})"),
            };
        }
        let texts: Vec<String> = values.iter().map(|value| typed_text(holds, value)).collect();
        if let (Holds::Key(kind @ Kind::Text { .. }), [text]) = (holds, texts.as_slice()) {
            let value = self.bind(Bind::Text(text.clone()));
            return format!("({})", equals_value(kind, name, &value));
        }
        let list = self.bind(Bind::Text(serde_json::json!(texts).to_string()));
        let array = TEXTS.replace("{list}", &list);
        match holds {
            Holds::Key(Kind::Text { type_name, equals, .. }) => format!(
                "({name} {equals} ANY ({array}::{type_name}[]) \
                 AND {name}::pg_catalog.text COLLATE pg_catalog.\"C\" = ANY ({array}))"
            ),
            _ => format!("({name} = ANY ({array}::{}[]))", type_name(holds)),
        }
    }

    fn typed_bound(&mut self, name: &str, holds: &Holds, comparison: Comparison, bound: &Scalar) -> String {
        let value = self.bind(Bind::Text(typed_text(holds, bound)));
        let operator = comparison.operator();
        match holds {
            Holds::Key(Kind::Text { .. }) => {
                format!("({name}::pg_catalog.text COLLATE pg_catalog.\"C\" {operator} {value})")
            }
            Holds::Key(Kind::Integer(_)) if matches!(bound, Scalar::Float(_)) => {
                format!("({name}::pg_catalog.numeric {operator} {value}::pg_catalog.numeric)")
            }
            // PostgreSQL treats NaN as greater than all numbers.
            Holds::Float | Holds::Numeric => {
                let type_name = type_name(holds);
                format!("({name} {operator} {value}::{type_name} AND {name} <> 'NaN'::{type_name})")
            }
            _ => format!("({name} {operator} {value}::{})", type_name(holds)),
        }
    }

    /// SQLite: each value has its own type, which must be the type in the filter.
    pub(super) fn declared_one_of(&mut self, name: &str, declared: Declared, values: &[Scalar]) -> String {
        if declared == Declared::Bool {
            let has = |wanted| values.contains(&Scalar::Bool(wanted));
            let numbers = match (has(true), has(false)) {
                (true, true) => "0, 1",
                (true, false) => "1",
                (false, _) => "0",
            };
            return format!("({name} IN ({numbers}))");
        }
        if matches!(declared, Declared::Bytes { .. }) {
            let list = self.bind(Bind::Text(serde_json::json!(values).to_string()));
            return format!("({name} IN (SELECT unhex(value) FROM json_each({list})))");
        }
        let mut parts = Vec::new();
        let texts: Vec<&Scalar> = values.iter().filter(|value| matches!(value, Scalar::Text(_))).collect();
        let numbers: Vec<&Scalar> = values
            .iter()
            .filter(|value| matches!(value, Scalar::Integer(_) | Scalar::Float(_)))
            .collect();
        if let [Scalar::Text(text)] = texts.as_slice() {
            let value = self.bind(Bind::Text(text.clone()));
            // As in [`equals_value`]; a number in such a column is not a text.
            let typed = typed_as_text(name, declared);
            parts.push(format!(
                "({name} = {value} AND CAST({name} AS TEXT) = {value} COLLATE BINARY{typed})"
            ));
        } else if !texts.is_empty() {
            let list = self.bind(Bind::Text(serde_json::json!(texts).to_string()));
            let typed = typed_as_text(name, declared);
            let listed = format!("(SELECT value FROM json_each({list}))");
            parts.push(format!(
                "({name} IN {listed} AND CAST({name} AS TEXT) COLLATE BINARY IN {listed}{typed})"
            ));
        }
        if !numbers.is_empty() {
            let list = self.bind(Bind::Text(serde_json::json!(numbers).to_string()));
            parts.push(format!(
                "({name} IN (SELECT value FROM json_each({list})) AND typeof({name}) IN ('integer', 'real'))"
            ));
        }
        if parts.is_empty() {
            // The filter names only true and false, which no such column holds.
            return "(1 = 0)".to_owned();
        }
        joined(&parts, "OR")
    }

    fn declared_bound(&mut self, name: &str, declared: Declared, comparison: Comparison, bound: Scalar) -> String {
        // A column of numeric affinity converts a bound that looks like a number, and every text is greater
        // than every number. The plus removes the affinity, and with it the use of the index.
        let name = match (&bound, declared) {
            (Scalar::Text(_), declared) if !matches!(declared, Declared::Text | Declared::Bytes { .. }) => {
                format!("+{name}")
            }
            _ => name.to_owned(),
        };
        let operator = comparison.operator();
        if let (Scalar::Text(digits), Declared::Bytes { .. }) = (&bound, declared) {
            let value = self.bind(Bind::Text(digits.clone()));
            return format!("({name} {operator} unhex({value}) AND typeof({name}) = 'blob')");
        }
        let (value, types) = match bound {
            Scalar::Text(text) => (Bind::Text(text), "'text'"),
            Scalar::Integer(number) => (Bind::Integer(number), "'integer', 'real'"),
            Scalar::Float(number) => (Bind::Float(number), "'integer', 'real'"),
            Scalar::Bool(_) => return "(1 = 0)".to_owned(),
        };
        let value = self.bind(value);
        format!("({name} COLLATE BINARY {operator} {value} AND typeof({name}) IN ({types}))")
    }
}

/// Returns the condition that a value is a text. A column declared for texts needs none: a number there is
/// found by its text, as an id is. In a column declared for anything it is a number.
fn typed_as_text(name: &str, declared: Declared) -> String {
    match declared {
        Declared::Text | Declared::Converted => String::new(),
        _ => format!(" AND typeof({name}) = 'text'"),
    }
}

/// Returns a value as a text of PostgreSQL or MySQL.
pub(super) fn typed_text(holds: &Holds, value: &Scalar) -> String {
    match (holds, value) {
        (
            Holds::Key(Kind::Bytes {
                dialect: Dialect::Postgres,
                ..
            }),
            Scalar::Text(digits),
        ) => format!("\\x{digits}"),
        (_, Scalar::Text(text)) => text.clone(),
        (_, Scalar::Integer(number)) => number.to_string(),
        (_, Scalar::Float(number)) => serde_json::json!(number).to_string(),
        (_, Scalar::Bool(value)) => value.to_string(),
    }
}

pub(super) fn type_name(holds: &Holds) -> &str {
    match holds {
        Holds::Counted { number, .. } => type_name(number),
        Holds::Key(Kind::Uuid) => "pg_catalog.uuid",
        Holds::Key(Kind::Bytes {
            dialect: Dialect::Postgres,
            ..
        }) => "pg_catalog.bytea",
        Holds::Key(Kind::Integer(_)) => "pg_catalog.int8",
        Holds::Float => "pg_catalog.float8",
        Holds::Numeric => "pg_catalog.numeric",
        Holds::Bool => "pg_catalog.bool",
        Holds::Time { type_name } => type_name,
        Holds::Key(
            Kind::Text { .. }
            | Kind::Dynamic
            | Kind::Hex
            | Kind::Collated { .. }
            | Kind::Whole { .. }
            | Kind::NativeUuid
            | Kind::Bytes { .. },
        )
        | Holds::Json
        | Holds::Jsonb
        | Holds::Array
        | Holds::Moments(_)
        | Holds::Declared(_) => "pg_catalog.text",
    }
}
