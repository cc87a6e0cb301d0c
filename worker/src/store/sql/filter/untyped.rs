//! Comparisons with a column of SQLite without a type. Each of its values has its own.

use lethe_common::filter::{Bounds, Path, Scalar, Type};

use super::leaf::type_of;
use super::{Compiler, Part, joined};
use crate::store::StoreError;

impl Compiler<'_> {
    /// Returns the condition that a value equals one of these, or one of their other spellings if that keeps a row.
    pub(super) fn equals(&mut self, path: &Path, values: &[Scalar]) -> Result<Part, StoreError> {
        let part = self.one_of(path, values)?;
        if !self.keeps_untyped(path)? {
            return Ok(part);
        }
        let others: Vec<Scalar> = values.iter().flat_map(Scalar::respelled).collect();
        Ok(either(part, self.one_of(path, &others)?))
    }

    /// Returns the condition that a value is within bounds, or within their numbers if that keeps a row.
    pub(super) fn within(&mut self, path: &Path, bounds: &Bounds) -> Result<Part, StoreError> {
        let part = self.range(path, bounds)?;
        match bounds.in_numbers() {
            Some(numbers) if self.keeps_untyped(path)? => Ok(either(part, self.range(path, &numbers)?)),
            _ => Ok(part),
        }
    }

    /// Returns whether a match keeps a row, by a column without a type.
    fn keeps_untyped(&self, path: &Path) -> Result<bool, StoreError> {
        let (_, holds) = self.column(path)?;
        Ok(self.negated && path.steps.is_empty() && type_of(holds) == Type::Any)
    }
}

fn either(one: Part, other: Part) -> Part {
    match (one, other) {
        (Part::When(one), Part::When(other)) => Part::When(joined(&[one, other], "OR")),
        (Part::Never, part) | (part, Part::Never) => part,
        (Part::Always, _) | (_, Part::Always) => Part::Always,
    }
}
