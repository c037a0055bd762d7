//! What the controller, the link to the agent and the icon exchange: which agent an icon is for, and what can happen.

use shopmaster_proto::{
    Client, Endpoint, Folders, InstanceName,
    v1::{GetInfoResponse, Status},
};

use super::menu::{IconHost, Id};

/// The agent that an icon is for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The agent's name.
    pub instance: InstanceName,
    /// Where the agent listens.
    pub endpoint: Endpoint,
    /// Where text files for the user are written, and the log is looked for.
    pub folders: Folders,
    /// The process that shows the icon.
    pub host: IconHost,
}

/// Something that may change the menu.
#[derive(Debug)]
pub(super) enum Event {
    /// The agent sent something, or is no longer connected.
    Agent(AgentEvent),
    /// The user opens the menu.
    Opened,
    /// The user clicked an item.
    Click(Id),
    /// Whether the agent starts at login; none when that is not known.
    StartsAtLogin(Option<bool>),
    /// An action failed, with a sentence for the menu.
    Failed(String),
}

/// What the link reports about the agent.
#[derive(Debug)]
pub(super) enum AgentEvent {
    /// It is connected.
    Up(Box<Peer>),
    /// Its status, first and after each change.
    Status(Box<Status>),
    /// It does not answer, or the connection was lost.
    Gone,
}

/// A connected agent.
#[derive(Debug)]
pub(super) struct Peer {
    /// The connection to it.
    pub(super) client: Client,
    /// Its version, process and files.
    pub(super) info: GetInfoResponse,
}
