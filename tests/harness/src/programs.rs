//! The two programs, built by cargo once per test process, so that no test runs an outdated one.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use serde::Deserialize;

const AGENT: &str = "shopmaster-agent";
const CTL: &str = "shopmasterctl";
/// Named when the programs are built, so that cargo chooses the same features of the dependencies as for the
/// harness itself and builds them once.
const HARNESS: &str = "shopmaster-harness";

/// The paths of the two programs.
#[derive(Debug)]
pub struct Programs {
    /// `shopmaster-agent`.
    pub agent: PathBuf,
    /// `shopmasterctl`.
    pub ctl: PathBuf,
}

/// Why the programs cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// Cargo did not start.
    #[error("cannot start `{}`", cargo.display())]
    Start {
        /// The path that was used for cargo.
        cargo: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// Cargo failed; its messages are on standard error.
    #[error("cargo could not build the programs: {0}")]
    Build(ExitStatus),
    /// Cargo's output does not name this program.
    #[error("cargo did not build the program `{0}`")]
    Missing(&'static str),
}

/// The needed parts of one line of cargo's JSON.
#[derive(Debug, Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

impl Programs {
    /// Builds both with the profile of the caller, once per process. Blocks while cargo runs.
    ///
    /// # Errors
    ///
    /// When cargo cannot build them.
    pub fn build() -> Result<&'static Self, &'static ProgramsError> {
        static PROGRAMS: OnceLock<Result<Programs, ProgramsError>> = OnceLock::new();
        PROGRAMS.get_or_init(Self::build_now).as_ref()
    }

    fn build_now() -> Result<Self, ProgramsError> {
        let cargo = PathBuf::from(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(&cargo);
        command
            .args([
                "build",
                "--locked",
                "--message-format=json-render-diagnostics",
            ])
            .args(["-p", AGENT, "-p", CTL, "-p", HARNESS])
            .args(["--bin", AGENT, "--bin", CTL])
            .current_dir(workspace)
            .stderr(Stdio::inherit());
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let output = command
            .output()
            .map_err(|source| ProgramsError::Start { cargo, source })?;
        if !output.status.success() {
            return Err(ProgramsError::Build(output.status));
        }
        Self::from_messages(&String::from_utf8_lossy(&output.stdout))
    }

    fn from_messages(messages: &str) -> Result<Self, ProgramsError> {
        let find = |name| {
            messages
                .lines()
                .filter_map(|line| serde_json::from_str::<Message>(line).ok())
                .filter(|message| message.target.as_ref().is_some_and(|it| it.name == name))
                .find_map(|message| message.executable)
                .ok_or(ProgramsError::Missing(name))
        };
        Ok(Self {
            agent: find(AGENT)?,
            ctl: find(CTL)?,
        })
    }
}

/// A command whose files are all below `home`, without the caller's `SHOPMASTER_*` variables.
pub(crate) fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    let ours = |name: &OsString| name.to_string_lossy().starts_with("SHOPMASTER_");
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env("SHOPMASTER_HOME", home);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_from_cargos_answer() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"shopmaster-agent"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"shopmaster-agent"},"executable":"/t/shopmaster-agent"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"shopmasterctl"},"executable":"/t/shopmasterctl"}
{"reason":"build-finished","success":true}"#;
        let programs = Programs::from_messages(messages).unwrap();
        assert_eq!(programs.agent, Path::new("/t/shopmaster-agent"));
        assert_eq!(programs.ctl, Path::new("/t/shopmasterctl"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Programs::from_messages(r#"{"reason":"build-finished"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cargo did not build the program `shopmaster-agent`"
        );
    }
}
