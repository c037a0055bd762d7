//! Memory and processor time of a process on Linux (proc(5)); none elsewhere.

use std::{fs, time::Duration};

/// The peak of the resident memory in MiB (`VmHWM`).
#[must_use]
pub fn peak_memory(id: Option<u32>) -> Option<f64> {
    memory(id?, "VmHWM:")
}

/// The resident memory now, in MiB (`VmRSS`).
#[must_use]
pub fn memory_now(id: Option<u32>) -> Option<f64> {
    memory(id?, "VmRSS:")
}

/// The processor time of its threads so far. From `schedstat`, which is in nanoseconds: `stat` counts hundredths of a
/// second, which is too coarse for an idle process.
#[must_use]
pub fn cpu_time(id: Option<u32>) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{}/task", id?)).ok()?;
    let times = threads.flatten().map(|thread| -> Option<u64> {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    });
    // The file of a thread that has just ended is gone.
    Some(Duration::from_nanos(times.flatten().sum()))
}

fn memory(id: u32, key: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / 1_024.0)
}
