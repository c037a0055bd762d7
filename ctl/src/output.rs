//! Data on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use serde::Serialize;

use crate::{error::Error, render::json};

/// How to print.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true, help_heading = "For every command")]
    pub json: bool,
    /// Print no progress, notes or hints
    #[arg(long, short, global = true, help_heading = "For every command")]
    pub quiet: bool,
}

impl Output {
    /// Prints data: as one line of JSON, or as the text that `human` makes.
    pub fn show(
        &self,
        value: &impl Serialize,
        human: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if self.json {
            let line = serde_json::to_string(value).map_err(Error::Encode)?;
            return self.text(&line);
        }
        self.text(&human())
    }

    /// Prints text as it is, and ends its last line. Prints nothing for an empty text.
    pub fn text(&self, text: &str) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let mut out = io::stdout().lock();
        write!(out, "{text}{end}")
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }

    /// Prints something for people besides the data; not with `--json` or `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            to_stderr(text);
        }
    }

    /// Prints what the user can do next; not with `--json` or `--quiet`.
    pub fn hint(&self, text: &str) {
        self.note(&format!("hint: {text}"));
    }

    /// Prints what went wrong, as JSON or as text.
    pub fn error(&self, code: &str, message: &str, remedy: Option<String>) {
        if self.json {
            let line = json::ErrorLine::new(code, message, remedy);
            if let Ok(line) = serde_json::to_string(&line) {
                to_stderr(&line);
            }
            return;
        }
        to_stderr(&format!("error: {message}"));
        if let Some(remedy) = remedy {
            to_stderr(&format!("hint: {remedy}"));
        }
    }

    /// Whether a progress bar can be seen: standard error is a terminal, without `--json` and `--quiet`.
    pub fn shows_progress(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }
}

/// If standard error is closed, there is nowhere to report that.
fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
