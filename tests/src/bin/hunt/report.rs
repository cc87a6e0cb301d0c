//! The findings of a run, and their display.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Instant;

use crate::ask::Done;
use crate::fleet::Mode;
use crate::model::{Element, Job, State, Via};
use crate::verdict::{Between, Fault, Wrong};

/// The number of faults of one sort that are shown.
const SHOWN: usize = 2;

/// A job with faults.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) world: u64,
    pub(crate) step: usize,
    pub(crate) mode: Mode,
    pub(crate) site: String,
    pub(crate) job: Job,
    pub(crate) done: Option<Done>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) first: State,
    pub(crate) between: Option<Between>,
    pub(crate) last: State,
}

type Sort = (Wrong, Mode, String, Via);

#[derive(Default)]
struct Inner {
    jobs: BTreeMap<(Mode, Via), u64>,
    faults: BTreeMap<Sort, u64>,
    waiting: Vec<Found>,
}

/// The findings of a run so far.
pub(crate) struct Report {
    started: Instant,
    inner: Mutex<Inner>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// Counts a job.
    pub(crate) fn did(&self, mode: Mode, job: &Job) {
        *self.inner.lock().unwrap().jobs.entry((mode, job.via)).or_default() += 1;
    }

    /// Records a fault. The first faults of each sort are shown, and shrunk before where possible.
    pub(crate) fn add(&self, mut found: Found) {
        found.faults.sort_by_key(|fault| fault.wrong);
        let shape = found.site.split('-').next().unwrap_or_default().to_owned();
        let sort = (found.faults[0].wrong, found.mode, shape, found.job.via);
        let mut inner = self.inner.lock().unwrap();
        let known = inner.faults.entry(sort).or_default();
        *known += 1;
        if *known > SHOWN as u64 {
            return;
        }
        if found.between.is_none() && found.done.is_some() {
            inner.waiting.push(found);
        } else {
            show(&found);
        }
    }

    /// Returns the findings of a site that are to be shrunk.
    pub(crate) fn to_shrink(&self, mode: Mode, site: &str) -> Vec<Found> {
        let mut inner = self.inner.lock().unwrap();
        let (here, others) = std::mem::take(&mut inner.waiting)
            .into_iter()
            .partition(|found| found.mode == mode && found.site == site);
        inner.waiting = others;
        here
    }

    /// Returns the number of faults.
    pub(crate) fn faults(&self) -> u64 {
        self.inner.lock().unwrap().faults.values().sum()
    }

    /// Returns a line about the progress.
    pub(crate) fn line(&self) -> String {
        let inner = self.inner.lock().unwrap();
        let by_mode = Mode::ALL.map(|mode| {
            let jobs = inner.jobs.iter().filter(|((of, _), _)| *of == mode);
            format!("{mode:?} {}", jobs.map(|(_, n)| n).sum::<u64>())
        });
        let faults: u64 = inner.faults.values().sum();
        let seconds = self.started.elapsed().as_secs();
        format!("{seconds} s: jobs {}; faults {faults}", by_mode.join(", "))
    }

    /// Returns the number of jobs per API and the number of faults per sort.
    pub(crate) fn summary(&self) -> String {
        let inner = self.inner.lock().unwrap();
        let mut by_route: BTreeMap<Via, u64> = BTreeMap::new();
        for ((_, via), n) in &inner.jobs {
            *by_route.entry(*via).or_default() += n;
        }
        let routes: Vec<String> = by_route.iter().map(|(via, n)| format!("{via:?} {n}")).collect();
        let mut text = format!("routes: {}", routes.join(", "));
        for ((wrong, mode, shape, via), n) in &inner.faults {
            write!(text, "\n{n} × {wrong:?} ({mode:?}, {shape}, {via:?})").expect("a String takes any text");
        }
        text
    }
}

#[expect(clippy::print_stdout, reason = "it answers on its terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Shows a fault with all details.
pub(crate) fn show(found: &Found) {
    let mut text = format!(
        "\nFAULT in world {} of seed {}, job {} ({:?}, {}): --seed {} --world {}\n  job: {:?}\n",
        found.world, found.seed, found.step, found.mode, found.site, found.seed, found.world, found.job
    );
    for fault in &found.faults {
        writeln!(text, "  {:?}: {}", fault.wrong, fault.text).expect("a String takes any text");
    }
    if let Some(done) = &found.done {
        let job = &done.job;
        writeln!(
            text,
            "  ended {} {}, selected {}, answered {} {}",
            job["state"],
            job["error_code"],
            job["selected"],
            done.status,
            done.text.chars().take(200).collect::<String>()
        )
        .expect("a String takes any text");
        for store in job["stores"].as_array().into_iter().flatten() {
            let counts = store["counts"].as_object().into_iter().flatten();
            let counts: Vec<_> = counts.filter(|(_, n)| n.as_u64() != Some(0)).collect();
            writeln!(text, "    {} {} {counts:?}", store["table"], store["store"]).expect("a String takes any text");
        }
    }
    write!(text, "  at first:\n{}", listed(&found.first, None)).expect("a String takes any text");
    if let Some(between) = &found.between {
        writeln!(text, "  before the change (looked at anew: {}):", between.anew).expect("a String takes any text");
        text += &listed(&between.before, Some(&found.first));
        write!(
            text,
            "  after the change:\n{}",
            listed(&between.after, Some(&between.before))
        )
        .expect("a String takes any text");
    }
    let before = found.between.as_ref().map_or(&found.first, |between| &between.after);
    write!(text, "  at the end:\n{}", listed(&found.last, Some(before))).expect("a String takes any text");
    say(&text);
}

/// Lists the elements of a state. With `before`, it lists only the changes.
fn listed(state: &State, before: Option<&State>) -> String {
    let mut text = String::new();
    for element in state.elements() {
        if before.is_some_and(|before| state.has_same(before, &element)) {
            continue;
        }
        let said = match &element {
            Element::Row(table, id) => format!("{:?}", state.rows[&(*table, id.clone())]),
            Element::Point(pid) => serde_json::Value::Object(state.points[pid].clone()).to_string(),
        };
        writeln!(text, "    {element:?} {said}").expect("a String takes any text");
    }
    for gone in before
        .into_iter()
        .flat_map(State::elements)
        .filter(|element| !state.has(element))
    {
        writeln!(text, "    {gone:?} is gone").expect("a String takes any text");
    }
    text
}
