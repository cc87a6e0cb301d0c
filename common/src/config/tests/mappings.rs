//! Refused mappings, and the meaning of the others.

use super::super::*;
use super::{refused, with_table};

#[test]
fn mappings_that_make_no_sense_are_refused() {
    assert!(refused(&with_table("columns = { id = \"id\" }")).is_empty());
    let cases = [
        ("", "target[0].table[0]"),
        (
            "sql_table = \"x\"\ncollection = { name = \"c\", point = \"uuid\" }",
            "target[0].table[0].columns",
        ),
        (
            "columns = { id = \"id\", owners = { table = \"u\", id = \"id\", name = \"n\" } }",
            "target[0].table[0].columns.user",
        ),
        (
            "columns = { id = \"id\", user = \"u\", owners = { table = \"\", id = \"id\", name = \"n\" } }",
            "target[0].table[0]",
        ),
        (
            "columns = { id = \"id\", uuids = \"base64\" }",
            "target[0].table[0].columns.uuids",
        ),
        (
            "columns = { id = \"id\" }\nas = { at = \"minutes\" }",
            "target[0].table[0].as.at",
        ),
        (
            "columns = { id = \"id\" }\ntime_zone = \"Europe/Atlantis\"",
            "target[0].table[0].time_zone",
        ),
        (
            "collection = { name = \"c\", point = \"uuid\" }\ntime_zone = \"UTC\"",
            "target[0].table[0].time_zone",
        ),
        (
            "collection = { name = \"c\", point = \"payload\" }",
            "target[0].table[0].collection.payload.id",
        ),
        (
            "collection = { name = \"c\", point = \"uuid\", namespace = \"6ba7b812-9dad-11d1-80b4-00c04fd430c8\" }",
            "target[0].table[0].collection.namespace",
        ),
    ];
    for (table, key) in cases {
        let errors = refused(&with_table(table));
        assert!(
            errors.iter().any(|e| e.starts_with(&format!("{key}: "))),
            "{table}\n{errors:?}"
        );
    }
    let only = |store: &str, table: &str| {
        refused(&format!(
            "[[target]]\nname = \"m\"\n{store}\n[[target.table]]\nname = \"t\"\n{table}"
        ))
    };
    let columns = only("vector = { url = \"https://h\" }", "columns = { id = \"id\" }");
    assert!(columns[0].starts_with("target[0].table[0].columns: "), "{columns:?}");
    let collection = only(
        "sql = { url = \"sqlite://x\" }",
        "collection = { name = \"c\", point = \"uuid\" }",
    );
    assert!(
        collection[0].starts_with("target[0].table[0].collection: "),
        "{collection:?}"
    );
}

#[test]
fn a_digest_says_what_a_mapping_means_and_nothing_else() {
    let digest = |text: &str| Config::from_toml(text).unwrap().mappings().next().unwrap().digest;
    let columns = "columns = { id = \"id\", user = \"u\" }";
    let plain = digest(&with_table(columns));
    // Fixed: ledgers hold this digest, and processes of different versions must agree on it.
    assert_eq!(plain, "45221e1e56bf4586");
    assert_eq!(
        digest(&with_table(&format!("sql_table = \"memories\"\n{columns}"))),
        plain
    );
    assert_eq!(
        digest(&with_table(columns).replace("postgres://db/x", "sqlite://y")),
        plain
    );
    assert_ne!(digest(&with_table("columns = { id = \"id\", user = \"v\" }")), plain);
    for reads in ["as = { at = \"seconds\" }", "time_zone = \"Europe/Berlin\""] {
        assert_ne!(digest(&with_table(&format!("{reads}\n{columns}"))), plain, "{reads}");
    }
    assert_ne!(digest(&with_table(&format!("sql_table = \"other\"\n{columns}"))), plain);
    assert_ne!(digest(&with_table(columns).replace("\"main\"", "\"other\"")), plain);
}

/// Returns the errors of two targets, each with a table.
fn two(one: (&str, &str), other: (&str, &str)) -> Vec<String> {
    let target = |name: &str, (stores, table): (&str, &str)| {
        format!("[[target]]\nname = \"{name}\"\n{stores}\n[[target.table]]\nname = \"t\"\n{table}\n")
    };
    refused(&(target("a", one) + &target("b", other)))
}

