//! Tables with a header, for people.

use anstyle::Style;

use super::{coloured, note};

/// The style of a header.
const HEADER: Style = Style::new().bold();

/// The space between two columns.
const GAP: &str = "  ";

/// A text in a table, with its colour.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Returns a cell in the colour of `style`.
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self {
            text: printable(text),
            style,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    /// Returns the text in its colour, filled up to a width.
    fn padded(&self, width: usize) -> String {
        let (text, style) = (&self.text, self.style);
        let space = " ".repeat(width.saturating_sub(self.width()));
        format!("{style}{text}{style:#}{space}")
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::styled(text, Style::new())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Returns a text on one line, without control characters: names and ids come from anybody, and a terminal obeys such
/// characters.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A table that is printed page by page. Columns keep the width of the first page, and grow where a later one needs it.
pub(crate) struct Table<const N: usize> {
    headers: [&'static str; N],
    widths: [usize; N],
    is_begun: bool,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(headers: [&'static str; N]) -> Self {
        Self {
            headers,
            widths: headers.map(str::len),
            is_begun: false,
        }
    }

    /// Prints a page.
    pub(crate) fn print(&mut self, rows: &[[Cell; N]]) {
        for line in self.lines(rows) {
            coloured(&line);
        }
    }

    /// Ends the table. If it had no rows, a note says so.
    pub(crate) fn end(self, none: &str) {
        if !self.is_begun {
            note(none);
        }
    }

    fn lines(&mut self, rows: &[[Cell; N]]) -> Vec<String> {
        if rows.is_empty() {
            return Vec::new();
        }
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let header = self.headers.map(|name| Cell::styled(name, HEADER));
        let header = (!self.is_begun).then_some(&header);
        self.is_begun = true;
        header.into_iter().chain(rows).map(|row| self.line(row)).collect()
    }

    fn line(&self, row: &[Cell; N]) -> String {
        let cells = row.iter().zip(self.widths);
        let cells = cells.enumerate().map(|(n, (cell, width))| {
            // The last column needs no filling.
            cell.padded(if n + 1 == N { 0 } else { width })
        });
        cells.collect::<Vec<_>>().join(GAP)
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    fn row(cells: [&str; 2]) -> [Cell; 2] {
        cells.map(Cell::from)
    }

    fn plain(lines: &[String]) -> Vec<String> {
        let plain = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string());
        plain.collect()
    }

    #[test]
    fn columns_are_aligned_and_the_header_is_printed_once() {
        let mut table = Table::new(["NAME", "STATE"]);
        assert!(table.lines(&[]).is_empty());
        let first = table.lines(&[row(["a", "queued"]), row(["nightly", "x"])]);
        assert_eq!(plain(&first), ["NAME     STATE", "a        queued", "nightly  x"]);
        assert_eq!(plain(&table.lines(&[row(["ü", "y"])])), ["ü        y"]);
    }

    #[test]
    fn a_colour_takes_no_space() {
        let mut table = Table::new(["S", "N"]);
        let failed = Cell::styled("failed", AnsiColor::Red.on_default());
        let lines = table.lines(&[[failed, Cell::from("1")]]);
        assert!(lines[1].starts_with("\u{1b}[31mfailed\u{1b}[0m"), "{:?}", lines[1]);
        assert_eq!(plain(&lines), ["S       N", "failed  1"]);
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}ü"), "a\\u{1b}[2Jb\\nc\\u{9b}ü");
    }
}
