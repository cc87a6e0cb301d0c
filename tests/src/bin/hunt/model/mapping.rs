//! The model's view of a mapping.

use uuid::Uuid;

use super::state::Pid;

/// The type of a memory's id in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// A text that is compared byte for byte.
    Text,
    /// A UUID by type: every spelling is the same id.
    Uuid,
    /// A whole number.
    Number,
}

/// The type of the owner in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Users {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A reference to a row that holds the name.
    Reference,
}

/// How points relate to memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The memory's id, a UUID, is the point's id.
    Uuid,
    /// The memory's id, a number, is the point's id.
    Number,
    /// The memory's id is hashed into the point's id.
    Uuid5,
    /// Points carry the memory's id. A memory may have many.
    Payload,
}

/// A field that conditions compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The owner.
    User,
    /// The workspace.
    Workspace,
    /// The kind of memory.
    Kind,
}

impl Field {
    pub(crate) const ALL: [Self; 3] = [Self::User, Self::Workspace, Self::Kind];
}

/// The rows of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// The index of their table in the world.
    pub(crate) table: usize,
    pub(crate) ids: Ids,
    pub(crate) users: Users,
    pub(crate) workspace: bool,
    pub(crate) kind: bool,
    /// The constant that its rows have in the column `tenant`.
    pub(crate) scope: Option<&'static str>,
}

impl Columns {
    pub(crate) fn has(&self, field: Field) -> bool {
        match field {
            Field::User => true,
            Field::Workspace => self.workspace,
            Field::Kind => self.kind,
        }
    }
}

/// The points of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(crate) rule: Rule,
    pub(crate) id: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
    pub(crate) workspace: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    /// The constant that its points have in the field `tenant`.
    pub(crate) scope: Option<&'static str>,
}

impl Points {
    pub(crate) fn path(&self, field: Field) -> Option<&'static str> {
        match field {
            Field::User => self.user,
            Field::Workspace => self.workspace,
            Field::Kind => self.kind,
        }
    }
}

/// One mapping of a world. All mappings of a world share one collection.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) target: String,
    pub(crate) table: &'static str,
    pub(crate) columns: Option<Columns>,
    pub(crate) points: Option<Points>,
}

impl Mapping {
    /// Returns the point that follows from a memory's id.
    pub(crate) fn point_of(&self, id: &str) -> Option<Pid> {
        match self.points.as_ref()?.rule {
            // No world has a row with another spelling of a UUID.
            Rule::Uuid => Uuid::try_parse(id)
                .ok()
                .filter(|uuid| uuid.to_string() == id)
                .map(Pid::Uuid),
            // `007` is a different id from `7`.
            Rule::Number => id
                .parse()
                .ok()
                .filter(|number: &u64| number.to_string() == id)
                .map(Pid::Number),
            Rule::Uuid5 => Some(Pid::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()))),
            Rule::Payload => None,
        }
    }

    /// Returns the id of the memory that a point's id stands for.
    pub(crate) fn memory_of(&self, point: Pid) -> Option<String> {
        match (self.points.as_ref()?.rule, point) {
            (Rule::Uuid, Pid::Uuid(uuid)) => Some(uuid.to_string()),
            (Rule::Number, Pid::Number(number)) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns an id in the spelling of its column.
    pub(crate) fn spelled(&self, id: &str) -> String {
        match self.columns.as_ref().map(|columns| columns.ids) {
            Some(Ids::Uuid) => Uuid::try_parse(id).map_or_else(|_| id.to_owned(), |uuid| uuid.to_string()),
            _ => id.to_owned(),
        }
    }

    /// Returns whether ids are numbers.
    pub(crate) fn has_numbers(&self) -> bool {
        self.columns.as_ref().is_some_and(|columns| columns.ids == Ids::Number)
    }

    /// Returns whether values of a field are numbers.
    pub(crate) fn is_number(&self, field: Field) -> bool {
        let columns = self.columns.as_ref();
        field == Field::User && columns.is_some_and(|columns| columns.users == Users::Number)
    }
}