#[test]
fn mappings_that_share_a_table_need_a_scope_each() {
    let columns = "sql_table = \"memories\"\ncolumns = { id = \"id\", user = \"u\" }";
    let scoped = |tenant: &str| format!("{columns}\nscope = {{ tenant = \"{tenant}\" }}");
    let (pg, other) = (
        "sql = { url = \"postgres://db/x\" }",
        "sql = { url = \"postgres://other/x\" }",
    );
    let says = "target[1].table[0]: write scope = { column = \"value\" } in it and in table `t` of target `a`";
    for (one, two_) in [
        (columns, columns),
        (&*scoped("a"), columns),
        (&scoped("a"), &scoped("a")),
        // Another column as the id does not make it another table.
        (columns, &columns.replace("\"id\", user", "\"key\", user")),
    ] {
        let errors = two((pg, one), (pg, two_));
        assert!(
            errors.len() == 1 && errors[0].starts_with(says),
            "{one} {two_}: {errors:?}"
        );
    }
    assert_eq!(two((pg, &scoped("a")), (pg, &scoped("b"))), [""; 0]);
    assert_eq!(two((pg, columns), (other, columns)), [""; 0]);
    assert_eq!(
        two((pg, columns), (pg, &columns.replace("\"memories\"", "\"notes\""))),
        [""; 0]
    );
}

#[test]
fn a_dependent_is_no_mapping_of_its_own() {
    let chunks = "sql_table = \"memories\"\ncolumns = { id = \"id\" }\nscope = { tenant = \"a\" }";
    let conversations = |dependents: &str| {
        format!("sql_table = \"conversations\"\ncolumns = {{ id = \"id\" }}\ndependents = [{dependents}]")
    };
    let of = |table: &str| conversations(&format!("{{ table = \"{table}\", references = \"conversation\" }}"));
    let says = |errors: &[String], path: &str, table: &str| {
        let says = format!("{path}.table: remove it: its rows are the memories of {table}, ");
        assert!(errors.len() == 1 && errors[0].starts_with(&says), "{says}: {errors:?}");
    };
    let pg = "sql = { url = \"postgres://db/x\" }";
    // For any scope, any order in the file, and any name of the database.
    says(
        &two((pg, &of("memories")), (pg, chunks)),
        "target[0].table[0].dependents[0]",
        "table `t` of target `b`",
    );
    let again = "sql = { url = \"postgresql://u@DB:5432/x\" }";
    says(
        &two((pg, chunks), (again, &of("public.memories"))),
        "target[1].table[0].dependents[0]",
        "table `t` of target `a`",
    );
    let nested = conversations(
        "{ table = \"turns\", references = \"conversation\", id = \"id\", \
         dependents = [{ table = \"memories\", references = \"turn\" }] }",
    );
    says(
        &two((pg, &nested), (pg, chunks)),
        "target[0].table[0].dependents[0].dependents[0]",
        "table `t` of target `b`",
    );
    // Both in one target.
    let errors = refused(&format!(
        "{}\n[[target.table]]\nname = \"more\"\ncolumns = {{ id = \"id\" }}\n\
         dependents = [{{ table = \"public.memories\", references = \"more\" }}]\n",
        with_table("columns = { id = \"id\" }")
    ));
    says(
        &errors,
        "target[0].table[1].dependents[0]",
        "table `memories` of target `main`",
    );
    let other = "sql = { url = \"postgres://db/y\" }";
    assert_eq!(two((pg, &of("memories")), (other, chunks)), [""; 0]);
    assert_eq!(two((pg, &of("audit.memories")), (pg, chunks)), [""; 0]);
    // A dependent of two mappings is a dependent of both.
    assert_eq!(
        two(
            (pg, &of("turns")),
            (pg, &of("turns").replace("\"conversations\"", "\"c2\""))
        ),
        [""; 0]
    );
}

