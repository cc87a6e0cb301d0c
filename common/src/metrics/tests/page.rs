//! The guide's page of metrics has each metric once, with its type and labels.

use super::listed;

const PAGE: &str = include_str!("../../../../docs/src/reference/metrics.md");

/// Returns the words in backticks.
fn coded(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_guide_tells_every_metric() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `lethe_"));
    let mut told: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = coded(cells[1]).next().expect(row);
            let labels: Vec<&str> = coded(cells[3]).collect();
            format!("{name} {} {}", cells[2], labels.join(","))
        })
        .collect();
    told.sort_unstable();

    let list = listed();
    let known = list.lines().map(|line| {
        let (rest, labels) = line.rsplit_once(' ').expect(line);
        // Prometheus gives buckets their label.
        let labels: Vec<&str> = labels.split(',').filter(|label| !["le", "-"].contains(label)).collect();
        format!("{rest} {}", labels.join(","))
    });
    let mut known: Vec<String> = known.collect();
    known.sort_unstable();
    assert_eq!(told, known);
}
