//! The actions behind the menu's items.

use std::{path::PathBuf, time::Duration};

use jiff::{Timestamp, Zoned};
use shopmaster_proto::{
    Client, Failure,
    v1::{
        CancelRunRequest, GetInfoResponse, PauseRequest, ResumeRequest, RunKind, ShutdownRequest,
        StartRunRequest, pause_request::End,
    },
};
use tokio::task::spawn_blocking;

use super::{documents, event::Setup};
use crate::paths::create_private;

/// An action that needs the agent.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Sync,
    Upload,
    /// Cancel the run with this id.
    Cancel(String),
    PauseFor(Duration),
    PauseUntil(Timestamp),
    Pause,
    Resume,
    /// Write the list into this folder, and open it.
    ShowRefused(PathBuf),
    Shutdown,
}

/// Performs an action. The error is a sentence for the menu.
pub(super) async fn perform(action: Action, client: Client) -> Result<(), String> {
    let what = action.name();
    if let Action::ShowRefused(folder) = action {
        let text = documents::refused(client, &Zoned::now())
            .await
            .map_err(|failure| failed(what, &failure))?;
        return show(what, folder, "refused products.txt", text).await;
    }
    call(action, client)
        .await
        .map_err(|failure| failed(what, &failure))
}

async fn call(action: Action, mut client: Client) -> Result<(), Failure> {
    match action {
        Action::Sync => start(client, RunKind::Sync).await,
        Action::Upload => start(client, RunKind::Upload).await,
        Action::Cancel(id) => {
            client.runs.cancel_run(CancelRunRequest { id }).await?;
            Ok(())
        }
        Action::PauseFor(time) => {
            let end = prost_types::Duration::try_from(time).unwrap_or_default();
            pause(client, Some(End::Duration(end))).await
        }
        Action::PauseUntil(time) => {
            let end = prost_types::Timestamp {
                seconds: time.as_second(),
                nanos: time.subsec_nanosecond(),
            };
            pause(client, Some(End::Until(end))).await
        }
        Action::Pause => pause(client, None).await,
        Action::Resume => {
            client.agent.resume(ResumeRequest {}).await?;
            Ok(())
        }
        Action::Shutdown => {
            let ended = client.agent.shutdown(ShutdownRequest {}).await;
            match ended.map_err(Failure::from) {
                // The agent stopped before it could answer.
                Err(failure) if failure.disconnected => Ok(()),
                ended => ended.map(drop),
            }
        }
        Action::ShowRefused(_) => Ok(()),
    }
}

async fn start(mut client: Client, kind: RunKind) -> Result<(), Failure> {
    let request = StartRunRequest {
        kind: kind.into(),
        from_start: false,
        confirmed: false,
    };
    client.runs.start_run(request).await?;
    Ok(())
}

async fn pause(mut client: Client, end: Option<End>) -> Result<(), Failure> {
    client.agent.pause(PauseRequest { end }).await?;
    Ok(())
}

/// Opens the log file, or its folder before there is one.
pub(super) async fn open_log(folder: PathBuf) -> Result<(), String> {
    let file = folder.join(crate::logging::FILE_NAME);
    blocking(move || {
        let target = if file.exists() { file } else { folder };
        opener::open(&target)
            .map_err(|error| format!("Open log: {} cannot be opened: {error}", target.display()))
    })
    .await
}

/// Opens a text file with versions and the paths of the agent's files.
pub(super) async fn show_about(setup: Setup, info: Option<GetInfoResponse>) -> Result<(), String> {
    let text = documents::about(&setup, info.as_ref(), &Zoned::now());
    show("About", setup.folders.data, "about.txt", text).await
}

/// Opens text in the user's editor. An HTML page would look better, but browsers in a sandbox may not read the user's
/// hidden folders.
async fn show(
    what: &'static str,
    folder: PathBuf,
    name: &'static str,
    text: String,
) -> Result<(), String> {
    blocking(move || {
        let file = folder.join(name);
        create_private(&folder)
            .and_then(|()| std::fs::write(&file, text))
            .map_err(|error| format!("{what}: {} cannot be written: {error}", file.display()))?;
        opener::open(&file)
            .map_err(|error| format!("{what}: {} cannot be opened: {error}", file.display()))
    })
    .await
}

async fn blocking(
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    // It fails only if it panics, which is logged.
    spawn_blocking(work).await.unwrap_or(Ok(()))
}

fn failed(what: &str, failure: &Failure) -> String {
    let Failure {
        message, remedy, ..
    } = failure;
    if remedy.is_empty() {
        format!("{what}: {message}")
    } else {
        format!("{what}: {message}. {remedy}")
    }
}

impl Action {
    /// The name of the action, as in the menu.
    fn name(&self) -> &'static str {
        match self {
            Self::Sync => "Sync now",
            Self::Upload => "Upload",
            Self::Cancel(_) => "Cancel",
            Self::PauseFor(_) | Self::PauseUntil(_) | Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::ShowRefused(_) => "Refused products",
            Self::Shutdown => "Quit",
        }
    }
}
