//! The check of the mapping's order of deletion: a row that prevents the deletion of another one must go first.
//!
//! Only keys between tables of one mapping are checked here. A table outside the mapping may prevent the
//! deletion of some rows; the others are deleted.

use super::super::connect::CallError;
use super::super::dependents::Reference;
use super::super::dialect::{Dialect, quote_table};
use super::super::schema::{self, Holding, Until};
use super::check::Check;

const SET_NULL: &str = "declare the key ON DELETE SET NULL";

impl Check<'_> {
    /// Looks for keys whose rows prevent the deletion of rows that go before them, or of each other. `order`
    /// has the dependents; the rows of `root` go last.
    pub(super) async fn order(&mut self, root: &str, order: &[Reference]) -> Result<(), CallError> {
        for Holding { columns, until } in self.holdings(root, root).await? {
            if until != Until::Taken {
                let columns = columns.join("`, `");
                let missing = format!(
                    "`{columns}` of `{root}` references `{root}` and prevents the deletion of referenced rows: \
                     a memory could not be deleted before its referencing rows"
                );
                self.fault("sql_table", missing, Some(SET_NULL.to_owned()));
            }
        }
        for (n, reference) in order.iter().enumerate() {
            let (name, gone) = (&reference.name, &order[..n]);
            if gone.iter().any(|before| before.table == reference.table) {
                continue;
            }
            for Holding { columns, until } in self.holdings(name, name).await? {
                if until == Until::Gone {
                    let columns = columns.join("`, `");
                    let missing =
                        format!("`{columns}` of `{name}` references `{name}`, so its rows cannot be deleted together");
                    let instead = "let the database delete them together: ON DELETE CASCADE";
                    self.fault("dependents.table", missing, Some(instead.to_owned()));
                }
            }
            let mut after: Vec<&str> = order[n + 1..].iter().map(|after| after.name.as_str()).collect();
            after.push(root);
            after.retain(|after| quote_table(after) != reference.table);
            after.dedup();
            for after in after {
                self.kept(reference, after, root, gone).await?;
            }
        }
        Ok(())
    }

    /// Checks whether rows of `after`, which go later, prevent the deletion of rows of `reference`. The
    /// dependents in `gone` go before both.
    async fn kept(
        &mut self,
        reference: &Reference,
        after: &str,
        root: &str,
        gone: &[Reference],
    ) -> Result<(), CallError> {
        let name = &reference.name;
        for Holding { columns, until } in self.holdings(after, name).await? {
            let is_gone = gone.iter().any(|before| {
                let above = before.above.first().map(|above| &above.table);
                before.table == quote_table(after)
                    && above == Some(&reference.table)
                    && columns == [before.column.name.as_str()]
            });
            let passes = match until {
                Until::Commit => true,
                // A memory must not be deleted before its turn, uncounted.
                Until::Taken => after != root,
                Until::Gone | Until::Statement => is_gone,
            };
            if passes {
                continue;
            }
            let columns = columns.join("`, `");
            let circle = after == root || !self.holdings(name, after).await?.is_empty();
            let (missing, instead) = if circle {
                let missing = format!(
                    "foreign key `{columns}` of `{after}` makes a circle with `{name}`: neither can be deleted first"
                );
                (missing, self.circle().to_owned())
            } else {
                let missing = format!(
                    "foreign key `{columns}` of `{after}` references `{name}`, but `{after}` is deleted after it"
                );
                (missing, format!("write `{after}` before `{name}`"))
            };
            self.fault("dependents.table", missing, Some(instead));
        }
        Ok(())
    }

    fn circle(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres | Dialect::Sqlite => {
                "declare the key ON DELETE SET NULL, or DEFERRABLE INITIALLY DEFERRED"
            }
            Dialect::Mysql => SET_NULL,
        }
    }

    async fn holdings(&mut self, from: &str, to: &str) -> Result<Vec<Holding>, CallError> {
        Ok(schema::holdings(self.connection, self.dialect, from, to).await?)
    }
}
