//! The trace of a case.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use shopmaster_standins::digible::DigibleSim;

/// What was done in a case, and when.
#[derive(Debug)]
pub(super) struct Trace {
    started: Instant,
    lines: Vec<(Duration, String)>,
}

impl Trace {
    pub(super) fn begin() -> Self {
        Self {
            started: Instant::now(),
            lines: Vec::new(),
        }
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.lines.push((self.started.elapsed(), text.into()));
    }

    /// The trace as text, with the requests to Digible in between. `digible_started` is when the stand-in started, by
    /// this clock.
    pub(super) fn render(&self, digible: &DigibleSim, digible_started: Instant) -> String {
        // Requests of the set-up came before the trace.
        let before = self.started.saturating_duration_since(digible_started);
        let requests = digible.requests().into_iter().map(|request| {
            let ids: Vec<_> = request
                .product_ids
                .iter()
                .map(ToString::to_string)
                .collect();
            let what = request
                .endpoint
                .map_or_else(|| request.path.clone(), |it| format!("{it:?}"));
            let status = request
                .status
                .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let applied = if request.applied { ", applied" } else { "" };
            let line = format!(
                "    request {} {what} [{}]: {status}{applied}",
                request.sequence,
                ids.join(" ")
            );
            (
                Duration::from_millis(request.at_ms).saturating_sub(before),
                line,
            )
        });
        let mut all: Vec<_> = self.lines.iter().cloned().chain(requests).collect();
        all.sort_by_key(|(at, _)| *at);
        let mut text = String::new();
        for (at, line) in all {
            let _infallible = writeln!(text, "{:>6} ms  {line}", at.as_millis());
        }
        text
    }
}
