//! The gRPC service `Remote`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use shopmaster_access::{
    Caller, Client, ClientName, Clients, ClientsError, Credential, Entry, Outcome, Redeemable, Role,
};
use shopmaster_base::{blocking, causes::with_causes};
use shopmaster_proto::{
    remote::{Invitation, NetworkAddress, Pin, TokenDigest},
    v1,
};
use shopmaster_view::upper_first;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::{Code, Request, Response, Status};

use super::{
    Remote,
    access::{Access, entry},
    addresses, authenticate,
    certificate::SERVER_NAME,
    connection::Peer,
};
use crate::control::{
    convert::time,
    failure::{failure, invalid},
};

/// Entries that are listed unless another number is asked for.
const USUAL_ENTRIES: u32 = 100;
/// How the log names what redeems an invitation.
const REDEEM: &str = "/shopmaster.v1.Remote/Redeem";
const REDEEMED: &str = "redeemed the invitation";
/// The most entries that are listed.
const MOST_ENTRIES: u32 = 1_000;

/// The gRPC service `Remote`.
pub(in crate::control) struct Service(Arc<Remote>);

impl Service {
    pub(in crate::control) fn new(remote: Arc<Remote>) -> Self {
        Self(remote)
    }

    fn access(&self) -> Result<&Arc<Access>, Status> {
        self.0.access.as_ref().map_err(|why| {
            failure(
                Code::FailedPrecondition,
                "REMOTE_CLIENTS_UNREADABLE",
                format!("The clients are not known: {why}"),
                "Restore the file from a copy, or delete it, restart the agent and invite the clients again",
            )
        })
    }

    /// Changes the clients, on a thread that may block.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Clients) -> Result<T, ClientsError> + Send + 'static,
    ) -> Result<T, Status> {
        let clients = Arc::clone(&self.access()?.clients);
        let done = blocking::run(move || change(&clients)).await;
        let done = done.ok_or_else(|| Status::unavailable("the agent is stopping"))?;
        self.0.changed.notify_one();
        done.map_err(|error| refused(&error))
    }

    /// The addresses for an invitation.
    fn addresses(&self, given: Vec<String>) -> Result<Vec<String>, Status> {
        for address in &given {
            check_address(address)?;
        }
        if !given.is_empty() {
            return Ok(given);
        }
        let listening = self.0.locked().address;
        let wanted = self.0.supervisor.config().0.remote.listen;
        let Some(at) = listening.or(wanted) else {
            return Err(failure(
                Code::FailedPrecondition,
                "REMOTE_OFF",
                "Remote management is off, so nobody could redeem an invitation".to_owned(),
                "Run `shopmasterctl remote enable` first",
            ));
        };
        if at.port() == 0 {
            return Err(invalid(
                "the port is chosen by the operating system when the agent listens",
                "Name the address with `--address`, or set a port with `shopmasterctl remote enable --listen`",
            ));
        }
        found(addresses::of(at))
    }
}

#[tonic::async_trait]
impl v1::remote_server::Remote for Service {
    async fn get_listener(
        &self,
        _request: Request<v1::GetListenerRequest>,
    ) -> Result<Response<v1::GetListenerResponse>, Status> {
        let listen = self.0.supervisor.config().0.remote.listen;
        let state = self.0.locked().clone();
        let text =
            |address: Option<SocketAddr>| address.map(|it| it.to_string()).unwrap_or_default();
        let refused = self
            .0
            .access
            .as_ref()
            .map_or(0, |access| access.counters.refused());
        Ok(Response::new(v1::GetListenerResponse {
            listen: text(listen),
            listening: text(state.address),
            key_sha256: state
                .identity
                .as_ref()
                .map(|it| it.pin.as_bytes().to_vec())
                .unwrap_or_default(),
            certificate: state.identity.map(|it| it.pem).unwrap_or_default(),
            server_name: SERVER_NAME.to_owned(),
            connections: u32::try_from(self.0.limit.count()).unwrap_or(u32::MAX),
            refused,
            has_clients: self
                .0
                .access
                .as_ref()
                .is_ok_and(|access| access.clients.admits_anybody(Timestamp::now())),
        }))
    }

