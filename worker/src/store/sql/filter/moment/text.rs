//! Texts read as moments, inside a statement.
//!
//! The forms are exactly those of [`lethe_common::filter::stored`]. A statement checks the form of a text before
//! the database parses it, since each database accepts more (`now`, numbers of days, the 31st of February).
//! PostgreSQL and MySQL have six digits of a second, and read no more.

use super::super::super::dialect::Dialect;

// The form permits 31 days in every month. The length of the month is tested next.
const FORM: &str = "^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?";

/// A text that is read as a moment.
pub(super) struct ReadText {
    /// The subquery that yields the two, if they need one.
    pub(super) from: Option<String>,
    /// The moment in UTC, or the local time; NULL for a text that is no moment.
    pub(super) value: String,
    /// Whether the text has no offset.
    pub(super) is_local: String,
}

/// Returns the expressions that read a text as a moment.
pub(super) fn read(dialect: Dialect, text: &str) -> ReadText {
    match dialect {
        Dialect::Sqlite => sqlite(text),
        Dialect::Postgres => postgres(text),
        Dialect::Mysql => mysql(text),
    }
}

/// The value is a text, `2024-01-31T15:00:00.123`, without zeros at its end: texts of this form have the order
/// of moments, to the last digit.
// Each form has a case of its own, frequent ones first: a date function for each row takes twice as long.
fn sqlite(text: &str) -> ReadText {
    const DATE: &str = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]";
    const MINUTE: &str = "[T ][0-2][0-9]:[0-5][0-9]";
    const SECOND: &str = ":[0-5][0-9]";
    const FORMAT: &str = "'%Y-%m-%dT%H:%M:%S'";
    let mut forms = Vec::new();
    for (length, zone) in [(0_u8, ""), (1, "[Zz]"), (6, "+00:00")] {
        let until_zone = |from: u8| match length {
            0 => format!("substr(t, {from})"),
            _ => format!("substr(t, {from}, length(t) - {})", from - 1 + length),
        };
        forms.push(format!(
            "WHEN t GLOB '{DATE}{MINUTE}{SECOND}{zone}' THEN substr(t, 1, 10) || 'T' || substr(t, 12, 8) || '.'"
        ));
        forms.push(format!(
            "WHEN t GLOB '{DATE}{MINUTE}{SECOND}.[0-9]*{zone}' AND length(t) <= {most} AND {digits} NOT GLOB '*[^0-9]*' \
             THEN substr(t, 1, 10) || 'T' || rtrim({time}, '0')",
            most = 29 + length,
            digits = until_zone(21),
            time = until_zone(12),
        ));
    }
    forms.push(format!("WHEN t GLOB '{DATE}' THEN t || 'T00:00:00.'"));
    forms.push(format!(
        "WHEN t GLOB '{DATE}{MINUTE}' OR t GLOB '{DATE}{MINUTE}[Zz]' \
         THEN substr(t, 1, 10) || 'T' || substr(t, 12, 5) || ':00.'"
    ));
    // SQLite's functions take an offset with a colon, of at most 14 hours. In year 1 it could lead to a year 0.
    let moved = |head: u8, zone: &str| {
        format!(
            "strftime({FORMAT}, substr(t, 1, {head}) || CASE WHEN substr(t, 1, 4) = '0001' THEN NULL \
             WHEN {zone} GLOB '[+-][0-9][0-9]:[0-5][0-9]' THEN {zone} \
             WHEN {zone} GLOB '[+-][0-9][0-9][0-5][0-9]' THEN substr({zone}, 1, 3) || ':' || substr({zone}, 4) \
             WHEN {zone} GLOB '[+-][0-9][0-9]' THEN {zone} || ':00' END)"
        )
    };
    forms.push(format!(
        "WHEN t GLOB '{DATE}{MINUTE}[+-]*' THEN {} || '.'",
        moved(16, "substr(t, 17)")
    ));
    forms.push(format!(
        "WHEN t GLOB '{DATE}{MINUTE}{SECOND}[+-]*' THEN {} || '.'",
        moved(19, "substr(t, 20)")
    ));
    let zone = "ltrim(substr(t, 21), '0123456789')";
    forms.push(format!(
        "WHEN t GLOB '{DATE}{MINUTE}{SECOND}.[0-9]*[+-]*' AND length(t) - length({zone}) <= 29 \
         THEN {} || rtrim(substr(t, 20, length(t) - 19 - length({zone})), '0')",
        moved(19, zone)
    ));
    // The tests that the forms omit. Only the last days of a month need a date function.
    let exists = "substr(t, 1, 4) >= '0001' AND substr(t, 6, 2) BETWEEN '01' AND '12' AND substr(t, 12, 2) <= '23' \
                  AND (substr(t, 9, 2) BETWEEN '01' AND '28' \
                  OR strftime('%Y-%m-%d', substr(t, 1, 10), '+0 days') = substr(t, 1, 10))";
    ReadText {
        from: Some(format!(
            "SELECT t, CASE WHEN typeof(t) <> 'text' OR ({exists}) IS NOT TRUE THEN NULL {} END AS v FROM (SELECT {text} AS t)",
            forms.join(" ")
        )),
        value: "n.v".to_owned(),
        is_local: "substr(n.t, 17) NOT GLOB '*[Zz+-]*'".to_owned(),
    }
}

