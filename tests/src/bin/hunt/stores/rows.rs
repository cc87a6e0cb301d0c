//! Rows and their dependents.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::database::{Database, literal};
use crate::model::{Element, Row, State, Users};
use crate::site::Site;

/// Returns all rows of a site.
pub(super) async fn read(site: &Site, database: &Database) -> BTreeMap<(usize, String), Row> {
    let mut found = BTreeMap::new();
    let text = database.text();
    for table in 0..site.tables() {
        let name = site.table(table);
        let user = match site.shape.users {
            Users::Reference => format!("(SELECT o.name FROM {name}_owners o WHERE o.id = t.user_id)"),
            Users::Text | Users::Number => format!("CAST(t.user_id AS {text})"),
        };
        let (parts, strays) = if site.shape.parts {
            let parts = format!("(SELECT count(*) FROM {name}_parts p WHERE p.memory_id = t.id)");
            let strays = format!(
                "UNION ALL
                 SELECT DISTINCT CAST(p.memory_id AS {text}), NULL, NULL, NULL, NULL, 'nobody', '0'
                    FROM {name}_parts p WHERE NOT EXISTS (SELECT 1 FROM {name} t WHERE t.id = p.memory_id)"
            );
            (parts, strays)
        } else {
            ("0".to_owned(), String::new())
        };
        let query = format!(
            "SELECT CAST(t.id AS {text}), {user}, t.workspace, t.kind, CAST(t.n AS {text}), t.tenant,
                CAST({parts} AS {text}) FROM {name} t {strays}"
        );
        for row in database.texts(&query).await {
            let [id, user, workspace, kind, n, tenant, parts] = <[_; 7]>::try_from(row).expect("seven are selected");
            let row = Row {
                user,
                workspace,
                kind,
                n: n.map_or(-1, |n| n.parse().unwrap()),
                tenant,
                parts: parts.unwrap().parse().unwrap(),
            };
            found.insert((table, id.unwrap()), row);
        }
    }
    found
}

/// Deletes rows and writes others.
pub(super) async fn write(site: &Site, database: &Database, gone: &[Element], changed: &[Element], to: &State) {
    let mut text = String::new();
    for table in 0..site.tables() {
        let of_table = |element: &Element| match element {
            Element::Row(at, id) if *at == table => Some(id.clone()),
            _ => None,
        };
        let changed: Vec<String> = changed.iter().filter_map(of_table).collect();
        let all: Vec<String> = gone
            .iter()
            .filter_map(of_table)
            .chain(changed.iter().cloned())
            .collect();
        if all.is_empty() {
            continue;
        }
        let name = site.table(table);
        let ids = all.iter().map(|id| literal(Some(id))).collect::<Vec<_>>().join(", ");
        if site.shape.parts {
            write!(text, "DELETE FROM {name}_parts WHERE memory_id IN ({ids});").expect("a String takes any text");
        }
        write!(text, "DELETE FROM {name} WHERE id IN ({ids});").expect("a String takes any text");
        text += &inserts(site, &name, table, &changed, to);
    }
    database.run(&text).await;
}

fn inserts(site: &Site, name: &str, table: usize, ids: &[String], to: &State) -> String {
    let (mut rows, mut parts, mut text) = (Vec::new(), Vec::new(), String::new());
    for id in ids {
        let row = &to.rows[&(table, id.clone())];
        let user = match (&row.user, site.shape.users) {
            (Some(user), Users::Reference) => {
                let (key, name_of) = (key(user), literal(Some(user)));
                write!(
                    text,
                    "INSERT INTO {name}_owners (id, name) SELECT {key}, {name_of} FROM (SELECT 1 AS x) AS one
                        WHERE NOT EXISTS (SELECT 1 FROM {name}_owners WHERE id = {key});"
                )
                .expect("a String takes any text");
                key.to_string()
            }
            (Some(user), Users::Number) => user.clone(),
            (user, _) => literal(user.as_deref()),
        };
        let (id, n) = (literal(Some(id)), row.n);
        let texts = [&row.workspace, &row.kind, &row.tenant].map(|text| literal(text.as_deref()));
        let [workspace, kind, tenant] = texts;
        rows.push(format!("({id}, {user}, {workspace}, {kind}, {n}, {tenant})"));
        parts.extend((0..row.parts).map(|_| format!("({id})")));
    }
    if !rows.is_empty() {
        let rows = rows.join(", ");
        write!(
            text,
            "INSERT INTO {name} (id, user_id, workspace, kind, n, tenant) VALUES {rows};"
        )
        .expect("a String takes any text");
    }
    if !parts.is_empty() {
        write!(
            text,
            "INSERT INTO {name}_parts (memory_id) VALUES {};",
            parts.join(", ")
        )
        .expect("a String takes any text");
    }
    text
}

/// Returns the key of an owner: the FNV-1a hash of the name.
fn key(name: &str) -> u32 {
    name.bytes().fold(2_166_136_261, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    })
}
