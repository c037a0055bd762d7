//! Failed calls: a gRPC code, a stable code of the contract, a message and a remedy.

use std::sync::Arc;

use shopmaster_base::causes::with_causes;
use shopmaster_catalog::CatalogError;
use shopmaster_engine::{Engine, StartError, StepError};
use shopmaster_journal::JournalError;
use shopmaster_proto::Failure;
use tonic::{Code, Status};

use crate::{
    config::{KeyError, SaveError},
    supervisor::{ConfigureError, Supervisor},
};

/// A failed call.
pub(super) fn failure(code: Code, word: &str, message: String, remedy: &str) -> Status {
    Failure {
        code: word.to_owned(),
        message,
        remedy: remedy.to_owned(),
        disconnected: false,
    }
    .into_status(code)
}

/// A call or setting that a later version will support.
pub(super) fn unimplemented(what: &str) -> Status {
    failure(
        Code::Unimplemented,
        "UNIMPLEMENTED",
        format!("{what} is not supported by this version"),
        "",
    )
}

/// A request that is not valid.
pub(super) fn invalid(message: &str, remedy: &str) -> Status {
    failure(
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        message.to_owned(),
        remedy,
    )
}

/// The engine, or why there is none.
pub(super) async fn engine(supervisor: &Supervisor) -> Result<Arc<Engine>, Status> {
    let engine = supervisor.engine().await;
    engine.ok_or_else(|| no_engine(supervisor))
}

fn no_engine(supervisor: &Supervisor) -> Status {
    let facts = supervisor.status_store.facts();
    if let Some(trouble) = facts.troubles.into_values().next() {
        return failure(
            Code::FailedPrecondition,
            trouble.code,
            trouble.text,
            &trouble.remedy,
        );
    }
    if supervisor.ending.is_cancelled() {
        return stopping();
    }
    let missing = facts.missing.join(", ");
    if missing.is_empty() {
        return failure(
            Code::Unavailable,
            "NOT_READY",
            "The agent is starting, or its configuration is being changed".to_owned(),
            "Try again in a moment",
        );
    }
    failure(
        Code::FailedPrecondition,
        "UNCONFIGURED",
        format!("The agent is not configured: {missing} not set"),
        "Run `shopmasterctl configure`",
    )
}

pub(super) fn catalog(error: &CatalogError) -> Status {
    let code = match error {
        CatalogError::Busy(_) | CatalogError::Deadlock(_) => Code::Unavailable,
        error if error.is_unreachable() => Code::Unavailable,
        CatalogError::Statement { .. } | CatalogError::Unproven(_) => Code::Internal,
        _ => Code::FailedPrecondition,
    };
    failure(code, error.code(), with_causes(error), &error.remedy())
}

pub(super) fn journal(error: &JournalError) -> Status {
    failure(
        Code::Internal,
        error.code(),
        with_causes(error),
        error.remedy(),
    )
}

pub(super) fn step(error: &StepError) -> Status {
    match error {
        StepError::Catalog(error) => catalog(error),
        StepError::Journal(error) => journal(error),
    }
}

pub(super) fn start(error: StartError) -> Status {
    match error {
        StartError::Paused => failure(
            Code::FailedPrecondition,
            "PAUSED",
            "Sending is paused".to_owned(),
            "Run `shopmasterctl resume`",
        ),
        StartError::Going(id) => failure(
            Code::FailedPrecondition,
            "UPLOAD_RUNNING",
            format!("Upload `{id}` is already running and cannot be restarted from the beginning"),
            &format!("Run `shopmasterctl runs cancel {id}`, then try again"),
        ),
        StartError::Stopping => stopping(),
    }
}

fn stopping() -> Status {
    failure(
        Code::Unavailable,
        "STOPPING",
        "The agent is stopping".to_owned(),
        "Start the agent again",
    )
}

pub(super) fn key(error: &KeyError) -> Status {
    failure(
        Code::InvalidArgument,
        "CONFIG_REFUSED",
        with_causes(error),
        "Nothing was changed; `shopmasterctl configure --show` lists all settings",
    )
}

pub(super) fn configure(error: &ConfigureError) -> Status {
    match error {
        ConfigureError::Key(error) => key(error),
        ConfigureError::StartsOver => failure(
            Code::FailedPrecondition,
            "JOURNAL_STARTS_OVER",
            with_causes(error),
            "Nothing was changed; repeat with `--yes`, and run `shopmasterctl upload` afterwards",
        ),
        ConfigureError::Ending => stopping(),
        ConfigureError::Secret(source) => failure(
            Code::Unavailable,
            "SECRETS_UNAVAILABLE",
            with_causes(error),
            source.remedy(),
        ),
        ConfigureError::Environment(_) => failure(
            Code::FailedPrecondition,
            "CONFIG_INVALID",
            with_causes(error),
            "Nothing was changed; fix or remove the variable and restart the agent",
        ),
        ConfigureError::Save(SaveError::Invalid(_)) => failure(
            Code::FailedPrecondition,
            "CONFIG_INVALID",
            with_causes(error),
            "Nothing was changed; fix the file first",
        ),
        ConfigureError::Save(SaveError::SetAside { .. } | SaveError::Write { .. }) => failure(
            Code::Internal,
            "CONFIG_NOT_WRITTEN",
            with_causes(error),
            "Check that the disk is not full and that this user may write to the configuration folder",
        ),
    }
}

/// No run has this id.
pub(super) fn no_run(id: &str) -> Status {
    failure(
        Code::NotFound,
        "RUN_NOT_FOUND",
        format!("Run `{id}` was not found"),
        "List the runs with `shopmasterctl runs`",
    )
}
