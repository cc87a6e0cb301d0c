//! Plots as SVG.
//!
//! The only kind is lines over time: one template and the arithmetic of two axes. `plotters` would bring a dozen crates
//! for it, and writes colours into attributes, which no style sheet can change for a dark page.

use askama::Template;

/// The size of the area of the lines, in units of the image.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A line of a plot.
pub(super) struct Line {
    pub(super) label: &'static str,
    /// `a` or `b`: the colour and the dashes.
    pub(super) class: &'static str,
    pub(super) values: Vec<f64>,
}

/// Lines over time.
#[derive(Template)]
#[template(path = "console/plot.svg")]
pub(super) struct Plot {
    id: &'static str,
    pub(super) title: &'static str,
    /// The present values in words, for readers who do not see the lines.
    says: String,
    /// The label of the upper end of the axis.
    top: String,
    /// The labels of the ends of the time axis.
    from: String,
    to: String,
    lines: Vec<Drawn>,
}

/// A line, as the image has it.
struct Drawn {
    label: &'static str,
    class: &'static str,
    points: String,
    /// The value that its legend has, in words.
    said: String,
}

impl Plot {
    /// Returns the plot of lines that begin `from` and end now; `written` writes a value with its unit.
    pub(super) fn new(
        id: &'static str,
        title: &'static str,
        from: String,
        lines: Vec<Line>,
        written: fn(f64) -> String,
    ) -> Self {
        let most = lines.iter().flat_map(|line| &line.values).copied().fold(0.0, f64::max);
        let lines: Vec<Drawn> = lines
            .into_iter()
            .map(|line| Drawn {
                label: line.label,
                class: line.class,
                points: points(&line.values, most),
                said: format!("{} now", written(line.values.last().copied().unwrap_or_default())),
            })
            .collect();
        Self {
            id,
            title,
            says: says(&lines),
            top: written(most),
            from,
            to: "now".to_owned(),
            lines,
        }
    }

    /// Returns the plot with a time axis that ends at `to`, and with `said` in place of the last values.
    pub(super) fn until(mut self, to: String, said: &str) -> Self {
        for line in &mut self.lines {
            said.clone_into(&mut line.said);
        }
        self.says = says(&self.lines);
        self.to = to;
        self
    }
}

/// Returns the values of lines in words.
fn says(lines: &[Drawn]) -> String {
    let said: Vec<String> = lines
        .iter()
        .map(|line| format!("{}: {}", line.label, line.said))
        .collect();
    said.join(", ")
}

/// Returns the points of a line, the greatest value at the top.
fn points(values: &[f64], most: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some hundred points")]
    let (mut x, step) = (0.0, WIDTH / (values.len().max(2) - 1) as f64);
    let mut points = Vec::with_capacity(values.len());
    for value in values {
        let y = if most > 0.0 {
            HEIGHT - value / most * HEIGHT
        } else {
            HEIGHT
        };
        points.push(format!("{x:.1},{y:.1}"));
        x += step;
    }
    points.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_from_edge_to_edge() {
        assert_eq!(points(&[0.0, 5.0, 10.0], 10.0), "0.0,120.0 300.0,60.0 600.0,0.0");
        assert_eq!(points(&[0.0, 0.0], 0.0), "0.0,120.0 600.0,120.0");
        assert_eq!(points(&[1.0], 1.0), "0.0,0.0");
        assert_eq!(points(&[], 0.0), "");
    }

    #[test]
    fn a_plot_says_its_values_and_escapes_its_words() {
        let line = Line {
            label: "a & b",
            class: "a",
            values: vec![1.0, 2.0],
        };
        let plot = Plot::new("p", "Title", "one hour ago".to_owned(), vec![line], |n| format!("{n}"));
        let svg = plot.render().unwrap();
        assert!(svg.contains("a &#38; b: 2 now"), "{svg}");
        assert!(!svg.contains("style="), "{svg}");
        let svg = plot.until("end".to_owned(), "1.5 on average").render().unwrap();
        assert!(svg.contains(">end</text>") && !svg.contains("now"), "{svg}");
        assert_eq!(svg.matches("a &#38; b: 1.5 on average").count(), 2, "{svg}");
    }
}
