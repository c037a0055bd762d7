//! An agent with remote management on, and the clients of it.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use shopmaster_harness::{
    measure,
    world::{CtlOutput, World},
};
use shopmaster_proto::{
    Client, ConnectError,
    remote::Secret,
    v1::{GetListenerResponse, ListClientsRequest, RemoteClient, Role},
};

use crate::support::free;

/// An agent that listens on the network.
pub struct RemoteAgent {
    pub world: World,
    /// Where it listens.
    pub at: SocketAddr,
}

impl RemoteAgent {
    /// An agent whose products are up to date, and that has a client, without whom it would not listen.
    pub async fn open() -> Self {
        let at = free();
        let world = World::builder()
            .products(3)
            .set("remote.listen", at.to_string());
        let world = world.start().await.unwrap();
        world.install_capture().await.unwrap();
        world.upload().await.unwrap();
        let agent = Self { world, at };
        agent.token(Role::Viewer, "first").await;
        agent.listening().await;
        agent
    }

    pub async fn ctl(&self, arguments: &[&str]) -> CtlOutput {
        self.world.ctl(arguments).await.unwrap()
    }

    /// The invitation of a client.
    pub async fn invite(&self, role: &str, name: &str) -> String {
        let arguments = ["remote", "invite", "--role", role, "--name", name];
        let invited = self.ctl(&arguments).await;
        assert_eq!(invited.code, 0, "{invited:?}");
        invited.stdout.trim().to_owned()
    }

    /// The token of a new client.
    pub async fn token(&self, role: Role, name: &str) -> Secret {
        self.world.token(role, name).await.unwrap()
    }

    /// A new client that is named as its role.
    pub async fn client(&self, role: Role) -> Client {
        let name = role.as_str_name().trim_start_matches("ROLE_");
        let token = self.token(role, &name.to_lowercase()).await;
        self.connect(&token).await.unwrap()
    }

    /// Connects with a secret.
    pub async fn connect(&self, secret: &Secret) -> Result<Client, ConnectError> {
        let agent = self.world.network_agent().await.unwrap();
        Client::connect_network(&agent, secret).await
    }

    /// The code of the agent's refusal.
    pub fn word(&self, error: ConnectError) -> String {
        match error {
            ConnectError::Refused { failure, .. } => failure.code,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until it listens.
    pub async fn listening(&self) {
        self.world.network_agent().await.unwrap();
    }

    /// Waits until so many connections are left.
    pub async fn connections(&self, count: u32) -> GetListenerResponse {
        let left = |listener: &GetListenerResponse| listener.connections == count;
        let what = format!("{count} connections");
        self.world.wait_listener(what, left).await.unwrap()
    }

    /// Waits until `condition` is true for the clients.
    pub async fn clients(&self, condition: impl Fn(&[RemoteClient]) -> bool) -> Vec<RemoteClient> {
        let mut here = self.world.client().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let clients = here.remote.list_clients(ListClientsRequest {}).await;
            let clients = clients.unwrap().into_inner().clients;
            if condition(&clients) {
                return clients;
            }
            assert!(Instant::now() < deadline, "{clients:?}");
            tokio::task::yield_now().await;
        }
    }

    /// The agent's memory, in MiB; none where it cannot be measured.
    pub fn memory(&self) -> Option<f64> {
        measure::memory_now(self.world.agent_id())
    }

    /// Waits until the agent's memory is below so many MiB.
    pub async fn memory_below(&self, most: f64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Some(memory) = self.memory().filter(|memory| *memory >= most) {
            assert!(Instant::now() < deadline, "{memory} MiB instead of {most}");
            tokio::task::yield_now().await;
        }
    }

    /// The texts of all files of the agent, but for those that are secret themselves.
    pub fn files(&self) -> Vec<String> {
        let mut texts = Vec::new();
        collect(self.world.home(), &mut texts);
        texts
    }
}

fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            collect(&path, texts);
        } else if path.is_file() && name != "secrets.json" && name != "agent-tokens.json" {
            texts.push(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
}

/// Waits until nothing listens there any more.
pub async fn wait_closed(at: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(at).is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        tokio::task::yield_now().await;
    }
}
