//! Draws the deletions of a run from the seed: their times, requests and memories.

use std::time::Duration;

use lethe_tests::memories::Memory;
use lethe_tests::random::Random;
use serde_json::{Value, json};

use crate::options::Options;
use crate::sites::{NAMES, TARGETS};

/// The form of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    One,
    List,
    Subject,
    Query,
    Upload,
    /// Some thousands of rows at a pace.
    Purge,
    /// A dry run.
    Preview,
    /// By a schedule, often with windows.
    Scheduled,
}

/// One requested deletion.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) number: usize,
    pub(crate) at: Duration,
    pub(crate) sort: Sort,
    /// Its targets.
    pub(crate) targets: Vec<usize>,
    /// Its memories, in each of these targets.
    pub(crate) meant: Vec<Vec<Memory>>,
    /// The number of other ids that it names: unknown ids, and ids of other owners.
    pub(crate) strange: usize,
    /// The request, without an upload's ids.
    pub(crate) body: Value,
    /// The ids of an upload.
    pub(crate) lines: Vec<String>,
    pub(crate) per_second: Option<u32>,
    /// The time from the accept to a cancellation.
    pub(crate) cancel: Option<Duration>,
    /// The time from a failure or a cancellation to the only retry.
    pub(crate) retry: Option<Duration>,
    /// The time that a schedule's windows are closed.
    pub(crate) closed: Option<Duration>,
}

impl Asked {
    /// Returns whether the deletion names ids, which may be absent.
    pub(crate) fn names_ids(&self) -> bool {
        matches!(self.sort, Sort::One | Sort::List | Sort::Upload)
    }

    /// Returns the number of its memories.
    pub(crate) fn size(&self) -> usize {
        self.meant.iter().map(Vec::len).sum()
    }
}

/// The number of memories in each target that no job selects.
const BYSTANDERS: usize = 300;

/// The stream of the seed that jobs are drawn from.
const STREAM: u64 = 1 << 41;

/// Draws one job after another.
pub(crate) struct Jobs {
    random: Random,
    options: Options,
    number: usize,
    at: Duration,
    /// The memories in each target that no job selects.
    pub(crate) bystanders: Vec<Vec<Memory>>,
}

impl Jobs {
    pub(crate) fn new(options: &Options) -> Self {
        let mut random = Random::of(options.seed, STREAM);
        let bystanders = (0..TARGETS).map(|target| memories(&mut random, &format!("bystander-{target}"), BYSTANDERS));
        Self {
            bystanders: bystanders.collect(),
            random,
            options: *options,
            number: 0,
            at: Duration::ZERO,
        }
    }

    fn sort(&mut self) -> Sort {
        self.random.weighted(&[
            (40, Sort::One),
            (22, Sort::List),
            (12, Sort::Subject),
            (10, Sort::Query),
            (5, Sort::Upload),
            (1, Sort::Purge),
            (4, Sort::Preview),
            (4, Sort::Scheduled),
        ])
    }

    fn size(&mut self, sort: Sort) -> usize {
        let (least, most) = match sort {
            Sort::One => return 1,
            Sort::List | Sort::Query => (2, 150),
            Sort::Subject | Sort::Preview | Sort::Scheduled => (1, 100),
            Sort::Upload => (200, 1_000),
            Sort::Purge => (1_000, 4_000),
        };
        least + self.random.below(most - least)
    }

    fn draw(&mut self) -> Asked {
        let number = self.number;
        self.number += 1;
        let sort = self.sort();
        let user = format!("person-{number}");
        let everywhere = sort == Sort::Subject && self.random.percent(30);
        let targets = if everywhere {
            (0..TARGETS).collect()
        } else {
            vec![self.random.below(TARGETS)]
        };
        let size = self.size(sort);
        let meant: Vec<_> = targets
            .iter()
            .map(|_| memories(&mut self.random, &user, size))
            .collect();
        let mut asked = Asked {
            number,
            at: self.at,
            sort,
            meant,
            strange: 0,
            body: json!({}),
            lines: Vec::new(),
            per_second: (sort == Sort::Purge).then(|| self.pace(size)),
            cancel: None,
            retry: None,
            closed: None,
            targets,
        };
        self.body(&mut asked, &user);
        self.people(&mut asked);
        asked
    }

    /// Returns a pace by which so many memories take twenty to sixty seconds.
    fn pace(&mut self, size: usize) -> u32 {
        let time = self.options.times.seconds(20.0) + self.random.time(self.options.times.seconds(40.0));
        let size = u32::try_from(size).expect("some thousands");
        let millis = u32::try_from(time.as_millis()).expect("a minute at most").max(1);
        (size * 1_000 / millis).max(1)
    }

    fn body(&mut self, asked: &mut Asked, user: &str) {
        let mut body = json!({});
        if asked.targets.len() == 1 {
            body["target"] = json!(NAMES[asked.targets[0]]);
            body["table"] = json!("memories");
        }
        let mut ids: Vec<String> = asked.meant[0].iter().map(|memory| memory.id.clone()).collect();
        if asked.names_ids() && asked.sort != Sort::One {
            let others = &self.bystanders[asked.targets[0]];
            // Ids of other owners, which the job's owner condition protects, and unknown ids.
            let strange = self.random.below(others.len().min(6));
            ids.extend(others[..strange].iter().map(|memory| memory.id.clone()));
            let nobodys = self.random.below(6);
            ids.extend((0..nobodys).map(|_| self.random.uuid().to_string()));
            asked.strange = strange + nobodys;
        }
        if asked.names_ids() {
            body["owner"] = json!(user);
        }
        let by_query = match asked.sort {
            Sort::Query => true,
            Sort::Purge | Sort::Preview => self.random.percent(50),
            _ => false,
        };
        match asked.sort {
            Sort::Upload => asked.lines = ids,
            Sort::One | Sort::List => body["select"] = json!({"ids": ids}),
            _ if by_query => body["select"] = json!({"query": {"eq": {"user_id": user}}}),
            _ => {
                // A subject covers all tables of a target, unless the request names one.
                body["select"] = json!({"subject": {"user_id": user}});
            }
        }
        if asked.sort == Sort::Preview {
            body["dry_run"] = json!(true);
        }
        if let Some(pace) = asked.per_second {
            body["per_second"] = json!(pace);
        }
        asked.body = body;
    }

    /// Draws the cancellation, the retry and the windows of a job.
    fn people(&mut self, asked: &mut Asked) {
        let times = self.options.times;
        if self.random.percent(8) {
            asked.cancel = Some(self.random.log_uniform(times.between(0.2, 60.0)));
        }
        if self.random.percent(60) {
            asked.retry = Some(self.random.log_uniform(times.between(0.2, 120.0)));
        }
        if asked.sort == Sort::Scheduled && self.random.percent(60) {
            asked.closed = Some(self.random.log_uniform(times.between(10.0, 200.0)));
        }
    }
}

impl Iterator for Jobs {
    type Item = Asked;

    fn next(&mut self) -> Option<Asked> {
        // Twenty a minute on average.
        self.at += self.random.time(self.options.times.seconds(6.0));
        (self.at < self.options.time).then(|| self.draw())
    }
}

fn memories(random: &mut Random, user: &str, n: usize) -> Vec<Memory> {
    let memory = |_| Memory {
        id: random.uuid().to_string(),
        user: user.to_owned(),
    };
    (0..n).map(memory).collect()
}
