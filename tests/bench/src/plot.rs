//! Rates as bars, in SVG.

use std::fmt::Write;

use crate::figures::Figure;

/// The height of a bar with what stands round it, in pixels.
const ROW: usize = 26;

/// Where bars begin, how long the longest is, and how wide the picture is, in pixels.
const LEFT: usize = 330;
const LONGEST: f64 = 420.0;
const WIDTH: usize = 860;

/// Draws the median rate of each contender as a bar with its spread, each benchmark to a scale of its own.
pub(crate) fn bars(figures: &[Figure]) -> String {
    let mut rows = String::new();
    let mut y = 10;
    for of_case in figures.chunk_by(Figure::is_beside) {
        let longest = of_case.iter().map(|figure| figure.rates()[2]).fold(0.0, f64::max);
        for figure in of_case {
            let [rate, least, most] = figure.rates().map(|rate| rate * LONGEST / longest);
            let colour = if figure.is_lethe() { "#2f6f4f" } else { "#9aa5ab" };
            let left = f64::from(u32::try_from(LEFT).unwrap());
            let middle = y + ROW / 2 - 2;
            writeln!(
                rows,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{rate:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <path d=\"M{:.1} {middle}H{:.1}\" stroke=\"#222\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.0}/s</text>",
                LEFT - 8,
                middle + 5,
                escaped(&figure.name()),
                ROW - 6,
                left + least,
                left + most,
                left + most + 8.0,
                middle + 5,
                figure.rates()[0],
            )
            .unwrap();
            y += ROW;
        }
        y += ROW / 2;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Deletions per second, median of several runs, with the least and the most</title>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#fff\"/>\n{rows}</svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
