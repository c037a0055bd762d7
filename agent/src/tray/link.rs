//! The connection to the agent: what it says, and that it went away.

use std::{future::pending, path::PathBuf, sync::Arc};

use shopmaster_proto::{
    Client, Endpoint, Failure,
    v1::{GetInfoRequest, GetInfoResponse, Status, WatchStatusRequest},
};
use tokio::{sync::Notify, sync::mpsc::UnboundedSender, time::sleep};

use super::{backoff::Backoff, desk::Event};
use crate::notices;

/// What is new about the agent.
#[derive(Debug)]
pub(super) enum News {
    /// It answers.
    Up(Box<Peer>),
    /// How it is now.
    Status(Box<Status>),
    /// It does not answer, or no more.
    Gone,
}

/// An agent that answers.
#[derive(Debug)]
pub(super) struct Peer {
    /// The connection to it.
    pub(super) client: Client,
    /// What it is.
    pub(super) info: GetInfoResponse,
}

/// Follows the agent at `endpoint` for ever, and notifies of what needs a person; `told` is where it is
/// kept what was told. When the agent is away, tries again later and later, and at once when `hurry` says
/// so.
pub(super) async fn follow(
    endpoint: Endpoint,
    told: PathBuf,
    hurry: Arc<Notify>,
    events: UnboundedSender<Event>,
) -> Option<()> {
    let mut backoff = Backoff::new();
    loop {
        if let Ok(client) = Client::connect(&endpoint).await {
            let notify = async {
                // It ends with the agent, as the other does.
                let _ended = notices::run(client.clone(), told.clone()).await;
                pending::<()>().await;
            };
            // It ends with the agent, cleanly or not: to the icon that is the same.
            tokio::select! {
                _ended = listen(client.clone(), &mut backoff, &events) => {}
                () = notify => {}
            }
        }
        events.send(Event::News(News::Gone)).ok()?;
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = hurry.notified() => {}
        }
    }
}

async fn listen(
    mut client: Client,
    backoff: &mut Backoff,
    events: &UnboundedSender<Event>,
) -> Result<(), Failure> {
    let info = client.agent.get_info(GetInfoRequest {}).await?.into_inner();
    let watched = client.agent.watch_status(WatchStatusRequest {}).await?;
    let mut states = watched.into_inner();
    let peer = Box::new(Peer { client, info });
    // Nobody listens only when the process ends.
    let _sent = events.send(Event::News(News::Up(peer)));
    while let Some(message) = states.message().await? {
        backoff.reset();
        let status = Box::new(message.status.unwrap_or_default());
        let _sent = events.send(Event::News(News::Status(status)));
    }
    Ok(())
}
