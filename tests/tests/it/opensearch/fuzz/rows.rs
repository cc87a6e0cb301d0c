//! Random rows, and their values in each database.

use lethe_tests::layout::Sql;
use serde_json::Value;

use super::dates;

/// A row. A moment is in microseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) batch: usize,
    pub(super) owner: Option<&'static str>,
    pub(super) title: Option<&'static str>,
    pub(super) n: Option<i64>,
    pub(super) f: Option<f64>,
    pub(super) flag: Option<bool>,
    pub(super) at: Option<i64>,
    pub(super) meta: Value,
}

impl Row {
    /// Returns its values for an `INSERT`.
    pub(super) fn values(&self, sql: Sql) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let or_null = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
        let flag = |flag: bool| match sql {
            Sql::Sqlite => u8::from(flag).to_string(),
            Sql::Postgres | Sql::Mysql => flag.to_string(),
        };
        let at = |at: i64| {
            let text = dates::written(at);
            quoted(&match sql {
                Sql::Sqlite => format!("{}Z", text.replace(' ', "T")),
                Sql::Postgres => format!("{text}+00"),
                Sql::Mysql => text,
            })
        };
        let meta = if self.meta.is_null() {
            None
        } else {
            Some(quoted(&self.meta.to_string()))
        };
        format!(
            "({}, {}, {}, {}, {}, {}, {}, {}, {})",
            quoted(&self.id),
            self.batch,
            or_null(self.owner.map(quoted)),
            or_null(self.title.map(quoted)),
            or_null(self.n.map(|n| n.to_string())),
            or_null(self.f.map(|f| format!("{f:?}"))),
            or_null(self.flag.map(flag)),
            or_null(self.at.map(at)),
            or_null(meta),
        )
    }
}
