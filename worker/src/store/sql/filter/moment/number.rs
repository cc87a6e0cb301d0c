//! Numbers that count time since 1970, compared with moments exactly.

use jiff::Timestamp;
use lethe_common::filter::{Comparison, Counted, Unit};

use super::super::super::column::{Holds, Kind};
use super::super::super::dialect::Dialect;
use super::super::{Bind, Compiler, joined, mysql};
use super::Test;

/// SQLite: returns the condition that a value is a number.
pub(super) fn is_number(name: &str) -> String {
    format!("typeof({name}) IN ('integer', 'real')")
}

/// PostgreSQL: returns the condition that a number is not NaN.
pub(super) fn is_no_nan(name: &str, holds: &Holds) -> String {
    let type_name = super::super::leaf::type_name(holds);
    format!("{name} <> 'NaN'::{type_name}")
}

impl Compiler<'_> {
    pub(super) fn counted(
        &mut self,
        name: &str,
        unit: Unit,
        number: &Holds,
        test: &Test,
        takes_unreadable: bool,
    ) -> String {
        let condition = match test {
            Test::Within(bounds) => self.counted_within(name, unit, number, bounds),
            Test::OneOf(moments) => {
                let one = |at: &Timestamp| [(Comparison::Gte, *at), (Comparison::Lte, *at)];
                let parts: Vec<String> = moments
                    .iter()
                    .map(|at| self.counted_within(name, unit, number, &one(at)))
                    .collect();
                if parts.is_empty() {
                    "(1 = 0)".to_owned()
                } else {
                    joined(&parts, "OR")
                }
            }
        };
        self.of_numbers(name, number, condition, takes_unreadable)
    }

    /// Adds to a condition on numbers whether values that are no numbers match.
    pub(in super::super) fn of_numbers(
        &self,
        name: &str,
        number: &Holds,
        condition: String,
        takes_unreadable: bool,
    ) -> String {
        let readable = match (self.dialect, number) {
            (Dialect::Sqlite, _) => is_number(name),
            (Dialect::Postgres, Holds::Float | Holds::Numeric) => is_no_nan(name, number),
            _ => return condition,
        };
        if takes_unreadable {
            format!("({name} IS NOT NULL AND ({condition} OR NOT ({readable})))")
        } else {
            format!("({condition} AND {readable})")
        }
    }

    fn counted_within(&mut self, name: &str, unit: Unit, number: &Holds, bounds: &[(Comparison, Timestamp)]) -> String {
        let parts: Vec<String> = bounds
            .iter()
            .map(|(comparison, at)| {
                let at = Counted::new(*at, unit);
                let (comparison, bound) = self.counted_bound(number, *comparison, at);
                format!("{name} {} {bound}", comparison.operator())
            })
            .collect();
        joined(&parts, "AND")
    }

    fn counted_bound(&mut self, number: &Holds, comparison: Comparison, at: Counted) -> (Comparison, String) {
        match (self.dialect, number) {
            (_, Holds::Numeric) => {
                let digits = self.bind(Bind::Text(at.digits()));
                let bound = match self.dialect {
                    Dialect::Mysql => mysql::typed(number, &digits),
                    Dialect::Postgres | Dialect::Sqlite => format!("{digits}::pg_catalog.numeric"),
                };
                (comparison, bound)
            }
            (_, Holds::Key(Kind::Integer(_) | Kind::Whole { .. })) => {
                let (comparison, whole) = at.for_whole(comparison);
                (comparison, self.whole_number(whole))
            }
            // SQLite's columns of floats may hold integers too. Both compare exactly with an integer.
            _ => match at.whole() {
                Some(whole) if matches!(self.dialect, Dialect::Sqlite) => (comparison, self.whole_number(whole)),
                _ => {
                    let (comparison, float) = at.for_float(comparison);
                    (comparison, self.float(float))
                }
            },
        }
    }

    fn whole_number(&mut self, whole: i64) -> String {
        match self.dialect {
            Dialect::Postgres => format!("{}::pg_catalog.int8", self.bind(Bind::Text(whole.to_string()))),
            Dialect::Sqlite | Dialect::Mysql => self.bind(Bind::Integer(whole)),
        }
    }

    fn float(&mut self, float: f64) -> String {
        match self.dialect {
            Dialect::Postgres => {
                let text = serde_json::json!(float).to_string();
                format!("{}::pg_catalog.float8", self.bind(Bind::Text(text)))
            }
            Dialect::Sqlite | Dialect::Mysql => self.bind(Bind::Float(float)),
        }
    }
}
