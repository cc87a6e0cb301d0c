//! The kinds of mappings in the hunt.

use crate::model::{Columns, Ids, Mapping, Points, Rule, Users};

/// A database that holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    Mariadb,
}

impl Engine {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mariadb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }
}

/// How several mappings share the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenants {
    /// One mapping.
    One,
    /// Two targets with tables of their own share a collection.
    Collection,
    /// Two mappings of a target share a table and a collection.
    Table,
}

/// A kind of mapping.
#[expect(clippy::struct_excessive_bools, reason = "each says whether something is mapped")]
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) rows: bool,
    pub(crate) ids: Ids,
    pub(crate) users: Users,
    pub(crate) workspace: bool,
    pub(crate) kind: bool,
    pub(crate) parts: bool,
    pub(crate) points: Option<Points>,
    pub(crate) tenants: Tenants,
}

const POINTS: Points = Points {
    rule: Rule::Uuid,
    id: Some("memory_id"),
    user: Some("user_id"),
    workspace: None,
    kind: None,
    scope: None,
};

const SHAPE: Shape = Shape {
    name: "plain",
    rows: true,
    ids: Ids::Text,
    users: Users::Text,
    workspace: false,
    kind: false,
    parts: false,
    points: Some(POINTS),
    tenants: Tenants::One,
};

/// All kinds of mappings.
pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "agno",
        workspace: true,
        kind: true,
        points: Some(Points {
            workspace: Some("workspace"),
            kind: Some("kind"),
            ..POINTS
        }),
        ..SHAPE
    },
    // The point's id alone names the memory.
    Shape {
        name: "bare",
        ids: Ids::Uuid,
        points: Some(Points { id: None, ..POINTS }),
        ..SHAPE
    },
    // A memory has many points, and other applications write into the collection.
    Shape {
        name: "chunks",
        ids: Ids::Number,
        kind: true,
        parts: true,
        points: Some(Points {
            rule: Rule::Payload,
            kind: Some("kind"),
            ..POINTS
        }),
        ..SHAPE
    },
    Shape {
        name: "numbers",
        ids: Ids::Number,
        users: Users::Number,
        points: Some(Points {
            rule: Rule::Number,
            id: None,
            ..POINTS
        }),
        ..SHAPE
    },
    Shape {
        name: "hashed",
        points: Some(Points {
            rule: Rule::Uuid5,
            user: Some("meta.user"),
            ..POINTS
        }),
        ..SHAPE
    },
    // Points without an owner.
    Shape {
        name: "silent",
        points: Some(Points { user: None, ..POINTS }),
        ..SHAPE
    },
    Shape {
        name: "references",
        ids: Ids::Uuid,
        users: Users::Reference,
        parts: true,
        points: Some(Points {
            rule: Rule::Payload,
            ..POINTS
        }),
        ..SHAPE
    },
    Shape {
        name: "points",
        rows: false,
        workspace: true,
        points: Some(Points {
            id: None,
            workspace: Some("workspace"),
            ..POINTS
        }),
        ..SHAPE
    },
    Shape {
        name: "rows",
        kind: true,
        parts: true,
        points: None,
        ..SHAPE
    },
    // Two databases with the same id numbers.
    Shape {
        name: "tenants",
        ids: Ids::Number,
        points: Some(Points {
            rule: Rule::Payload,
            ..POINTS
        }),
        tenants: Tenants::Collection,
        ..SHAPE
    },
    Shape {
        name: "halves",
        workspace: true,
        points: Some(Points {
            workspace: Some("workspace"),
            ..POINTS
        }),
        tenants: Tenants::Table,
        ..SHAPE
    },
];

impl Shape {
    /// Returns the mappings of a site of this kind.
    pub(crate) fn mappings(&self, site: &str) -> Vec<Mapping> {
        let mapping = |target: String, name, table, tenant: Option<&'static str>| Mapping {
            target,
            table: name,
            columns: self.rows.then(|| Columns {
                table,
                ids: self.ids,
                users: self.users,
                workspace: self.workspace,
                kind: self.kind,
                scope: tenant.filter(|_| self.tenants == Tenants::Table),
            }),
            points: self.points.clone().map(|points| Points {
                scope: tenant,
                ..points
            }),
        };
        match self.tenants {
            Tenants::One => vec![mapping(site.to_owned(), "memories", 0, None)],
            Tenants::Collection => vec![
                mapping(format!("{site}-a"), "memories", 0, Some("a")),
                mapping(format!("{site}-b"), "memories", 1, Some("b")),
            ],
            Tenants::Table => vec![
                mapping(site.to_owned(), "memories", 0, Some("a")),
                mapping(site.to_owned(), "others", 0, Some("b")),
            ],
        }
    }
}