    async fn invite(
        &self,
        request: Request<v1::InviteRequest>,
    ) -> Result<Response<v1::InviteResponse>, Status> {
        let request = request.into_inner();
        let (name, role) = (client_name(&request.name)?, role(request.role())?);
        let lifetime = lifetime(request.lifetime)?;
        let addresses = self.addresses(request.addresses)?;
        // Before the client is added: an invitation is of no use without the key.
        let config = self.0.supervisor.config().0.remote;
        let identity = self.0.identity(self.0.source(&config)).await;
        let pin = identity.map_err(|error| {
            failure(
                Code::FailedPrecondition,
                "REMOTE_CERTIFICATE_INVALID",
                upper_first(&with_causes(&error)),
                "Correct the files, or unset `remote.certificate` and `remote.key`",
            )
        })?;
        let now = Timestamp::now();
        let invited = name.clone();
        let (secret, redeem_by) = self
            .change(move |clients| clients.invite(invited, role, lifetime, now))
            .await?;
        let invitation = Invitation {
            addresses: addresses.clone(),
            pin: pin.pin,
            secret,
            name: name.to_string(),
        };
        Ok(Response::new(v1::InviteResponse {
            invitation: invitation.to_string(),
            redeem_by: Some(time::timestamp(redeem_by)),
            addresses,
        }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let request = request.into_inner();
        let (name, role) = (client_name(&request.name)?, role(request.role())?);
        let lifetime = lifetime(request.lifetime)?;
        let now = Timestamp::now();
        let token = self
            .change(move |clients| clients.create_token(name, role, lifetime, now))
            .await?;
        Ok(Response::new(v1::CreateTokenResponse {
            token: token.expose().to_owned(),
        }))
    }

    async fn add_certificate(
        &self,
        request: Request<v1::AddCertificateRequest>,
    ) -> Result<Response<v1::AddCertificateResponse>, Status> {
        let request = request.into_inner();
        let (name, role) = (client_name(&request.name)?, role(request.role())?);
        let lifetime = lifetime(request.lifetime)?;
        let certificate = CertificateDer::from_pem_slice(request.certificate.as_bytes());
        let key = certificate
            .ok()
            .and_then(|certificate| Pin::of_certificate(&certificate).ok());
        let key = key.ok_or_else(|| {
            invalid(
                "the certificate cannot be read",
                "Give an X.509 certificate of version 3 as PEM",
            )
        })?;
        let now = Timestamp::now();
        let added = self
            .change(move |clients| clients.add_key(name, role, key, lifetime, now))
            .await?;
        Ok(Response::new(v1::AddCertificateResponse {
            client: Some(client(&added)),
        }))
    }

    async fn redeem(
        &self,
        request: Request<v1::RedeemRequest>,
    ) -> Result<Response<v1::RedeemResponse>, Status> {
        // Only the gate of the network knows who holds an invitation.
        let caller = request.extensions().get::<Caller>().cloned();
        let peer = request.extensions().get::<Peer>().cloned();
        let (caller, peer) = caller.zip(peer).ok_or_else(no_invitation)?;
        let invited = caller.invited().ok_or_else(no_invitation)?;
        let digest = TokenDigest::from_bytes(&request.into_inner().token_sha256);
        let token = digest.ok_or_else(|| {
            invalid(
                "`token_sha256` is not a digest of 32 bytes",
                "Send the SHA-256 of the token's text",
            )
        })?;
        let access = self.access()?;
        let now = Timestamp::now();
        let change = match access.clients.check_redeem(invited, token, now) {
            Ok(Redeemable::First) => Some(access.begin(&peer, &caller, REDEEM, REDEEMED).await?),
            Ok(Redeemable::Repetition) => None,
            Err(refusal) => return Err(authenticate::fails(access, &peer, refusal).await),
        };
        let redeemed = self
            .change(move |clients| clients.redeem(invited, token, now))
            .await;
        if let Err(status) = &redeemed {
            // Somebody else was faster.
            let text = format!("{REDEEMED}: {}", status.message());
            let failed = entry(&peer, Some(&caller), REDEEM, &text, Outcome::Failed);
            access.note(failed).await;
        }
        let redeemed = redeemed?;
        if let Some(change) = change {
            access.show(change);
        }
        Ok(Response::new(v1::RedeemResponse {
            client: Some(client(&redeemed)),
            instance: self.0.supervisor.instance.to_string(),
        }))
    }

    async fn list_clients(
        &self,
        _request: Request<v1::ListClientsRequest>,
    ) -> Result<Response<v1::ListClientsResponse>, Status> {
        let clients = self.access()?.clients.list();
        Ok(Response::new(v1::ListClientsResponse {
            clients: clients.iter().map(client).collect(),
        }))
    }

    async fn revoke_client(
        &self,
        request: Request<v1::RevokeClientRequest>,
    ) -> Result<Response<v1::RevokeClientResponse>, Status> {
        let name = client_name(&request.into_inner().name)?;
        self.change(move |clients| clients.revoke(&name)).await?;
        Ok(Response::new(v1::RevokeClientResponse {}))
    }

    async fn list_remote_log(
        &self,
        request: Request<v1::ListRemoteLogRequest>,
    ) -> Result<Response<v1::ListRemoteLogResponse>, Status> {
        let limit = match request.into_inner().limit {
            0 => USUAL_ENTRIES,
            limit => limit.min(MOST_ENTRIES),
        };
        let log = Arc::clone(&self.access()?.log);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries = blocking::run(move || log.newest(limit)).await;
        Ok(Response::new(v1::ListRemoteLogResponse {
            entries: entries
                .unwrap_or_default()
                .into_iter()
                .map(logged)
                .collect(),
        }))
    }
}

fn no_invitation() -> Status {
    failure(
        Code::FailedPrecondition,
        "NO_INVITATION",
        "Only a client with an invitation can redeem it".to_owned(),
        "Run `shopmasterctl remote add` with an invitation",
    )
}

/// An address with its port, as the client will read it.
fn check_address(text: &str) -> Result<(), Status> {
    let read = text.parse::<NetworkAddress>();
    match read.is_ok_and(|address| address.to_string() == text) {
        true => Ok(()),
        false => Err(invalid(
            &format!("`{text}` is not an address"),
            "Write `HOST:PORT`, such as `shop-7.example.org:7443`",
        )),
    }
}

/// The addresses for an invitation, which needs at least one.
fn found(addresses: Vec<NetworkAddress>) -> Result<Vec<String>, Status> {
    if addresses.is_empty() {
        return Err(invalid(
            "no address is known at which clients reach this computer",
            "Name one with `--address HOST:PORT`",
        ));
    }
    Ok(addresses.iter().map(ToString::to_string).collect())
}

fn client_name(text: &str) -> Result<ClientName, Status> {
    text.parse()
        .map_err(|error| invalid(&format!("{error}"), "Choose a name such as `support-7`"))
}

fn role(role: v1::Role) -> Result<Role, Status> {
    match role {
        v1::Role::Viewer => Ok(Role::Viewer),
        v1::Role::Operator => Ok(Role::Operator),
        v1::Role::Admin => Ok(Role::Admin),
        v1::Role::Unspecified => Err(invalid(
            "the role is missing",
            "Use viewer, operator or admin",
        )),
    }
}

fn lifetime(given: Option<prost_types::Duration>) -> Result<Option<Duration>, Status> {
    let Some(given) = given else {
        return Ok(None);
    };
    match Duration::try_from(given) {
        Ok(lifetime) if !lifetime.is_zero() => Ok(Some(lifetime)),
        _ => Err(invalid(
            "`lifetime` is not more than zero",
            "Use a duration such as `30d`, or none for no end",
        )),
    }
}

fn refused(error: &ClientsError) -> Status {
    let (code, word, remedy) = match error {
        ClientsError::Taken(_) | ClientsError::KeyTaken(_) => (
            Code::AlreadyExists,
            "CLIENT_EXISTS",
            "Choose another name, or withdraw the old access first with `shopmasterctl remote revoke`",
        ),
        ClientsError::NotFound(_) => (
            Code::NotFound,
            "CLIENT_NOT_FOUND",
            "List the clients with `shopmasterctl remote list`",
        ),
        ClientsError::TooMany => (
            Code::ResourceExhausted,
            "TOO_MANY_CLIENTS",
            "Withdraw what is no longer used with `shopmasterctl remote revoke`",
        ),
        ClientsError::TokenTaken => (
            Code::InvalidArgument,
            "INVALID_ARGUMENT",
            "Make a new token for each client",
        ),
        ClientsError::Refused(refusal) => (
            Code::Unauthenticated,
            refusal.code(),
            "Ask for a new invitation; if you did not redeem this one, somebody else did: have the client revoked",
        ),
        ClientsError::Secret(_) => (Code::Internal, "NO_RANDOMNESS", ""),
        ClientsError::Read { .. }
        | ClientsError::Damaged { .. }
        | ClientsError::Newer { .. }
        | ClientsError::Write { .. } => (
            Code::Internal,
            "REMOTE_CLIENTS_NOT_WRITTEN",
            "Nothing was changed; check that the disk is not full and that this user may write to the data folder",
        ),
    };
    failure(code, word, upper_first(&with_causes(error)), remedy)
}

fn client(client: &Client) -> v1::RemoteClient {
    let (credential, redeem_by) = match &client.credential {
        Credential::Invitation { redeem_by, .. } => {
            (v1::RemoteCredential::Invitation, Some(*redeem_by))
        }
        Credential::Token { .. } => (v1::RemoteCredential::Token, None),
        Credential::Certificate { .. } => (v1::RemoteCredential::Certificate, None),
    };
    v1::RemoteClient {
        name: client.name.to_string(),
        role: role_of(Some(client.role)).into(),
        credential: credential.into(),
        created_at: Some(time::timestamp(client.created_at)),
        expires_at: client.expires_at.map(time::timestamp),
        last_seen_at: client.last_seen_at.map(time::timestamp),
        redeem_by: redeem_by.map(time::timestamp),
    }
}

fn role_of(role: Option<Role>) -> v1::Role {
    match role {
        Some(Role::Viewer) => v1::Role::Viewer,
        Some(Role::Operator) => v1::Role::Operator,
        Some(Role::Admin) => v1::Role::Admin,
        Some(Role::Invited) | None => v1::Role::Unspecified,
    }
}

fn logged(entry: Entry) -> v1::RemoteLogEntry {
    let outcome = match entry.outcome {
        Outcome::Began => v1::RemoteLogOutcome::Began,
        Outcome::Failed => v1::RemoteLogOutcome::Failed,
        Outcome::Refused => v1::RemoteLogOutcome::Refused,
    };
    v1::RemoteLogEntry {
        at: Some(time::timestamp(entry.at)),
        client: entry.client,
        role: role_of(entry.role).into(),
        address: entry.address,
        call: entry.call,
        text: entry.text,
        outcome: outcome.into(),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::Failure;

    use super::*;

    #[test]
    fn an_invitation_without_an_address_is_refused_with_what_to_do() {
        let error = Failure::from(found(Vec::new()).unwrap_err());
        assert!(error.remedy.contains("--address"), "{error:?}");
        let address = "till-7:7443";
        assert_eq!(found(vec![address.parse().unwrap()]).unwrap(), [address]);
    }

    #[test]
    fn an_address_is_one_that_the_client_reads_and_has_its_port() {
        for address in [
            "shop-7.example.org:443",
            "10.0.0.7:7443",
            "[2001:db8::7]:7443",
        ] {
            assert!(check_address(address).is_ok(), "{address}");
        }
        for address in [
            "",
            "shop-7",
            "shop-7:",
            "shop-7:0",
            "shop-7:70000",
            ":7443",
            "2001:db8::7",
            "a b:1",
            "https://a:1",
        ] {
            assert!(check_address(address).is_err(), "{address}");
        }
    }
}