#[test]
fn a_table_of_owners_keeps_its_rows() {
    let memories = |owners: &str| {
        format!(
            "sql_table = \"memories\"\n\
             columns = {{ id = \"id\", user = \"session_id\", owners = {{ table = \"{owners}\", id = \"id\", name = \"user_id\" }} }}"
        )
    };
    let sessions = "sql_table = \"sessions\"\ncolumns = { id = \"id\", user = \"user_id\" }";
    let below = "sql_table = \"chats\"\ncolumns = { id = \"id\" }\ndependents = [{ table = \"sessions\", references = \"chat_id\" }]";
    let pg = "sql = { url = \"postgres://db/x\" }";
    let says = "columns.owners.table: write a table whose rows stay, or remove this one from table `t` of target ";
    for (one, other, at) in [
        (memories("sessions"), sessions.to_owned(), "target[0].table[0]."),
        (memories("public.sessions"), below.to_owned(), "target[0].table[0]."),
        (sessions.to_owned(), memories("sessions"), "target[1].table[0]."),
        // Rows that name the owners of other rows of their table.
        (memories("memories"), sessions.to_owned(), "target[0].table[0]."),
    ] {
        let errors = two((pg, &one), (pg, &other));
        let says = format!("{at}{says}");
        assert!(
            errors.len() == 1 && errors[0].starts_with(&says),
            "{one} {other}: {errors:?}"
        );
    }
    assert_eq!(two((pg, &memories("people")), (pg, sessions)), [""; 0]);
    let elsewhere = "sql = { url = \"postgres://db/y\" }";
    assert_eq!(two((pg, &memories("sessions")), (elsewhere, sessions)), [""; 0]);
}

#[test]
fn mappings_that_share_a_collection_need_a_scope_each() {
    let stores = "vector = { url = \"https://q:6334\" }";
    let collection = |more: &str| format!("collection = {{ name = \"c\", point = \"uuid\"{more} }}");
    let scoped = |value: &str| collection(&format!(", scope = {{ tenant = {value} }}"));
    let says = "target[1].table[0].collection: write collection = { …, scope = { field = \"value\" } }";
    for (one, other) in [
        (collection(""), collection("")),
        (scoped("1"), collection("")),
        (scoped("1"), scoped("\"1\"")),
        (scoped("1"), collection(", scope = { team = 2 }")),
    ] {
        let errors = two((stores, &one), (stores, &other));
        assert!(
            errors.len() == 1 && errors[0].starts_with(says),
            "{one} {other}: {errors:?}"
        );
    }
    assert_eq!(two((stores, &scoped("1")), (stores, &scoped("2"))), [""; 0]);
    assert_eq!(
        two(
            (stores, &collection("")),
            ("vector = { url = \"https://q:7334\" }", &collection(""))
        ),
        [""; 0]
    );
}

#[test]
fn a_scope_is_part_of_a_digest_and_names_columns_or_payload_fields() {
    let digest = |text: &str| Config::from_toml(text).unwrap().mappings().next().unwrap().digest;
    let plain = with_table("columns = { id = \"id\" }");
    let scoped = with_table("columns = { id = \"id\" }\nscope = { tenant = \"a\" }");
    assert_ne!(digest(&scoped), digest(&plain));
    assert_ne!(digest(&scoped), digest(&scoped.replace("\"a\"", "\"b\"")));
    let points = "collection = { name = \"c\", point = \"uuid\" }";
    for (table, says) in [
        (
            "columns = { id = \"id\" }\nscope = { tenant = 1.5 }".to_owned(),
            "target[0].table[0]",
        ),
        (
            "columns = { id = \"id\" }\nscope = { \"\" = 1 }".to_owned(),
            "target[0].table[0]: write a name",
        ),
        (
            format!("{points}\nscope = {{ tenant = 1 }}"),
            "target[0].table[0].columns: is missing",
        ),
        (
            points.replace(" }", ", scope = { \"a..b\" = 1 } }"),
            "target[0].table[0].collection.scope: ",
        ),
    ] {
        let errors = refused(&with_table(&table));
        assert!(errors.len() == 1 && errors[0].starts_with(says), "{table}: {errors:?}");
    }
}

