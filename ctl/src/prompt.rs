//! Questions to the user at the terminal.
//!
//! They are asked on a thread of their own, so that the connection to the agent stays alive while the user looks
//! for a password. A terminal obeys nothing in a question: what it quotes may be an agent's.

use std::io::{self, IsTerminal as _, Write as _};

use crate::{
    error::Error,
    render::{human::Text, printable::plain},
};

/// True when standard input and standard error are a terminal, so that a user can answer.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Runs a dialogue on a thread of its own, while the connection stays alive.
pub async fn aside<T: Send + 'static>(
    dialogue: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(dialogue)
        .await
        .map_err(|error| Error::Input(io::Error::other(error)))?
}

/// Asks for a line, which may be empty.
pub fn line(question: &str) -> Result<String, Error> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{}: ", plain(question))
        .and_then(|()| terminal.flush())
        .map_err(Error::Input)?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer).map_err(Error::Input)?;
    if read == 0 {
        return Err(Error::Input(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(answer.trim().to_owned())
}

/// Asks for a password without showing it.
pub fn password(question: &str) -> Result<String, Error> {
    rpassword::prompt_password(format!("{}: ", plain(question))).map_err(Error::Input)
}

/// Asks yes or no; an empty answer is `default`.
pub fn confirm(question: &str, default: bool) -> Result<bool, Error> {
    let choices = if default { "[Y/n]" } else { "[y/N]" };
    let answer = line(&format!("{question} {choices}"))?;
    Ok(match answer.to_lowercase().as_str() {
        "" => default,
        answer => matches!(answer, "y" | "yes"),
    })
}

/// Prints a line in a dialogue, on standard error.
pub fn say(text: &str) {
    let _ = write!(io::stderr().lock(), "{}", Text::of(text));
}
