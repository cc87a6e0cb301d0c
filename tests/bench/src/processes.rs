//! What processes use: processor time and memory.

use std::collections::BTreeMap;
use std::time::Duration;

/// The processor time that processes have used, in seconds, by the part that they have. Unlike elapsed time it hardly depends
/// on what else the machine does.
pub(crate) struct Cpu(BTreeMap<&'static str, f64>);

impl Cpu {
    pub(crate) fn now() -> Self {
        let mut used = BTreeMap::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            // Processes come and go.
            let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else {
                continue;
            };
            let Some((name, rest)) = stat.split_once('(').and_then(|(_, stat)| stat.rsplit_once(')')) else {
                continue;
            };
            let Some(part) = part(name) else { continue };
            // proc(5): utime and stime are the 14th and 15th field, in hundredths of a second.
            let times = rest.split_whitespace().skip(11).take(2);
            let ticks: f64 = times.map(|ticks| ticks.parse::<f64>().unwrap()).sum();
            *used.entry(part).or_default() += ticks / 100.0;
        }
        Self(used)
    }

    /// Returns the seconds used since then.
    pub(crate) fn since(before: &Self) -> Used {
        let now = Self::now();
        let seconds = now.0.into_iter().map(|(part, seconds)| {
            let earlier = before.0.get(part).unwrap_or(&0.0);
            (part, (seconds - earlier).max(0.0))
        });
        Used(seconds.filter(|(_, seconds)| *seconds > 0.0).collect())
    }
}

/// The seconds of processors that were used, by part.
#[derive(Clone)]
pub(crate) struct Used(pub(crate) BTreeMap<&'static str, f64>);

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = self.0.iter().map(|(part, seconds)| format!("{part} {seconds:.2}"));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// Returns the part that a process has in the benchmark, by the kernel's name for it.
fn part(name: &str) -> Option<&'static str> {
    Some(match name {
        "postgres" => "PostgreSQL",
        "serve" => "vectors",
        "lethe" => "Lethe",
        "bench" => "caller",
        "redis-server" => "Redis",
        name if name.starts_with("python") || name.starts_with("node") => "peer",
        _ => return None,
    })
}

/// Returns the most resident memory of a process, in MiB.
pub(crate) fn peak(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// Prints how long a large job took.
pub(crate) fn report(what: &str, n: usize, name: &str, took: Duration, before: &Cpu) {
    let used = Cpu::since(before);
    let rate = f64::from(u32::try_from(n).unwrap()) / took.as_secs_f64();
    println!("{what}: {n} memories: {name}: {took:.2?} ({rate:.0}/s); seconds of processors: {used}");
}
