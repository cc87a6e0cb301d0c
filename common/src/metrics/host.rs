//! The processor time, the memory and the files of this process, under the names of Prometheus' client libraries.
//!
//! The recorder has no part in this: its counters hold whole numbers, and processor time has fractions of a second.

use metrics_process::collector::collect;

use super::process::float;
use super::text;

/// Appends the metrics that this system knows.
pub(super) fn render(text: &mut String) {
    let seen = collect();
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            text::begin(text, name, kind, help);
            text::sample(text, name, &[], value);
        }
    };
    let gauges = [
        ("process_open_fds", "Open files.", seen.open_fds),
        (
            "process_max_fds",
            "The most files that may be open; 0: no limit.",
            seen.max_fds,
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory.",
            seen.virtual_memory_bytes,
        ),
        (
            "process_virtual_memory_max_bytes",
            "The most virtual memory; 0: no limit.",
            seen.virtual_memory_max_bytes,
        ),
        (
            "process_resident_memory_bytes",
            "Resident memory.",
            seen.resident_memory_bytes,
        ),
        (
            "process_start_time_seconds",
            "Time at which the process started.",
            seen.start_time_seconds,
        ),
        ("process_threads", "Threads.", seen.threads),
    ];
    for (name, help, value) in gauges {
        add(name, "gauge", help, value.map(float));
    }
    let processor = "Processor time of the user and the system.";
    add(
        "process_cpu_seconds_total",
        "counter",
        processor,
        seen.cpu_seconds_total,
    );
}
