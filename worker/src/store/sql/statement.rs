//! Statements for a driver: a text, and the order in which its values are bound.

use std::sync::Arc;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, SqlSafeStr, SqlStr};

use super::dialect::Dialect;

/// A value to be bound.
#[derive(Clone, PartialEq)]
pub(super) enum Bind {
    Text(String),
    Integer(i64),
    Float(f64),
}

/// A statement, ready for values.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    text: SqlStr,
    // The position of the value for each `?`; `None` where the text numbers its values.
    order: Option<Arc<[usize]>>,
}

impl Sql {
    /// Marks a statement's text as safe: it consists of constants and of names that passed through
    /// [`super::dialect::quote`], and every value is bound.
    ///
    /// Texts number their values, `$1`, `$2`, …, and may name one twice. MySQL knows only `?`.
    pub(super) fn vouched(dialect: Dialect, text: String) -> Self {
        match dialect {
            Dialect::Postgres | Dialect::Sqlite => Self {
                text: AssertSqlSafe(text).into_sql_str(),
                order: None,
            },
            Dialect::Mysql => {
                let (text, order) = unnumbered(&text);
                Self {
                    text: AssertSqlSafe(text).into_sql_str(),
                    order: Some(order.into()),
                }
            }
        }
    }

    /// Returns the query with these values; the first one is `$1`.
    pub(super) fn about(&self, values: Vec<Bind>) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(self.text.clone());
        match &self.order {
            None => values.into_iter().fold(query, bind),
            Some(order) => order
                .iter()
                .filter_map(|place| values.get(*place))
                .cloned()
                .fold(query, bind),
        }
    }
}

fn bind(query: Query<'static, Any, AnyArguments>, value: Bind) -> Query<'static, Any, AnyArguments> {
    match value {
        Bind::Text(text) => query.bind(text),
        Bind::Integer(number) => query.bind(number),
        Bind::Float(number) => query.bind(number),
    }
}

// Replaces each `$n` by `?`, and returns the positions of the values. Text in quotes stays as it is,
// since a name may contain a dollar. A quote inside quotes is doubled, never escaped.
fn unnumbered(text: &str) -> (String, Vec<usize>) {
    let (mut replaced, mut order) = (String::with_capacity(text.len()), Vec::new());
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match (quote, next) {
            (Some(open), _) if next == open => quote = None,
            (None, '"' | '\'') => quote = Some(next),
            (None, '$') => {
                let mut number = 0;
                while let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    rest.next();
                }
                if number > 0 {
                    order.push(number - 1);
                    replaced.push('?');
                    continue;
                }
            }
            _ => {}
        }
        replaced.push(next);
    }
    (replaced, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_an_order_and_names_stay() {
        let (text, order) =
            unnumbered("SELECT \"$1\", \"a\"\"$1\" FROM t WHERE a = $2 AND b = $1 AND c = '$[*]$1' AND d = $12");
        assert_eq!(
            text,
            "SELECT \"$1\", \"a\"\"$1\" FROM t WHERE a = ? AND b = ? AND c = '$[*]$1' AND d = ?"
        );
        assert_eq!(order, [1, 0, 11]);
    }
}
