//! What a click does.

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

use super::{desk::Setup, pages};
use crate::paths::create_private;

/// What the agent is asked for.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Sync,
    Upload,
    /// The run of this id.
    Cancel(String),
    PauseFor(Duration),
    PauseUntil(Timestamp),
    Pause,
    Resume,
    /// Written into this folder, and opened.
    ShowRefused(PathBuf),
    Shutdown,
}

/// Does it. The error is a sentence for the menu.
pub(super) async fn perform(deed: Deed, client: Client) -> Result<(), String> {
    let what = deed.name();
    if let Deed::ShowRefused(folder) = deed {
        let text = pages::refused(client, &Zoned::now())
            .await
            .map_err(|failure| told(what, &failure))?;
        return show(what, folder, "refused products.txt", text).await;
    }
    call(deed, client)
        .await
        .map_err(|failure| told(what, &failure))
}

async fn call(deed: Deed, mut client: Client) -> Result<(), Failure> {
    match deed {
        Deed::Sync => start(client, RunKind::Sync).await,
        Deed::Upload => start(client, RunKind::Upload).await,
        Deed::Cancel(id) => {
            client.runs.cancel_run(CancelRunRequest { id }).await?;
            Ok(())
        }
        Deed::PauseFor(time) => {
            let end = prost_types::Duration::try_from(time).unwrap_or_default();
            pause(client, Some(End::Duration(end))).await
        }
        Deed::PauseUntil(time) => {
            let end = prost_types::Timestamp {
                seconds: time.as_second(),
                nanos: time.subsec_nanosecond(),
            };
            pause(client, Some(End::Until(end))).await
        }
        Deed::Pause => pause(client, None).await,
        Deed::Resume => {
            client.agent.resume(ResumeRequest {}).await?;
            Ok(())
        }
        Deed::Shutdown => {
            let ended = client.agent.shutdown(ShutdownRequest {}).await;
            match ended.map_err(Failure::from) {
                // It was gone before it could answer.
                Err(failure) if failure.disconnected => Ok(()),
                ended => ended.map(drop),
            }
        }
        Deed::ShowRefused(_) => Ok(()),
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
            .map_err(|error| format!("Open log: {} does not open: {error}", target.display()))
    })
    .await
}

/// Says what this is and where its files are.
pub(super) async fn show_about(setup: Setup, info: Option<GetInfoResponse>) -> Result<(), String> {
    let text = pages::about(&setup, info.as_ref(), &Zoned::now());
    show("About", setup.folders.data, "about.txt", text).await
}

/// Shows a text in whatever opens texts here. A page for the browser would be prettier, but browsers in a
/// sandbox may not read the user's hidden folders.
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
            .map_err(|error| format!("{what}: {} does not open: {error}", file.display()))
    })
    .await
}

async fn blocking(
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    // It fails only by a panic, which is logged.
    spawn_blocking(work).await.unwrap_or(Ok(()))
}

fn told(what: &str, failure: &Failure) -> String {
    let Failure {
        message, remedy, ..
    } = failure;
    if remedy.is_empty() {
        format!("{what}: {message}")
    } else {
        format!("{what}: {message}. {remedy}")
    }
}

impl Deed {
    /// As the menu calls it.
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
