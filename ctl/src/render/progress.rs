//! The progress bar on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shopmaster_proto::v1::{Run, RunState};

use super::{human::run::kind, printable::plain};

const COUNTING: &str = "{prefix}  {human_pos}  {wide_msg}";
const KNOWN: &str = "{prefix}  [{bar:30}]  {human_pos}/{human_len}  {wide_msg}";

/// A bar for one run; draws nothing when it is not visible.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar on standard error, if `visible`.
    pub fn new(visible: bool) -> Self {
        let target = if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bar: ProgressBar::with_draw_target(None, target),
        }
    }

    /// Shows the run's progress. Its total may grow.
    pub fn show(&self, run: &Run) {
        self.bar.set_style(style(run.total));
        self.bar.set_prefix(kind(run));
        self.bar.set_message(message(run));
        // Both at once: if it were drawn in between, the bar would jump.
        self.bar.update(|state| {
            if run.total > 0 {
                state.set_len(run.total);
            }
            state.set_pos(run.done);
        });
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Without a bar until the total is known: it would be full.
fn style(total: u64) -> ProgressStyle {
    let template = if total == 0 { COUNTING } else { KNOWN };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("#> ")
}

/// What the run waits for, or its counts.
fn message(run: &Run) -> String {
    let text = plain(&run.message);
    if run.state() == RunState::Waiting && text.is_empty() {
        return "waiting".to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_sound() {
        for template in [COUNTING, KNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_total_that_grows_is_followed() {
        let progress = Progress::new(false);
        progress.show(&Run::default());
        assert_eq!(progress.bar.length(), None);
        progress.show(&Run {
            total: 10,
            done: 4,
            message: "Digible asks shopMaster to wait until 12:40".to_owned(),
            ..Run::default()
        });
        assert_eq!(
            (progress.bar.length(), progress.bar.position()),
            (Some(10), 4)
        );
        assert_eq!(
            progress.bar.message(),
            "Digible asks shopMaster to wait until 12:40"
        );
        progress.show(&Run {
            total: 20,
            ..Run::default()
        });
        assert_eq!(progress.bar.length(), Some(20));
    }

    #[test]
    fn waiting_without_a_reason_is_said_too() {
        let run = Run {
            state: RunState::Waiting.into(),
            ..Run::default()
        };
        assert_eq!(message(&run), "waiting");
    }
}
