//! Moments in the forms that programs write, in queries of OpenSearch's API and of the native one.
//!
//! The tests compute times as whole milliseconds since 1970, and share no code with the compiler of filters.

use lethe_tests::layout::{Layout, Sql};
use lethe_tests::on_each_database;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Notes, by_query};

on_each_database!(
    random_ranges_mean_what_the_instants_say,
    a_day_is_not_before_itself_and_what_a_mapping_counts_needs_no_format,
    what_is_no_moment_stops_a_job_before_it_begins,
    a_day_is_all_of_it_however_a_column_holds_moments,
);

const DAY: i64 = 86_400_000;

/// Midnight of 31 January 2024.
const BASE: i64 = 1_706_659_200_000;

/// Returns the text of a moment within the 300 days from [`BASE`].
fn text(at: i64) -> String {
    let months = [29, 31, 30, 31, 30, 31, 31, 30, 31, 30];
    let (mut day, rest) = ((at - BASE).div_euclid(DAY), (at - BASE).rem_euclid(DAY));
    let mut date = "2024-01-31".to_owned();
    if day > 0 {
        day -= 1;
        let mut month = 0;
        while day >= months[month] {
            day -= months[month];
            month += 1;
        }
        date = format!("2024-{:02}-{:02}", month + 2, day + 1);
    }
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    format!(
        "{date}T{hour:02}:{minute:02}:{:02}.{:03}Z",
        rest / 1_000 % 60,
        rest % 1_000
    )
}

