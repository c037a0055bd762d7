//! `remote invite`: lets a client in, by an invitation, a token or a certificate.

use std::{fs, path::PathBuf};

use clap::ValueHint;
use jiff::SignedDuration;
use shopmaster_proto::{
    remote::NetworkAddress,
    v1::{AddCertificateRequest, CreateTokenRequest, InviteRequest},
};

use super::{Ctl, answer};
use crate::{
    agents::Role,
    error::Error,
    render::{
        human::{self, Clock},
        json::{InvitationJson, RemoteClientJson, TokenJson},
    },
    time,
};

/// Whom to let in, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the client may do
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Name of the client
    #[arg(long, value_name = "NAME")]
    name: String,
    /// How long its access lasts: 30d, 12h; without it, until it is withdrawn
    #[arg(long, value_name = "DURATION", value_parser = time::parse_lifetime)]
    expires: Option<SignedDuration>,
    /// Where the client reaches the agent, best first; without it, under this computer's name and addresses
    #[arg(long = "address", value_name = "HOST:PORT", conflicts_with_all = ["token", "certificate"])]
    addresses: Vec<NetworkAddress>,
    /// Print a token at once, for a tool that cannot use an invitation, such as a metrics scraper
    #[arg(long, conflicts_with = "certificate")]
    token: bool,
    /// Let the owner of this certificate (PEM) in, without a token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    certificate: Option<PathBuf>,
}

/// Lets the client in.
pub async fn run(ctl: &Ctl, args: Args) -> Result<(), Error> {
    match (&args.certificate, args.token) {
        (Some(file), _) => {
            // Read before connecting: the file is on this computer.
            let certificate = fs::read_to_string(file).map_err(|source| Error::ReadFile {
                path: file.clone(),
                source,
            })?;
            add_certificate(ctl, args, certificate).await
        }
        (None, true) => create_token(ctl, args).await,
        (None, false) => invite(ctl, args).await,
    }
}

/// Only the invitation goes to standard output, so that it can be piped to the other side.
async fn invite(ctl: &Ctl, args: Args) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let request = InviteRequest {
        name: args.name.clone(),
        role: args.role.to_proto().into(),
        lifetime: args.expires.map(time::duration_to_proto),
        addresses: args.addresses.iter().map(ToString::to_string).collect(),
    };
    let made = answer(client.remote.invite(request)).await?.into_inner();
    let line = made.invitation.clone();
    ctl.output.note(&human::remote::invited(
        &args.name,
        args.role,
        &made,
        &Clock::local(),
    ));
    let json = InvitationJson::new(args.name, args.role, made);
    ctl.output.show(&json, || line)
}

async fn create_token(ctl: &Ctl, args: Args) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let request = CreateTokenRequest {
        name: args.name.clone(),
        role: args.role.to_proto().into(),
        lifetime: args.expires.map(time::duration_to_proto),
    };
    let made = answer(client.remote.create_token(request)).await?;
    let token = made.into_inner().token;
    ctl.output.note(&format!(
        "`{}` may use this token as {}: send the header `authorization: Bearer TOKEN`, over TLS only. It is not shown again",
        args.name,
        args.role.as_str()
    ));
    let json = TokenJson::new(args.name, args.role, token.clone());
    ctl.output.show(&json, || token)
}

async fn add_certificate(ctl: &Ctl, args: Args, certificate: String) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let request = AddCertificateRequest {
        name: args.name,
        role: args.role.to_proto().into(),
        lifetime: args.expires.map(time::duration_to_proto),
        certificate,
    };
    let added = answer(client.remote.add_certificate(request)).await?;
    let added = added.into_inner().client;
    let added = added.ok_or(Error::Incomplete("client"))?;
    let text = human::remote::clients(std::slice::from_ref(&added), &Clock::local());
    ctl.output.show(&RemoteClientJson::from(added), || text)
}