/// The value is a timestamp. The session's time zone is UTC.
fn postgres(text: &str) -> ReadText {
    let part = |from: u8, length: u8| format!("pg_catalog.substr({text}, {from}, {length})::pg_catalog.int4");
    let value = format!(
        "CASE WHEN {text} ~ '{FORM}$' THEN CASE WHEN {day} <= pg_catalog.date_part('day', \
         pg_catalog.make_date({year}, {month}, 1) + '1 month -1 day'::pg_catalog.interval) \
         THEN pg_catalog.timezone('UTC', {text}::pg_catalog.timestamptz) END END",
        year = part(1, 4),
        month = part(6, 2),
        day = part(9, 2),
    );
    ReadText {
        from: Some(format!(
            "SELECT CASE WHEN b.v >= '0001-01-01'::pg_catalog.timestamp AND b.v < '10000-01-01'::pg_catalog.timestamp \
             THEN b.v END AS v, pg_catalog.substr({text}, 17) !~ '[Zz+-]' AS l FROM (SELECT {value} AS v) AS b"
        )),
        value: "n.v".to_owned(),
        is_local: "n.l".to_owned(),
    }
}

/// The value is a DATETIME. MySQL's subqueries see only columns of the outer query, so the expression is
/// repeated wherever it is needed.
fn mysql(text: &str) -> ReadText {
    let text = format!("CONVERT({text} USING utf8mb4)");
    let zone = format!("COALESCE(REGEXP_SUBSTR(SUBSTR({text}, 17), '[Zz+-].*'), '')");
    let seconds = format!("COALESCE(REGEXP_SUBSTR(SUBSTR({text}, 17), '^:[0-9][0-9]([.][0-9]+)?'), '')");
    let local = format!(
        "CAST(CONCAT(SUBSTR({text}, 1, 10), ' ', CASE CHAR_LENGTH({text}) WHEN 10 THEN '00:00' ELSE SUBSTR({text}, 12, 5) END, \
         {seconds}) AS DATETIME(6))"
    );
    let minutes = format!(
        "((CASE LEFT({zone}, 1) WHEN '-' THEN -1 ELSE 1 END) * (CAST(SUBSTR({zone}, 2, 2) AS SIGNED) * 60 + \
         CASE WHEN CHAR_LENGTH({zone}) > 3 THEN CAST(RIGHT({zone}, 2) AS SIGNED) ELSE 0 END))"
    );
    // An offset could lead out of the years 1 to 9999.
    let value = format!(
        "CASE WHEN {text} REGEXP '{FORM}\\z' THEN CASE \
         WHEN SUBSTR({text}, 9, 2) > DAYOFMONTH(LAST_DAY(CONCAT(SUBSTR({text}, 1, 7), '-01'))) THEN NULL \
         WHEN {zone} IN ('', 'Z', 'z') THEN {local} \
         WHEN {text} < '0001-01-02' OR {text} >= '9999-12-31' THEN NULL \
         ELSE {local} - INTERVAL {minutes} MINUTE END END"
    );
    ReadText {
        from: None,
        value,
        is_local: format!("{zone} = ''"),
    }
}