#[test]
fn dependents_nest_and_make_no_circle() {
    let nested = |dependents: &str| with_table(&format!("columns = {{ id = \"id\" }}\ndependents = [{dependents}]"));
    let chunks = |more: &str| format!("{{ table = \"chunks\", references = \"memory_id\"{more} }}");
    let terms = ", dependents = [{ table = \"terms\", references = \"chunk_id\" }]";
    let digest = |text: &str| Config::from_toml(text).unwrap().mappings().next().unwrap().digest;
    let flat = digest(&nested(&chunks("")));
    // Fixed: ledgers hold this digest, and a flat list keeps its meaning.
    assert_eq!(flat, "c4716a2abf9c48e9");
    assert_ne!(digest(&nested(&chunks(&format!(", id = \"id\"{terms}")))), flat);

    let path = "target[0].table[0].dependents[0]";
    let deep = (0..9).fold(String::new(), |below, n| {
        format!(", id = \"id\", dependents = [{{ table = \"t{n}\", references = \"r\"{below} }}]")
    });
    for (dependents, said) in [
        (chunks(terms), format!("{path}.id: is missing")),
        (chunks(", id = \"\""), format!("{path}: write a name")),
        (chunks(&deep), format!("{path}.dependents[0]")),
        (
            chunks(", id = \"id\", dependents = [{ table = \"chunks\", references = \"parent\" }]"),
            format!("{path}.dependents[0].table: write another table"),
        ),
        (
            "{ table = \"memories\", references = \"parent\" }".to_owned(),
            format!("{path}.table: write another table"),
        ),
        (
            "{ table = \"public.memories\", references = \"parent\" }".to_owned(),
            format!("{path}.table: write another table"),
        ),
        (
            format!("{}, {}", chunks(""), chunks("")),
            "target[0].table[0].dependents[1]: remove it".to_owned(),
        ),
    ] {
        let errors = refused(&nested(&dependents));
        assert!(errors.len() == 1 && errors[0].starts_with(&said), "{said}: {errors:?}");
    }
}

#[test]
fn a_field_is_a_column_or_a_path_into_one() {
    let fields = "fields = { owner = \"user_id\", tags = \"tags\", \"Topics.all\" = \"metadata.topics\" }";
    let with_fields = with_table(&format!("columns = {{ id = \"id\" }}\n{fields}"));
    let config = Config::from_toml(&with_fields).unwrap();
    let table = &config.targets[0].tables[0];
    let at = |name: &str| table.field(name).map(String::from);
    assert_eq!(at("owner").as_deref(), Some("user_id"));
    assert_eq!(at("Topics.all").as_deref(), Some("metadata.topics"));
    assert_eq!(at("tags.color.name").as_deref(), Some("tags.color.name"));
    assert_eq!(at("Topics.all.x").as_deref(), Some("metadata.topics.x"));
    for unknown in [
        "", ".", "topics", "Topics", "Topics.", "tags.", "tags..x", "user_id", ".tags",
    ] {
        assert_eq!(at(unknown), None, "{unknown}");
    }
    let digest = |text: &str| Config::from_toml(text).unwrap().mappings().next().unwrap().digest;
    assert_ne!(digest(&with_fields), digest(&with_table("columns = { id = \"id\" }")));
    let owners = "owners = { table = \"users\", id = \"id\", name = \"email\" }";
    let by_reference = |more: &str| {
        with_table(&format!(
            "columns = {{ id = \"id\", user = \"u\"{more}, {owners} }}\nfields = {{ person = \"U\" }}"
        ))
    };
    let said = refused(&by_reference(""));
    assert!(
        said.len() == 1 && said[0].starts_with("target[0].table[0].fields.person: remove it"),
        "{said:?}"
    );
    // A conversation has an id that callers know.
    assert_eq!(refused(&by_reference(", run = \"u\"")), [""; 0]);
    let said = refused(&with_table("columns = { id = \"id\" }\nfields = { a = \"b..c\" }"));
    assert!(said[0].contains("write a column, or a path"), "{said:?}");
    let points = "collection = { name = \"c\", point = \"uuid\" }\nfields = { a = \"b.c\" }";
    let config = Config::from_toml(&with_table(points)).unwrap();
    assert_eq!(
        config.targets[0].tables[0].field("a.d").map(String::from).as_deref(),
        Some("b.c.d")
    );
    let said = refused(&with_table(&format!("{points}\nsql_table = \"t\"")));
    assert!(
        said.iter()
            .any(|said| said.contains("sql_table, scope and dependents need columns")),
        "{said:?}"
    );
}

#[test]
fn columns_that_count_keep_the_case_of_their_names() {
    let text =
        with_table("columns = { id = \"id\", created_at = \"createdAt\" }\nas = { createdAt = \"milliseconds\" }");
    let config = Config::from_toml(&text).unwrap();
    let counted: Vec<&String> = config.targets[0].tables[0].counted.keys().collect();
    assert_eq!(counted, ["createdAt"]);
}
