//! The snapshot of the rows at the start of a job, by their greatest times.

use lethe_common::job::StoreKind;

use super::super::column::{Holds, Kind};
use super::super::dialect::Dialect;
use super::leaf::type_name;
use super::{Bind, Compiler, mysql};
use crate::store::StoreError;

impl Compiler<'_> {
    /// Returns an expression of the greatest time in a column, as [`super::written`] reads it.
    pub(super) fn newest(&mut self, name: &str, holds: &Holds) -> String {
        match (self.dialect, holds) {
            (_, Holds::Counted { number, .. }) => self.newest(name, number),
            (_, Holds::Time { .. } | Holds::Moments(_)) => self.newest_moment(name, holds),
            (Dialect::Postgres, Holds::Key(Kind::Text { .. } | Kind::Uuid)) => {
                format!("max({name}::pg_catalog.text COLLATE pg_catalog.\"C\")")
            }
            (Dialect::Postgres, Holds::Float | Holds::Numeric) => {
                let type_name = type_name(holds);
                format!("max(NULLIF({name}, 'NaN'::{type_name}))::pg_catalog.text")
            }
            (Dialect::Postgres, _) => format!("max({name})::pg_catalog.text"),
            (Dialect::Mysql, holds) => mysql::newest(name, holds),
            // Each value has its own type, so the bound has it too. 20 digits are more than a float has.
            (Dialect::Sqlite, _) => {
                let newest = format!("max(CASE WHEN typeof({name}) IN ('integer', 'real') THEN {name} END)");
                format!(
                    "CASE typeof({newest}) WHEN 'integer' THEN 'i' || {newest} \
                     WHEN 'real' THEN 'r' || printf('%!.20g', {newest}) END"
                )
            }
        }
    }

    /// Returns the condition that a time is no later than a bound that [`super::written`] returned.
    pub(super) fn up_to(&mut self, name: &str, holds: &Holds, bound: &str) -> Result<String, StoreError> {
        let unreadable = || StoreError::Misuse(StoreKind::Sql, "the bound of a snapshot cannot be read");
        match holds {
            Holds::Counted { number, .. } => return self.up_to(name, number, bound),
            Holds::Time { .. } | Holds::Moments(_) => {
                let at = bound.parse().map_err(|_| unreadable())?;
                return Ok(self.until_moment(name, holds, at));
            }
            Holds::Declared(_) => {
                let value = match bound.split_at_checked(1).ok_or_else(unreadable)? {
                    ("i", number) => Bind::Integer(number.parse().map_err(|_| unreadable())?),
                    ("r", number) => Bind::Float(number.parse().map_err(|_| unreadable())?),
                    _ => return Err(unreadable()),
                };
                let value = self.bind(value);
                return Ok(format!("({name} <= {value} AND typeof({name}) IN ('integer', 'real'))"));
            }
            _ => {}
        }
        let value = self.bind(Bind::Text(bound.to_owned()));
        Ok(match (self.dialect, holds) {
            (Dialect::Mysql, _) => mysql::up_to(name, holds, &value),
            (Dialect::Postgres | Dialect::Sqlite, Holds::Key(Kind::Text { .. })) => {
                format!("{name}::pg_catalog.text COLLATE pg_catalog.\"C\" <= {value}")
            }
            (Dialect::Postgres | Dialect::Sqlite, _) => format!("{name} <= {value}::{}", type_name(holds)),
        })
    }
}