/// Starts with columns of moments (`alchemy` and `iso`) and of numbers (`secs` and `millis`).
async fn notes(layout: Layout) -> Notes {
    let [alchemy, iso] = match layout.sql {
        Sql::Sqlite => ["DATETIME", "TEXT"],
        Sql::Postgres => ["TIMESTAMP", "TIMESTAMPTZ"],
        Sql::Mysql => ["DATETIME(6)", "VARCHAR"],
    };
    let columns = [
        ("alchemy", alchemy),
        ("iso", iso),
        ("secs", "BIGINT"),
        ("millis", "BIGINT"),
    ];
    let sql: Vec<String> = columns
        .iter()
        .map(|(name, of)| format!("ALTER TABLE notes ADD COLUMN {name} {of}"))
        .collect();
    let fields = "fields = { tags = \"tags\" }";
    let more =
        "fields = { tags = \"tags\", alchemy = \"alchemy\", iso = \"iso\", secs = \"secs\", millis = \"millis\" }
        as = { secs = \"seconds\", millis = \"milliseconds\" }";
    Notes::with(layout, &sql.join("; "), |config| config.replace(fields, more)).await
}

/// Replaces all notes by one note for each of these moments.
async fn fill(notes: &Notes, moments: &[i64]) {
    let row = |(n, at): (usize, &i64)| {
        let iso = text(*at);
        let alchemy = iso.replace('T', " ").replace('Z', "000");
        format!(
            "('n{n:02}', 'ana', 'working', 1, 100, NULL, '{alchemy}', '{iso}', {}, {at})",
            at.div_euclid(1_000)
        )
    };
    let rows: Vec<String> = moments.iter().enumerate().map(row).collect();
    let sql = format!("DELETE FROM notes; INSERT INTO notes VALUES {}", rows.join(", "));
    notes.site.memories.run(&sql).await;
}

/// A generator whose numbers are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

async fn random_ranges_mean_what_the_instants_say(layout: Layout) {
    let notes = notes(layout).await;
    let mut numbers = Numbers(20_240_131);
    for round in 0..24 {
        let moment = |numbers: &mut Numbers| {
            let day = i64::try_from(numbers.below(200)).unwrap() * DAY;
            let time = *numbers.of(&[0, DAY - 1, 54_000_000, 54_000_123, 43_199_999]);
            BASE + day + time
        };
        let moments: Vec<i64> = (0..10).map(|_| moment(&mut numbers)).collect();
        fill(&notes, &moments).await;
        let column = *numbers.of(&["alchemy", "iso", "secs", "millis"]);
        let operator = *numbers.of(&["gt", "gte", "lt", "lte"]);
        let bound = *numbers.of(&moments) + *numbers.of(&[0, 1, -1, DAY, -500]);
        let negated = numbers.below(2) == 0;
        let counted = matches!(column, "secs" | "millis");
        let query = match numbers.below(4) {
            // Each form means exactly this millisecond.
            0 => json!({operator: text(bound)}),
            1 if counted || !negated => json!({operator: format!("{}||+1d", text(bound - DAY))}),
            2 => json!({operator: bound.to_string(), "format": "epoch_millis"}),
            _ => json!({operator: text(bound), "format": "strict_date_optional_time"}),
        };
        let range = json!({"range": {column: query}});
        let query = if negated {
            json!({"bool": {"must_not": [range]}})
        } else {
            range
        };
        let answer = by_query(&notes.ana, "working", &query).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let is_within = |at: i64| {
            let at = if column == "secs" {
                at.div_euclid(1_000) * 1_000
            } else {
                at
            };
            match operator {
                "gt" => at > bound,
                "gte" => at >= bound,
                "lt" => at < bound,
                _ => at <= bound,
            }
        };
        let stays = |(_, at): &(usize, &i64)| is_within(**at) == negated;
        let left: Vec<String> = moments
            .iter()
            .enumerate()
            .filter(stays)
            .map(|(n, _)| format!("n{n:02}"))
            .collect();
        assert_eq!(notes.left().await, left.join(" "), "round {round}: {query}");
    }
}

async fn a_day_is_not_before_itself_and_what_a_mapping_counts_needs_no_format(layout: Layout) {
    let notes = notes(layout).await;
    let moments = [BASE - 1, BASE, BASE + 54_000_000, BASE + DAY];
    let native = async |range: Value| {
        fill(&notes, &moments[1..]).await;
        let job = json!({"target": "notes", "owner": "ana", "select": {"query": {"range": range}}});
        notes.service.client.succeeds(&job).await;
        notes.left().await
    };
    for column in ["alchemy", "iso", "secs", "millis"] {
        for (day, left) in [("2024-01-31", "n00 n01 n02"), ("2024-02-01", "n02")] {
            assert_eq!(native(json!({column: {"lt": day}})).await, left, "{column} {day}");
        }
        assert_eq!(native(json!({column: {"lt": {"ago": "90d"}}})).await, "", "{column}");
        assert_eq!(
            native(json!({column: {"gte": {"ago": "90d"}}})).await,
            "n00 n01 n02",
            "{column}"
        );
    }
    fill(&notes, &moments[1..]).await;
    let young = json!({"bool": {"must_not": [{"range": {"secs": {"lt": "now-90d"}}}]}});
    let answer = by_query(&notes.ana, "working", &young).await;
    assert_eq!(answer.body["deleted"], 0, "{}", answer.text);
    let old = json!({"bool": {"must_not": [{"range": {"millis": {"gte": "now-90d"}}}]}});
    let answer = by_query(&notes.ana, "working", &old).await;
    assert_eq!(answer.body["deleted"], 3, "{}", answer.text);
}

async fn a_day_is_all_of_it_however_a_column_holds_moments(layout: Layout) {
    let notes = notes(layout).await;
    let moments = [BASE + DAY - 1, BASE + DAY, BASE + 2 * DAY - 1, BASE + 2 * DAY];
    for column in ["alchemy", "secs", "millis"] {
        let day = "2024-02-01";
        for (query, left) in [
            (json!({"range": {column: {"lte": day}}}), "n03"),
            (json!({"range": {column: {"gt": day}}}), "n00 n01 n02"),
            (
                json!({"bool": {"must_not": [{"range": {column: {"lte": day}}}]}}),
                "n00 n01 n02",
            ),
            (json!({"bool": {"must_not": [{"range": {column: {"gt": day}}}]}}), "n03"),
            (json!({"term": {column: day}}), "n00 n03"),
            (json!({"bool": {"must_not": [{"term": {column: day}}]}}), "n01 n02"),
            // Midnight in Paris.
            (
                json!({"range": {column: {"gte": "2024-02-02", "time_zone": "+01:00"}}}),
                "n00 n01",
            ),
        ] {
            fill(&notes, &moments).await;
            let answer = by_query(&notes.ana, "working", &query).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
            assert_eq!(notes.left().await, left, "{query}");
        }
    }
    fill(&notes, &moments).await;
    // 2024 may be a year or a number of seconds, so it is refused.
    let year = by_query(&notes.ana, "working", &json!({"range": {"secs": {"gte": 2024}}})).await;
    assert_eq!(year.status, StatusCode::BAD_REQUEST, "{}", year.text);
    assert_eq!(notes.left().await, "n00 n01 n02 n03");
}

async fn what_is_no_moment_stops_a_job_before_it_begins(layout: Layout) {
    let notes = notes(layout).await;
    fill(&notes, &[BASE, BASE + DAY]).await;
    // In PostgreSQL's type, only the infinities are not moments.
    let odd = if layout.sql == Sql::Postgres {
        "infinity"
    } else {
        "31/01/2024"
    };
    let set = format!("UPDATE notes SET iso = '{odd}' WHERE id = 'n01'");
    notes.site.memories.run(&set).await;
    let job = |query: Value| json!({"target": "notes", "owner": "ana", "select": {"query": query}});
    let old = json!({"range": {"iso": {"lt": "2025-01-01"}}});
    for query in [old.clone(), json!({"not": {"range": {"iso": {"gte": "2025-01-01"}}}})] {
        let id = notes.service.client.submit(&job(query.clone())).await;
        let ended = notes.service.client.ended(&id).await;
        assert_eq!(
            (&ended["state"], &ended["error_code"]),
            (&json!("failed"), &json!("mistyped")),
            "{query}: {ended:#}"
        );
        let mut dry = job(query.clone());
        dry["dry_run"] = true.into();
        let preview = notes
            .service
            .client
            .ended(&notes.service.client.submit(&dry).await)
            .await;
        assert_eq!(preview["error_code"], "mistyped", "{query}: {preview:#}");
    }
    assert_eq!(notes.left().await, "n00 n01");
    // Rows outside the query are not checked.
    let one = json!({"and": [{"eq": {"id": "n00"}}, old]});
    notes.service.client.succeeds(&job(one)).await;
    assert_eq!(notes.left().await, "n01");
}
