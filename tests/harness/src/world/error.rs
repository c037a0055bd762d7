//! Why the world of a test fails.

use std::{io, process::ExitStatus};

use shopmaster_proto::Failure;
use shopmaster_standins::shop::ShopError;

use crate::programs::ProgramsError;

/// Why the world of a test fails.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The folder or a file in it cannot be created.
    #[error("cannot create the test's files")]
    Files(#[source] io::Error),
    /// The shop failed.
    #[error("the shop failed")]
    Shop(#[from] ShopError),
    /// The stand-in for Digible did not start.
    #[error("the stand-in for Digible cannot start")]
    Digible(#[source] io::Error),
    /// The model behind the stand-in for SQL Server cannot read the shop.
    #[error("the stand-in for SQL Server cannot read the shop")]
    Model(#[source] rusqlite::Error),
    /// The stand-in for SQL Server does not start.
    #[error("the stand-in for SQL Server cannot start")]
    SqlServer(#[source] io::Error),
    /// The programs cannot be built.
    #[error("the programs to test cannot be built")]
    Programs(#[from] &'static ProgramsError),
    /// A program did not start, or could not be waited for.
    #[error("`{program}` cannot be run")]
    Process {
        /// The program.
        program: String,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The folder's path is too long for a socket.
    #[error("the folder's path is too long for the agent's socket")]
    Endpoint(#[from] shopmaster_proto::EndpointError),
    /// The agent ended before it answered.
    #[error("the agent ended with {status} before it answered: {stderr}")]
    EndedEarly {
        /// Its exit status.
        status: ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The test does something that requires a running agent.
    #[error("no agent is running")]
    NotRunning,
    /// The test uses the stand-in for SQL Server, but the agent reads the shop's file itself.
    #[error("this world has no stand-in for SQL Server")]
    NoSqlServer,
    /// The agent refused a call.
    #[error("the agent refused `{call}`")]
    Refused {
        /// The call.
        call: &'static str,
        /// Its answer.
        #[source]
        source: Failure,
    },
    /// The agent ended a stream early, or an answer lacks a field.
    #[error("the answer to `{0}` is incomplete")]
    Incomplete(&'static str),
    /// It took too long.
    #[error("timed out waiting for {0}")]
    TimedOut(String),
    /// Standard output is not JSON.
    #[error("`shopmasterctl` wrote `{stdout}` instead of JSON, and `{stderr}` to standard error")]
    NotJson {
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
        /// The error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
}
