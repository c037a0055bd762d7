//! `remote enable`, `disable` and `certificate`: the network listener.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use shopmaster_proto::{
    Client,
    remote::DEFAULT_PORT,
    v1::{
        GetConfigRequest, GetListenerRequest, GetListenerResponse, GetStatusRequest, Issue,
        Severity,
    },
};
use tokio::time::{Instant, sleep};

use super::{Ctl, answer};
use crate::{
    agents::KnownAgents,
    error::Error,
    exit::Exit,
    prompt,
    render::{
        human::{self, Text},
        json::{CertificateJson, ListenerJson},
    },
    settings::{Changes, FIELDS},
    target::AgentAddress,
};

/// The setting.
const SETTING: &str = "remote.listen";
/// Where to listen if nothing else was said.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT);
/// How long the agent may take to make its key and to listen.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to ask whether it listens.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// Where to listen.
#[derive(Debug, clap::Args)]
pub struct Enable {
    /// Where to listen; without it, where the agent is set to listen already, or 0.0.0.0:7443
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Whether to ask.
#[derive(Debug, clap::Args)]
pub struct Disable {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Sets where the agent listens, and shows it. Fails with the agent's own issue when it does not listen there, unless nobody
/// may use it yet.
pub async fn enable(ctl: &Ctl, args: Enable) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let before = get(&mut client).await?;
    let wanted = match (args.listen, before.listen.as_str()) {
        (Some(address), _) => address,
        (None, "") => DEFAULT,
        (None, set) => set
            .parse()
            .map_err(|_| Error::Incomplete("valid address of the listener"))?,
    };
    let mut change = Change::to(wanted);
    if wanted.to_string() != before.listen {
        change.replaced_issue = issue(&mut client).await?;
        change.replaced_address = before.listening.parse().ok();
        change.may_cut_off = matches!(ctl.target.agent, Some(AgentAddress::Known(_)));
        set(&mut client, &wanted.to_string()).await?;
    }
    match change.outcome(&mut client).await? {
        Outcome::Listens(now) => {
            show(ctl, now)?;
            let invite = ctl.target.ctl("remote invite --role operator --name NAME");
            ctl.output.hint(&format!(
                "run {invite} to let a client in; the firewall must let the port through"
            ));
        }
        Outcome::WaitsForClient(now) => {
            show(ctl, now)?;
            let invite = ctl.target.ctl("remote invite --role operator --name NAME");
            ctl.output.hint(&format!(
                "the agent listens as soon as somebody may use it: run {invite}"
            ));
        }
        Outcome::CutOff => cut_off(ctl, wanted, before)?,
    }
    Ok(Exit::Done)
}

fn show(ctl: &Ctl, now: GetListenerResponse) -> Result<(), Error> {
    let text = human::remote::listener(&now);
    ctl.output.show(&ListenerJson::from(now), || text)
}

/// The agent has left the address under which this client knows it.
fn cut_off(ctl: &Ctl, wanted: SocketAddr, before: GetListenerResponse) -> Result<(), Error> {
    let now = GetListenerResponse {
        listen: wanted.to_string(),
        listening: String::new(),
        ..before
    };
    ctl.output.show(&ListenerJson::from(now), || {
        format!("The agent is set to listen at {wanted}. This connection ended, because it used the old address")
    })?;
    let file = KnownAgents::open()?.path().display().to_string();
    ctl.output.hint(&format!(
        "write the agent's new address into `{file}`, then run {}; if the agent does not answer there, run `shopmasterctl remote enable` on its computer",
        ctl.target.ctl("status")
    ));
    Ok(())
}

/// Stops listening.
pub async fn disable(ctl: &Ctl, args: Disable) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    if !args.yes && ctl.target.is_remote() && prompt::is_interactive() {
        let question =
            "Stop listening on the network? Remote clients, this one included, are cut off";
        if !prompt::aside(move || prompt::confirm(question, false)).await? {
            return Err(Error::Declined("the agent still listens"));
        }
    }
    set(&mut client, "").await?;
    let now = match get(&mut client).await {
        // The answer came over the listener that has just ended.
        Err(Error::AgentLeft) => GetListenerResponse::default(),
        now => now?,
    };
    ctl.output.show(&ListenerJson::from(now), || {
        "The agent no longer listens on the network".to_owned()
    })
}

