//! An agent with remote management on, and the clients of it.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use shopmaster_harness::world::{CtlOutput, World};
use shopmaster_proto::{
    Client, ConnectError, NetworkAgent,
    remote::{Pin, Secret},
    v1::GetListenerRequest,
};

use crate::support::free;

/// An agent that listens on the network.
pub struct Office {
    pub world: World,
    /// Where it listens.
    pub at: SocketAddr,
}

impl Office {
    /// An agent whose products are up to date, and that has a client, without whom it would not listen.
    pub async fn open() -> Self {
        let at = free();
        let world = World::builder()
            .products(3)
            .set("remote.listen", at.to_string());
        let world = world.start().await.unwrap();
        world.install_capture().await.unwrap();
        world.upload().await.unwrap();
        let office = Self { world, at };
        office.token("viewer", "first").await;
        office.listening().await;
        office
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
    pub async fn token(&self, role: &str, name: &str) -> Secret {
        let arguments = [
            "remote", "invite", "--role", role, "--name", name, "--token",
        ];
        let created = self.ctl(&arguments).await;
        assert_eq!(created.code, 0, "{created:?}");
        created.stdout.trim().parse().unwrap()
    }

    /// A new client that is named as its role.
    pub async fn client(&self, role: &str) -> Client {
        let token = self.token(role, role).await;
        self.connect(&token).await.unwrap()
    }

    /// Connects with a secret.
    pub async fn connect(&self, secret: &Secret) -> Result<Client, ConnectError> {
        let agent = NetworkAgent {
            addresses: vec![self.at.to_string().parse().unwrap()],
            pin: self.pin().await,
        };
        Client::connect_network(&agent, secret).await
    }

    /// The code of the agent's refusal.
    pub fn word(&self, error: ConnectError) -> String {
        match error {
            ConnectError::Refused { failure, .. } => failure.code,
            other => panic!("{other:?}"),
        }
    }

    async fn pin(&self) -> Pin {
        let mut client = self.world.client().unwrap();
        let listener = client.remote.get_listener(GetListenerRequest {}).await;
        Pin::from_bytes(&listener.unwrap().into_inner().key_sha256).unwrap()
    }

    /// Waits until it listens.
    pub async fn listening(&self) {
        let mut client = self.world.client().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let listener = client.remote.get_listener(GetListenerRequest {}).await;
            if !listener.unwrap().into_inner().listening.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "it does not listen");
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
