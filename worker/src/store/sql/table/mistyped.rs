//! Whether the types of a table's columns can hold the values that a job requires.

use lethe_common::filter::Type;
use lethe_common::job::Field;

use super::super::column::{Declared, Holds};
use super::SqlTable;
use crate::store::{Conditions, StoreError};

impl SqlTable {
    /// Returns whether no row can ever meet the conditions, since a column's type cannot hold a value: an
    /// e-mail in a column of numbers. A number that is only too large does not count.
    ///
    /// SQLite's columns of numbers may hold texts, so this looks for such rows there.
    ///
    /// # Errors
    /// Fails if the database cannot be asked; [`StoreError::Missing`] if the types have changed.
    pub async fn is_mistyped(&self, conditions: &Conditions) -> Result<bool, StoreError> {
        let demanded = || conditions.fields.iter().map(|(field, value)| (*field, value.as_str()));
        if demanded().any(|(field, value)| self.mapping.field(field).is_some_and(|column| !column.is_of(value))) {
            self.store.bounded(self.has_its_types()).await?;
            return Ok(true);
        }
        let is_doubtful =
            |(field, value): &(Field, &str)| self.is_declared_whole(*field) && !Type::Integer(64).may_be(value);
        for (field, value) in demanded().filter(is_doubtful) {
            let held = Conditions::of(vec![(field, value.to_owned())]);
            if self.page(&held, None, None, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_declared_whole(&self, field: Field) -> bool {
        let column = self.mapping.field(field).filter(|column| column.names.is_none());
        let holds = column.and_then(|column| self.mapping.asked.get(&column.name));
        holds == Some(&Holds::Declared(Declared::Integer))
    }
}
