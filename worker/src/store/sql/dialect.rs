//! The supported SQL databases, and the only place where a name becomes part of a statement.

/// A kind of SQL database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
    /// MySQL (8.0.17 and later) and MariaDB (10.6 and later).
    Mysql,
}

impl Dialect {
    /// Returns the dialect of a URL.
    pub(super) fn of(url: &str) -> Option<Self> {
        let scheme = url.split_once(':')?.0;
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            "mysql" | "mariadb" => Some(Self::Mysql),
            _ => None,
        }
    }

    /// Returns whether a column of the live schema is called `name`: only PostgreSQL's quoted names
    /// are case-sensitive.
    pub(super) fn is_column(self, live: &str, name: &str) -> bool {
        match self {
            Self::Postgres => live == name,
            Self::Sqlite | Self::Mysql => live.eq_ignore_ascii_case(name),
        }
    }

    /// Returns whether a table of the live schema is the one that a mapping calls `name`: either may omit the
    /// schema.
    pub(super) fn is_table(self, live: &str, name: &str) -> bool {
        match (live.split_once('.'), name.split_once('.')) {
            (Some(_), Some(_)) | (None, None) => self.is_column(live, name),
            (Some((_, live)), None) => self.is_column(live, name),
            (None, Some((_, name))) => self.is_column(live, name),
        }
    }

    /// Quotes `table` or `schema.table` as a person would write it, for advice.
    pub(super) fn written(self, table: &str) -> String {
        match self {
            Self::Postgres | Self::Sqlite => quote_table(table),
            // Outside this program `ANSI_QUOTES` is rarely on.
            Self::Mysql => format!("`{}`", table.replace('`', "``").replacen('.', "`.`", 1)),
        }
    }
}

/// Quotes one identifier. All databases double the quote inside a quoted name. MySQL's sessions set
/// `ANSI_QUOTES`. A session without it refuses such a statement as a syntax error.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes `table` or `schema.table`.
pub(super) fn quote_table(name: &str) -> String {
    match name.split_once('.') {
        Some((schema, table)) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_cannot_end_the_name() {
        assert_eq!(quote("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
        assert_eq!(quote_table("app.memories"), "\"app\".\"memories\"");
    }
}
