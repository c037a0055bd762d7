//! Remote management as JSON.

use serde::Serialize;
use shopmaster_proto::{
    remote::Pin,
    v1::{GetListenerResponse, InviteResponse, RemoteClient, RemoteLogEntry},
};

use crate::{
    agents::{KnownAgent, Role},
    enums::Word as _,
    time::rfc3339,
};

/// The network listener.
#[derive(Debug, Serialize)]
pub struct ListenerJson {
    /// Where it is set to listen; null when it is off.
    listen: Option<String>,
    /// Where it listens now; null while it does not.
    listening: Option<String>,
    /// Its key: `sha256:…`; null before the first one.
    key: Option<String>,
    /// The name in its certificate; null before the first one.
    server_name: Option<String>,
    /// Connections now.
    connections: u32,
    /// Calls and connections that were refused since the agent started.
    refused: u64,
}

/// The agent's certificate.
#[derive(Debug, Serialize)]
pub struct CertificateJson {
    /// The certificate, as PEM.
    certificate: String,
    /// Its key: `sha256:…`.
    key: Option<String>,
    /// The name in it.
    server_name: String,
}

/// An invitation.
#[derive(Debug, Serialize)]
pub struct InvitationJson {
    /// The client's name.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// The line.
    invitation: String,
    /// When it can no longer be redeemed.
    redeem_by: Option<String>,
    /// The addresses in it.
    addresses: Vec<String>,
}

/// A token.
#[derive(Debug, Serialize)]
pub struct TokenJson {
    /// The client's name.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// The token.
    token: String,
}

/// The clients of an agent.
#[derive(Debug, Serialize)]
pub struct RemoteClientsJson {
    clients: Vec<RemoteClientJson>,
}

/// A client of an agent.
#[derive(Debug, Serialize)]
pub struct RemoteClientJson {
    /// Its name.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: Option<String>,
    /// `invitation`, `token` or `certificate`.
    credential: Option<String>,
    /// When it was added or invited.
    created_at: Option<String>,
    /// When its access ends; null for no end.
    expires_at: Option<String>,
    /// When it last called, to the hour; null when it never did.
    last_seen_at: Option<String>,
    /// Until when its invitation can be redeemed; null unless it is invited.
    redeem_by: Option<String>,
}

/// What remote clients changed or tried.
#[derive(Debug, Serialize)]
pub struct RemoteLogJson {
    /// Newest first.
    entries: Vec<RemoteLogEntryJson>,
}

#[derive(Debug, Serialize)]
struct RemoteLogEntryJson {
    at: Option<String>,
    /// Null when it is unknown.
    client: Option<String>,
    role: Option<String>,
    address: String,
    /// The path of the rpc; null for a refused connection.
    call: Option<String>,
    /// What happened, for people.
    text: String,
    /// `began`, `failed` or `refused`.
    outcome: Option<String>,
}

/// The agents that a client knows.
#[derive(Debug, Serialize)]
pub struct KnownAgentsJson {
    agents: Vec<KnownAgentJson>,
}

/// An agent that a client knows.
#[derive(Debug, Serialize)]
pub struct KnownAgentJson {
    /// Its name here.
    name: String,
    /// Where it is, best first.
    addresses: Vec<String>,
    /// Its key: `sha256:…`.
    key: String,
    /// The client's name there.
    client: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// The agent's instance there.
    instance: String,
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn key(digest: &[u8]) -> Option<String> {
    Pin::from_bytes(digest).map(|pin| pin.to_string())
}

impl From<GetListenerResponse> for ListenerJson {
    fn from(now: GetListenerResponse) -> Self {
        Self {
            listen: some(now.listen),
            listening: some(now.listening),
            key: key(&now.key_sha256),
            server_name: some(now.server_name),
            connections: now.connections,
            refused: now.refused,
        }
    }
}

impl From<GetListenerResponse> for CertificateJson {
    fn from(now: GetListenerResponse) -> Self {
        Self {
            key: key(&now.key_sha256),
            certificate: now.certificate,
            server_name: now.server_name,
        }
    }
}

impl InvitationJson {
    /// The invitation of a client.
    pub fn new(name: String, role: Role, made: InviteResponse) -> Self {
        Self {
            name,
            role: role.as_str(),
            invitation: made.invitation,
            redeem_by: rfc3339(made.redeem_by),
            addresses: made.addresses,
        }
    }
}

impl TokenJson {
    /// The token of a client.
    pub fn new(name: String, role: Role, token: String) -> Self {
        let role = role.as_str();
        Self { name, role, token }
    }
}

impl From<Vec<RemoteClient>> for RemoteClientsJson {
    fn from(clients: Vec<RemoteClient>) -> Self {
        let clients = clients.into_iter().map(Into::into).collect();
        Self { clients }
    }
}

impl From<RemoteClient> for RemoteClientJson {
    fn from(client: RemoteClient) -> Self {
        Self {
            role: client.role().word(),
            credential: client.credential().word(),
            name: client.name,
            created_at: rfc3339(client.created_at),
            expires_at: rfc3339(client.expires_at),
            last_seen_at: rfc3339(client.last_seen_at),
            redeem_by: rfc3339(client.redeem_by),
        }
    }
}

impl From<Vec<RemoteLogEntry>> for RemoteLogJson {
    fn from(entries: Vec<RemoteLogEntry>) -> Self {
        let entries = entries.into_iter().map(|entry| RemoteLogEntryJson {
            role: entry.role().word(),
            outcome: entry.outcome().word(),
            at: rfc3339(entry.at),
            client: some(entry.client),
            address: entry.address,
            call: some(entry.call),
            text: entry.text,
        });
        Self {
            entries: entries.collect(),
        }
    }
}

impl From<Vec<KnownAgent>> for KnownAgentsJson {
    fn from(agents: Vec<KnownAgent>) -> Self {
        let agents = agents.into_iter().map(Into::into).collect();
        Self { agents }
    }
}

impl From<KnownAgent> for KnownAgentJson {
    fn from(agent: KnownAgent) -> Self {
        Self {
            name: agent.name.to_string(),
            addresses: agent.addresses.iter().map(ToString::to_string).collect(),
            key: agent.key.to_string(),
            client: agent.client,
            role: agent.role.as_str(),
            instance: agent.instance,
        }
    }
}