/// Prints the certificate.
pub async fn certificate(ctl: &Ctl) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let now = get(&mut client).await?;
    if now.certificate.is_empty() {
        return Err(Error::Usage {
            message: "the agent has no certificate yet".to_owned(),
            remedy: format!("run {}", ctl.target.ctl("remote enable")),
        });
    }
    ctl.output.note(&format!(
        "tools that use this certificate expect the server's name `{}`",
        now.server_name
    ));
    let text = Text::of_lines(&now.certificate);
    ctl.output.show(&CertificateJson::from(now), || text)
}

async fn get(client: &mut Client) -> Result<GetListenerResponse, Error> {
    let now = answer(client.remote.get_listener(GetListenerRequest {})).await?;
    Ok(now.into_inner())
}

/// Why the listener is not as it should be, as the agent's status says it.
async fn issue(client: &mut Client) -> Result<Option<Issue>, Error> {
    let now = answer(client.agent.get_status(GetStatusRequest {})).await?;
    let issues = now.into_inner().status.unwrap_or_default().issues;
    let is_about_it =
        |issue: &Issue| issue.code.starts_with("REMOTE_") && issue.severity() != Severity::Info;
    Ok(issues.into_iter().find(is_about_it))
}

/// Where the agent should listen, and what was before.
struct Change {
    /// Port zero: any.
    wanted: SocketAddr,
    /// Where it listened before the change: it takes a moment until it leaves.
    replaced_address: Option<SocketAddr>,
    /// The issue before the change: it may be about the old address.
    replaced_issue: Option<Issue>,
    /// Whether the change may end this connection.
    may_cut_off: bool,
}

/// What came of it.
enum Outcome {
    /// The agent listens where it should.
    Listens(GetListenerResponse),
    /// It will, once somebody may use it.
    WaitsForClient(GetListenerResponse),
    /// It does not answer any more where this client knows it.
    CutOff,
}

impl Change {
    /// Nothing has changed yet.
    fn to(wanted: SocketAddr) -> Self {
        Self {
            wanted,
            replaced_address: None,
            replaced_issue: None,
            may_cut_off: false,
        }
    }

    /// Waits until the agent listens where it should or says why not, but not for long.
    async fn outcome(&self, client: &mut Client) -> Result<Outcome, Error> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let is_late = Instant::now() >= deadline;
            match self.look(client).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) if is_late => return Err(self.failed(None)),
                // The agent may answer again under another of the addresses that this client knows.
                Err(Error::AgentLeft) if self.may_cut_off && is_late => return Ok(Outcome::CutOff),
                Err(Error::AgentLeft) if self.may_cut_off => {}
                Err(error) => return Err(error),
                Ok(None) => {}
            }
            sleep(ASK_INTERVAL).await;
        }
    }

    async fn look(&self, client: &mut Client) -> Result<Option<Outcome>, Error> {
        let now = get(client).await?;
        if self.is_done(&now) {
            return Ok(Some(Outcome::Listens(now)));
        }
        if !now.has_clients {
            return Ok(Some(Outcome::WaitsForClient(now)));
        }
        match issue(client).await? {
            Some(issue) if Some(&issue) != self.replaced_issue.as_ref() => {
                Err(self.failed(Some(issue)))
            }
            _ => Ok(None),
        }
    }

    fn is_done(&self, now: &GetListenerResponse) -> bool {
        let Ok(listening) = now.listening.parse::<SocketAddr>() else {
            return false;
        };
        match self.wanted.port() {
            0 => listening.ip() == self.wanted.ip() && Some(listening) != self.replaced_address,
            _ => listening == self.wanted,
        }
    }

    fn failed(&self, issue: Option<Issue>) -> Error {
        Error::NotListening {
            address: self.wanted,
            issue: issue.map(Box::new),
        }
    }
}

async fn set(client: &mut Client, listen: &str) -> Result<(), Error> {
    let config = answer(client.config.get_config(GetConfigRequest {})).await?;
    let overridden = config.into_inner().overridden;
    if overridden.iter().any(|path| path == SETTING) {
        return Err(Error::Overridden {
            setting: SETTING,
            variable: "SHOPMASTER_REMOTE__LISTEN",
        });
    }
    let mut changes = Changes::default();
    if let Some(field) = FIELDS.iter().find(|field| field.path == SETTING) {
        let set = changes.set(field, listen);
        set.map_err(|message| Error::Usage {
            message,
            remedy: "use `ADDRESS:PORT`".to_owned(),
        })?;
    }
    answer(client.config.configure(changes.into_request())).await?;
    Ok(())
}
