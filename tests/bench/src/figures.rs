//! What was measured, as a table, as JSON and as a plot.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::plot;
use crate::processes::{Cpu, Used};

/// One run of one contender.
pub(crate) struct Sample {
    /// How many deletions.
    pub(crate) n: usize,
    /// How long all took.
    pub(crate) took: Duration,
    /// The median and the 99th percentile of each, where each was waited for.
    pub(crate) latency: Option<[Duration; 2]>,
    /// Seconds of processors.
    pub(crate) used: Used,
}

impl Sample {
    /// Returns the figures of a run that took so long, and began at `before`.
    pub(crate) fn of(n: usize, took: Duration, before: &Cpu) -> Self {
        Self {
            n,
            took,
            latency: None,
            used: Cpu::since(before),
        }
    }

    fn per_second(&self) -> f64 {
        count(self.n) / self.took.as_secs_f64()
    }
}

/// All runs of one contender in one case of a benchmark.
pub(crate) struct Figure {
    bench: &'static str,
    case: String,
    who: String,
    samples: Vec<Sample>,
}

impl Figure {
    /// Returns the median, the least and the most of what its samples say.
    fn spread(&self, of: impl Fn(&Sample) -> f64) -> [f64; 3] {
        let mut all: Vec<f64> = self.samples.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        [all[all.len() / 2], all[0], all[all.len() - 1]]
    }

    /// Returns the median rate, and the least and the most.
    pub(crate) fn rates(&self) -> [f64; 3] {
        self.spread(Sample::per_second)
    }

    /// Returns whether both are contenders in the same case.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.bench == other.bench && self.case == other.case
    }

    /// Returns whether the contender is Lethe.
    pub(crate) fn is_lethe(&self) -> bool {
        self.who.starts_with("Lethe")
    }

    /// Returns a name for it: benchmark, case and contender.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}: {}", self.bench, self.case, self.who)
    }

    /// Returns the median and the 99th percentile in milliseconds, where each deletion was waited for.
    fn latency(&self) -> Option<[f64; 2]> {
        self.samples[0].latency?;
        Some([0, 1].map(|n| {
            let [median, ..] = self.spread(|sample| sample.latency.map_or(0.0, |all| all[n].as_secs_f64() * 1e3));
            median
        }))
    }

    /// Returns the milliseconds of processors for each deletion, by part, of the last run.
    fn used(&self) -> Vec<(&'static str, f64)> {
        let last = &self.samples[self.samples.len() - 1];
        let each = |seconds: &f64| seconds * 1e3 / count(last.n);
        last.used
            .0
            .iter()
            .map(|(part, seconds)| (*part, each(seconds)))
            .collect()
    }
}

/// All that was measured, in order. The first contender of each case is its baseline.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a run, and prints it.
    pub(crate) fn add(&mut self, bench: &'static str, case: &str, who: &str, sample: Sample) {
        let known = self
            .0
            .iter_mut()
            .find(|figure| figure.bench == bench && figure.case == case && figure.who == who);
        let latency = sample
            .latency
            .map_or_else(String::new, |[p50, p99]| format!(", p50 {p50:.1?}, p99 {p99:.1?}"));
        println!(
            "{bench}: {case}: {who}: {:.0}/s{latency}; seconds of processors: {}",
            sample.per_second(),
            sample.used
        );
        match known {
            Some(figure) => figure.samples.push(sample),
            None => self.0.push(Figure {
                bench,
                case: case.to_owned(),
                who: who.to_owned(),
                samples: vec![sample],
            }),
        }
    }

    /// Returns the rate of a figure as a part of its baseline's.
    fn ratio(&self, figure: &Figure) -> f64 {
        let baseline = self.0.iter().find(|other| other.is_beside(figure));
        let [rate, ..] = figure.rates();
        baseline.map_or(1.0, |baseline| rate / baseline.rates()[0])
    }

    /// Returns the figures as a table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| benchmark | contender | per second (least, most) | of the baseline | p50, ms | p99, ms | ms of processors each |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for figure in &self.0 {
            let [rate, least, most] = figure.rates();
            let [p50, p99] = figure
                .latency()
                .map_or([const { String::new() }; 2], |all| all.map(|ms| format!("{ms:.1}")));
            let used: Vec<String> = figure
                .used()
                .iter()
                .map(|(part, ms)| format!("{part} {ms:.2}"))
                .collect();
            writeln!(
                table,
                "| {}, {} | {} | {rate:.0} ({least:.0}, {most:.0}) | {:.2} | {p50} | {p99} | {} |",
                figure.bench,
                figure.case,
                figure.who,
                self.ratio(figure),
                used.join(", ")
            )
            .unwrap();
        }
        table
    }

    fn json(&self) -> Value {
        let figures = self.0.iter().map(|figure| {
            let [rate, least, most] = figure.rates();
            let used: serde_json::Map<String, Value> = figure
                .used()
                .into_iter()
                .map(|(part, ms)| (part.to_owned(), json!(ms)))
                .collect();
            json!({
                "bench": figure.bench, "case": figure.case, "contender": figure.who, "runs": figure.samples.len(),
                "deletions": figure.samples[0].n, "per_second": {"median": rate, "least": least, "most": most},
                "of_baseline": self.ratio(figure), "p50_ms": figure.latency().map(|all| all[0]),
                "p99_ms": figure.latency().map(|all| all[1]), "processor_ms_each": used,
            })
        });
        Value::Array(figures.collect())
    }

    /// Writes `bench.json`, `bench.md` and `bench.svg`.
    pub(crate) fn write(&self, directory: &Path) {
        let json = serde_json::to_string_pretty(&self.json()).unwrap();
        for (name, text) in [
            ("bench.json", json),
            ("bench.md", self.table()),
            ("bench.svg", plot::bars(&self.0)),
        ] {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a count as a number to calculate with.
pub(crate) fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}
