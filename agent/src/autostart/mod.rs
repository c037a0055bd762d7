//! How the agent starts by itself: as a login item of one user, or as a service of the machine.
//!
//! This is about files, the registry and the service manager. It works without a running agent, asks
//! them anew each time, and so tells the truth also after somebody edited them by hand.

mod error;
mod login;

pub use error::AutostartError;
pub use login::{LoginItem, LoginState, Starts};

/// Carried along when it is set: without it another agent would start, with other files.
const HOME_VARIABLE: &str = "SHOPMASTER_HOME";

/// A command that starts this program by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    /// Its whole path.
    program: String,
    arguments: Vec<String>,
    /// `SHOPMASTER_HOME`.
    home: Option<String>,
}

impl Start {
    /// This program with these arguments.
    fn this_program(arguments: &[&str]) -> Result<Self, AutostartError> {
        let program = std::env::current_exe().map_err(AutostartError::Program)?;
        let Some(program) = program.to_str() else {
            return Err(AutostartError::NotUnicode(program));
        };
        Ok(Self {
            program: program.to_owned(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            home: std::env::var(HOME_VARIABLE)
                .ok()
                .filter(|home| !home.is_empty()),
        })
    }
}
