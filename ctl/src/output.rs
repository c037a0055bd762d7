//! Data on standard output, everything else on standard error, and nothing that a terminal would obey: text for people is
//! a [`Text`], and JSON is escaped.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use serde::Serialize;

use crate::{
    error::Error,
    render::{human::Text, json, printable::escaped},
};

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
    pub fn show<T: Into<Text>>(
        &self,
        value: &impl Serialize,
        human: impl FnOnce() -> T,
    ) -> Result<(), Error> {
        if self.json {
            return to_stdout(&json::line(value)?);
        }
        self.text(&human().into())
    }

    /// Prints text for people as data, whether or not JSON was asked for.
    pub fn text(&self, text: &Text) -> Result<(), Error> {
        to_stdout(text)
    }

    /// Prints what another program of shopMaster printed.
    pub fn relay(&self, printed: &str) -> Result<(), Error> {
        match self.json {
            // One line of JSON.
            true => to_stdout(&escaped(printed)),
            false => to_stdout(&Text::of_lines(printed)),
        }
    }

    /// Prints what another program of shopMaster printed to standard error.
    pub fn relay_errors(&self, printed: &str) {
        match self.json {
            true => to_stderr(&escaped(printed)),
            false => to_stderr(&Text::of_lines(printed)),
        }
    }

    /// Prints a file byte for byte into a pipe or a file. On a terminal, it is shown like all other text.
    pub fn file(&self, file: &str) -> Result<(), Error> {
        match io::stdout().is_terminal() {
            true => to_stdout(&Text::of_lines(file)),
            false => to_stdout(file),
        }
    }

    /// Prints a line for people besides the data; not with `--json` or `--quiet`.
    pub fn note(&self, line: &str) {
        self.notes(&Text::of(line));
    }

    /// Prints lines for people besides the data; not with `--json` or `--quiet`.
    pub fn notes(&self, text: &Text) {
        if !self.json && !self.quiet {
            to_stderr(text);
        }
    }

    /// Prints what the user can do next; not with `--json` or `--quiet`.
    pub fn hint(&self, line: &str) {
        self.note(&format!("hint: {line}"));
    }

    /// Prints what went wrong, as JSON or as text.
    pub fn error(&self, code: &str, message: &str, remedy: Option<String>) {
        if self.json {
            let line = json::ErrorLine::new(code, message, remedy);
            if let Ok(line) = json::line(&line) {
                to_stderr(&line);
            }
            return;
        }
        let mut text = Text::of(format!("error: {message}"));
        if let Some(remedy) = remedy {
            text.line(format!("hint: {remedy}"));
        }
        to_stderr(&text);
    }

    /// Whether a progress bar can be seen: standard error is a terminal, without `--json` and `--quiet`.
    pub fn shows_progress(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }
}

fn to_stdout(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Error::Output)
}

/// If standard error is closed, there is nowhere to report that.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
