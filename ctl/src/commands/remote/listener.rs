//! `remote enable`, `disable` and `certificate`: the network listener.

use std::{net::SocketAddr, time::Duration};

use shopmaster_proto::{
    Client,
    v1::{GetListenerRequest, GetListenerResponse},
};
use tokio::time::{Instant, sleep};

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    prompt,
    render::{
        human::{self, Text},
        json::{CertificateJson, ListenerJson},
    },
    settings::{Changes, FIELDS},
};

/// The setting.
const SETTING: &str = "remote.listen";
/// Where to listen if nothing else was said.
const DEFAULT: &str = "0.0.0.0:7443";
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

/// Sets where the agent listens, and shows it. Fails when it does not listen, unless nobody may use it yet.
pub async fn enable(ctl: &Ctl, args: Enable) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let before = get(&mut client).await?;
    let wanted = match args.listen {
        Some(address) => address.to_string(),
        None if before.listen.is_empty() => DEFAULT.to_owned(),
        None => before.listen.clone(),
    };
    if wanted != before.listen {
        set(&mut client, &wanted).await?;
    }
    let now = listening(&mut client).await?;
    let (is_open, has_clients) = (!now.listening.is_empty(), now.has_clients);
    let text = human::remote::listener(&now);
    ctl.output.show(&ListenerJson::from(now), || text)?;
    let invite = ctl.target.ctl("remote invite --role operator --name NAME");
    let (hint, exit) = match (is_open, has_clients) {
        (true, _) => {
            let hint =
                format!("run {invite} to let a client in; the firewall must let the port through");
            (hint, Exit::Done)
        }
        (false, false) => {
            let hint = format!("the agent listens as soon as somebody may use it: run {invite}");
            (hint, Exit::Done)
        }
        (false, true) => {
            let status = ctl.target.ctl("status");
            (
                format!("the agent does not listen; {status} says why"),
                Exit::Failed,
            )
        }
    };
    ctl.output.hint(&hint);
    Ok(exit)
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
        "The agent does not listen on the network any more".to_owned()
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

/// Waits until the agent listens, but not for long.
async fn listening(client: &mut Client) -> Result<GetListenerResponse, Error> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let now = get(client).await?;
        if !now.listening.is_empty() || !now.has_clients || Instant::now() >= deadline {
            return Ok(now);
        }
        sleep(ASK_INTERVAL).await;
    }
}

async fn set(client: &mut Client, listen: &str) -> Result<(), Error> {
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
