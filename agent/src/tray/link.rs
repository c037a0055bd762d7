//! The connection to the agent: it reports the agent's status, and when the connection is lost.

use std::{future::pending, path::PathBuf, sync::Arc};

use shopmaster_proto::{
    Client, Endpoint, Failure,
    v1::{GetInfoRequest, WatchStatusRequest},
};
use tokio::{sync::Notify, sync::mpsc::UnboundedSender, time::sleep};

use super::{
    backoff::Backoff,
    event::{AgentEvent, Event, Peer},
};
use crate::notices;

/// Follows the agent at `endpoint` until the receiver of `events` is gone, and shows notifications; the file
/// `notified` records which were shown. When the agent is not there, connects again after longer and longer waits,
/// and at once when `retry_now` is notified.
pub(super) async fn follow(
    endpoint: Endpoint,
    notified: PathBuf,
    retry_now: Arc<Notify>,
    events: UnboundedSender<Event>,
) -> Option<()> {
    let mut backoff = Backoff::new();
    loop {
        if let Ok(client) = Client::connect(&endpoint).await {
            let notify = async {
                // It ends when the agent stops; the other branch sees that, too.
                let _ended = notices::run(client.clone(), notified.clone()).await;
                pending::<()>().await;
            };
            // It ends when the agent stops, cleanly or not: the icon shows the same for both.
            tokio::select! {
                _ended = listen(client.clone(), &mut backoff, &events) => {}
                () = notify => {}
            }
        }
        events.send(Event::Agent(AgentEvent::Gone)).ok()?;
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = retry_now.notified() => {}
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
    // The receiver is gone only when the process ends.
    let _sent = events.send(Event::Agent(AgentEvent::Up(peer)));
    while let Some(message) = states.message().await? {
        backoff.reset();
        let status = Box::new(message.status.unwrap_or_default());
        let _sent = events.send(Event::Agent(AgentEvent::Status(status)));
    }
    Ok(())
}
