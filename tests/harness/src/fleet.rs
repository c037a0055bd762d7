//! Many agents on the network, and a client that has added each of them. The agents are stand-ins: they answer over TLS,
//! as an agent does, that all products are up to date.

use std::{fs, io, process::Command};

use prost::Message as _;
use shopmaster_proto::{
    remote::{Invitation, Pin, Secret, SecretKind},
    v1::{GetInfoResponse, GetStatusResponse, RedeemResponse, RemoteClient, Role, State, Status},
};
use shopmaster_standins::agent::{AgentSim, Answer, Call, Identity, Tls};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    programs::{self, Programs},
    world::WorldError,
};

/// How many agents are added at once.
const AT_ONCE: usize = 8;

/// Many agents on the network, and a client that has added each of them.
#[derive(Debug)]
pub struct Fleet {
    programs: &'static Programs,
    /// The client's files.
    home: TempDir,
    _agents: Vec<AgentSim>,
}

impl Fleet {
    /// So many agents, each with a key of its own, added with `shopmasterctl remote add` and listed in `fleet.toml`.
    ///
    /// # Errors
    ///
    /// When the programs cannot be built, an agent cannot listen, or one cannot be added.
    pub async fn open(count: usize) -> Result<Self, WorldError> {
        let mut fleet = Self {
            programs: Programs::build()?,
            home: tempfile::tempdir().map_err(WorldError::Files)?,
            _agents: Vec::new(),
        };
        let mut adding = JoinSet::new();
        let mut list = String::new();
        for number in 0..count {
            let name = format!("shop-{number:03}");
            list += &format!("[[shop]]\nname = \"{name}\"\n");
            let (agent, invitation) = stand_in().await.map_err(WorldError::Files)?;
            fleet._agents.push(agent);
            let mut command = fleet.ctl_command();
            command.args(["remote", "add", &name, &invitation.to_string()]);
            adding.spawn(tokio::process::Command::from(command).output());
            if adding.len() >= AT_ONCE {
                added(&mut adding).await?;
            }
        }
        while !adding.is_empty() {
            added(&mut adding).await?;
        }
        let path = fleet.home.path().join("config/fleet.toml");
        fs::write(path, list).map_err(WorldError::Files)?;
        Ok(fleet)
    }

    /// A command that runs `shopmasterctl` as this client.
    #[must_use]
    pub fn ctl_command(&self) -> Command {
        let mut command = programs::command(&self.programs.ctl, self.home.path());
        command.env("SHOPMASTER_SECRETS__STORE", "file");
        command
    }
}

/// Waits for one that is being added.
async fn added(adding: &mut JoinSet<io::Result<std::process::Output>>) -> Result<(), WorldError> {
    let failed = |source| WorldError::Process {
        program: "shopmasterctl remote add".to_owned(),
        source,
    };
    let Some(ended) = adding.join_next().await else {
        return Ok(());
    };
    let output = ended.map_err(io::Error::other).flatten().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(failed(io::Error::other(said)));
    }
    Ok(())
}

/// An agent, and an invitation of it. It lets everybody in.
async fn stand_in() -> io::Result<(AgentSim, Invitation)> {
    let identity = Identity::generate()?;
    let (agent, address) = AgentSim::with_tls(Tls::of(&identity), answer).await?;
    let invitation = Invitation {
        addresses: vec![address.to_string()],
        pin: Pin::of_key(&identity.public_key()),
        secret: Secret::generate(SecretKind::Invitation).map_err(io::Error::other)?,
        name: "support-7".to_owned(),
    };
    Ok((agent, invitation))
}

fn answer(call: &Call) -> Answer {
    let message = match call.path.rsplit('/').next() {
        Some("GetInfo") => GetInfoResponse::default().encode_to_vec(),
        Some("Redeem") => RedeemResponse {
            client: Some(RemoteClient {
                name: "support-7".to_owned(),
                role: Role::Operator.into(),
                ..RemoteClient::default()
            }),
            instance: "default".to_owned(),
        }
        .encode_to_vec(),
        Some("GetStatus") => GetStatusResponse {
            status: Some(Status {
                state: State::UpToDate.into(),
                headline: "All 3 products up to date".to_owned(),
                ..Status::default()
            }),
        }
        .encode_to_vec(),
        _ => return Answer::Error(tonic::Status::unimplemented("a stand-in")),
    };
    Answer::Messages(vec![message])
}
