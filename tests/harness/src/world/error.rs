//! Why a test's world does not do as it should.

use std::{io, process::ExitStatus};

use shopmaster_proto::Failure;
use shopmaster_standins::shop::ShopError;

use crate::programs::ProgramsError;

/// Why a test's world does not do as it should.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The folder or a file in it cannot be made.
    #[error("cannot make the test's files")]
    Files(#[source] io::Error),
    /// The shop failed.
    #[error("the shop failed")]
    Shop(#[from] ShopError),
    /// The stand-in for Digible did not start.
    #[error("the stand-in for Digible does not start")]
    Digible(#[source] io::Error),
    /// The model behind the stand-in for SQL Server cannot read the shop.
    #[error("the stand-in for SQL Server has no shop")]
    Model(#[source] rusqlite::Error),
    /// The stand-in for SQL Server does not start.
    #[error("the stand-in for SQL Server does not start")]
    SqlServer(#[source] io::Error),
    /// The programs cannot be built.
    #[error("there are no programs to test")]
    Programs(#[from] &'static ProgramsError),
    /// A program did not start, or could not be waited for.
    #[error("`{program}` cannot be run")]
    Process {
        /// The program.
        program: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The folder's path is too long for a socket.
    #[error("the agent can have no address")]
    Endpoint(#[from] shopmaster_proto::EndpointError),
    /// The agent ended before it answered.
    #[error("the agent ended with {status} before it answered: {stderr}")]
    EndedEarly {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The test asked for something that needs a running agent.
    #[error("no agent is running")]
    NotRunning,
    /// The test asked for the stand-in for SQL Server, and the agent reads the shop's file itself.
    #[error("there is no SQL Server")]
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
    /// The agent ended a stream that should go on, or left something out of an answer.
    #[error("the answer to `{0}` is not whole")]
    Incomplete(&'static str),
    /// It took too long.
    #[error("waited in vain for {0}")]
    TimedOut(String),
    /// Standard output is not JSON.
    #[error("`shopmasterctl` wrote no JSON but `{stdout}`, and to standard error `{stderr}`")]
    NotJson {
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
        /// Where it is wrong.
        #[source]
        source: serde_json::Error,
    },
}
