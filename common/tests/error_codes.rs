//! The guide's table of error codes matches the code.

use lethe_common::error_code::ErrorCode;
use strum::IntoEnumIterator as _;

#[test]
fn the_table_of_error_codes_has_each_code_once() {
    let (_, table) = include_str!("../../docs/src/reference/jobs.md")
        .split_once("| error code | meaning |\n")
        .unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    // Codes are in backticks, in the first column.
    let mut told: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    told.sort_unstable();
    let mut known: Vec<&str> = ErrorCode::iter().map(ErrorCode::as_str).collect();
    known.sort_unstable();
    assert_eq!(told, known);
}
