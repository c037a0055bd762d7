//! The clients, and who a caller is.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use shopmaster_proto::remote::{Pin, Secret, SecretError, SecretKind, TokenDigest};
use tokio_util::sync::CancellationToken;

use super::{
    Caller, Client, ClientName, Credential, Invited, Proof, Redeemable, Redeemed, Refusal, Role,
    client::earlier, clients_file,
};

/// How long an invitation can be redeemed.
const REDEEM_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// How long redeeming can be repeated with the same token, in case that the answer was lost.
const REPEAT_WITHIN: Duration = Duration::from_secs(3_600);
/// How exact the time of a client's last call is.
const SEEN_STEP: Duration = Duration::from_secs(3_600);
/// The most clients that an agent has.
const MOST_CLIENTS: usize = 1_000;

/// The clients, kept in a file that only this user can read. It contains digests of secrets only.
///
/// Who a caller is, is found without waiting for the disk. Changes do wait for it, so they belong on a thread that may
/// block.
#[derive(Debug)]
pub struct Clients {
    path: PathBuf,
    /// Replaced as a whole once the file is written.
    known: ArcSwap<Known>,
    /// Held by whoever changes the clients or writes the file.
    writing: Mutex<()>,
}

/// Why the clients cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is not valid.
    #[error("`{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
    /// The file has another version of its format.
    #[error(
        "`{path}` has version {version}, and this shopMaster cannot read it: a newer one wrote it; install that one again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The name belongs to another client.
    #[error("there already is a client `{0}`")]
    Taken(ClientName),
    /// No client has this name.
    #[error("there is no client `{0}`")]
    NotFound(ClientName),
    /// There are too many clients.
    #[error("there are already {MOST_CLIENTS} clients")]
    TooMany,
    /// Another client has this certificate's key.
    #[error("the key of this certificate already belongs to the client `{0}`")]
    KeyTaken(ClientName),
    /// The invitation cannot be redeemed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another client has this token, so it would be two.
    #[error("another client has this token")]
    TokenTaken,
    /// No secret can be made.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

type Known = BTreeMap<ClientName, Entry>;

/// A client, and what is only known while the agent runs.
#[derive(Debug, Clone)]
struct Entry {
    /// As it was last changed; when it was last seen is in `seen`.
    client: Client,
    /// Canceled when the access is withdrawn.
    revoked: CancellationToken,
    /// When it last called; shared by all copies of the entry, so that a change loses no call.
    seen: Arc<Mutex<Option<Timestamp>>>,
}

impl Clients {
    /// The clients in the file at `path`; none when there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not valid: nobody is let in then.
    pub fn open(path: &Path) -> Result<Self, ClientsError> {
        let clients = clients_file::read(path)?.into_iter();
        let known: Known = clients
            .map(|client| (client.name.clone(), Entry::new(client)))
            .collect();
        Ok(Self {
            path: path.to_owned(),
            known: ArcSwap::from_pointee(known),
            writing: Mutex::default(),
        })
    }

    /// All clients in the order of their names, expired ones, too.
    #[must_use]
    pub fn list(&self) -> Vec<Client> {
        as_written(&self.known.load())
    }

    /// Whether anybody could be let in at `now`.
    #[must_use]
    pub fn admits_anybody(&self, now: Timestamp) -> bool {
        let known = self.known.load();
        known.values().any(|entry| !entry.client.has_expired(now))
    }

    /// The client whose token has this digest, or the one that was invited with this secret. An invitation that was redeemed
    /// is accepted for another hour, to repeat that in case that the answer was lost.
    ///
    /// # Errors
    ///
    /// When there is none, or its access has ended.
    pub fn by_secret(&self, secret: &Secret, now: Timestamp) -> Result<Caller, Refusal> {
        let digest = secret.digest();
        match secret.kind() {
            SecretKind::Token => self.find(now, |credential| {
                matches!(credential, Credential::Token { token, .. } if *token == digest)
            }),
            SecretKind::Invitation => self.invited(digest, now),
        }
    }

    /// The client whose certificate has this key.
    ///
    /// # Errors
    ///
    /// When there is none, or its access has ended.
    pub fn by_key(&self, key: &Pin, now: Timestamp) -> Result<Caller, Refusal> {
        self.find(
            now,
            |credential| matches!(credential, Credential::Certificate { key: own } if own == key),
        )
    }

    fn find(&self, now: Timestamp, has: impl Fn(&Credential) -> bool) -> Result<Caller, Refusal> {
        let known = self.known.load();
        let mut all = known.values();
        let found = all.find(|entry| has(&entry.client.credential));
        let found = found.ok_or(Refusal::Unknown)?;
        if found.client.has_expired(now) {
            return Err(Refusal::Expired);
        }
        let proof = Proof::Credential(found.client.role);
        Ok(found.caller(proof, found.client.expires_at))
    }

    fn invited(&self, digest: TokenDigest, now: Timestamp) -> Result<Caller, Refusal> {
        let known = self.known.load();
        let found = invited_with(&known, digest, now)?;
        let proof = Proof::Invitation(Invited(digest));
        let end = match &found.client.credential {
            Credential::Token { redeemed, .. } => redeemed.map(repeat_by),
            Credential::Invitation { .. } | Credential::Certificate { .. } => None,
        };
        Ok(found.caller(proof, earlier(found.client.ends_at(), end)))
    }

    /// Notes that a client called at `now`. Returns whether the file should be [saved](Self::save), about once in an hour.
    #[must_use]
    pub fn record_call(&self, name: &ClientName, now: Timestamp) -> bool {
        let known = self.known.load();
        let Some(entry) = known.get(name) else {
            return false;
        };
        let mut seen = entry.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent =
            seen.is_some_and(|last| now.duration_since(last).unsigned_abs() < SEEN_STEP);
        if !is_recent {
            *seen = Some(now);
        }
        !is_recent
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), ClientsError> {
        self.change(|_| Ok(()))
    }

    /// Invites a client, whose access lasts for `lifetime`. Returns the invitation's secret, and until when it can be
    /// redeemed. An expired client of the same name, or one that never redeemed its invitation, is replaced.
    ///
    /// # Errors
    ///
    /// When the name is taken, or the file cannot be written.
    pub fn invite(
        &self,
        name: ClientName,
        role: Role,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), ClientsError> {
        let secret = Secret::generate(SecretKind::Invitation)?;
        let redeem_by = later(now, REDEEM_WITHIN);
        let credential = Credential::Invitation {
            secret: secret.digest(),
            redeem_by,
        };
        self.add(name, role, credential, lifetime, now)?;
        Ok((secret, redeem_by))
    }

    /// Adds a client with a new token, and returns the token.
    ///
    /// # Errors
    ///
    /// When the name is taken, or the file cannot be written.
    pub fn create_token(
        &self,
        name: ClientName,
        role: Role,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<Secret, ClientsError> {
        let secret = Secret::generate(SecretKind::Token)?;
        let credential = Credential::Token {
            token: secret.digest(),
            redeemed: None,
        };
        self.add(name, role, credential, lifetime, now)?;
        Ok(secret)
    }

    /// Adds a client that has a certificate with this key.
    ///
    /// # Errors
    ///
    /// When the name or the key is taken, or the file cannot be written.
    pub fn add_key(
        &self,
        name: ClientName,
        role: Role,
        key: Pin,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<Client, ClientsError> {
        self.add(name, role, Credential::Certificate { key }, lifetime, now)
    }

    /// What [`redeem`](Self::redeem) would do, without doing it.
    ///
    /// # Errors
    ///
    /// When it would be refused.
    pub fn check_redeem(
        &self,
        invited: Invited,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Redeemable, Refusal> {
        let known = self.known.load();
        redeemable(&known, invited, token, now).map(|(_, redeemable)| redeemable)
    }

    /// Redeems an invitation: from now on the client authenticates with the token of this digest. Redeeming it again with the
    /// same token changes nothing.
    ///
    /// # Errors
    ///
    /// When the invitation was replaced or withdrawn, has expired, or was redeemed with another token; or when the file
    /// cannot be written.
    pub fn redeem(
        &self,
        invited: Invited,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Client, ClientsError> {
        let known = self.known.load();
        if let (entry, Redeemable::Repetition) = redeemable(&known, invited, token, now)? {
            return Ok(entry.as_written());
        }
        self.change(|known| {
            let (entry, _) = redeemable(known, invited, token, now)?;
            let mut entry = entry.clone();
            let secret = invited.0;
            let has_token = |other: &Entry| {
                matches!(&other.client.credential, Credential::Token { token: own, .. } if *own == token)
            };
            if known.values().any(has_token) {
                return Err(ClientsError::TokenTaken);
            }
            let redeemed = Some(Redeemed { secret, at: now });
            entry.client.credential = Credential::Token { token, redeemed };
            let client = entry.as_written();
            known.insert(client.name.clone(), entry);
            Ok(client)
        })
    }

    /// Withdraws a client's access, or its invitation. What it calls now ends.
    ///
    /// # Errors
    ///
    /// When there is no such client, or the file cannot be written: then it keeps its access.
    pub fn revoke(&self, name: &ClientName) -> Result<(), ClientsError> {
        let removed = self.change(|known| {
            let removed = known.remove(name);
            removed.ok_or_else(|| ClientsError::NotFound(name.clone()))
        })?;
        removed.revoked.cancel();
        Ok(())
    }

    fn add(
        &self,
        name: ClientName,
        role: Role,
        credential: Credential,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<Client, ClientsError> {
        let client = Client {
            name,
            role,
            credential,
            created_at: now,
            expires_at: lifetime.map(|lifetime| later(now, lifetime)),
            last_seen_at: None,
        };
        let replaced = self.change(|known| {
            check_free(known, &client, now)?;
            Ok(known.insert(client.name.clone(), Entry::new(client.clone())))
        })?;
        if let Some(replaced) = replaced {
            replaced.revoked.cancel();
        }
        Ok(client)
    }

    /// Changes a copy of the clients, writes the file, and only then takes the copy into use. When the change or the file
    /// fails, all is as it was.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Known) -> Result<T, ClientsError>,
    ) -> Result<T, ClientsError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::clone(&self.known.load());
        let result = change(&mut known)?;
        clients_file::write(&self.path, as_written(&known))?;
        self.known.store(Arc::new(known));
        Ok(result)
    }
}

impl Entry {
    fn new(client: Client) -> Self {
        Self {
            revoked: CancellationToken::new(),
            seen: Arc::new(Mutex::new(client.last_seen_at)),
            client,
        }
    }

    fn caller(&self, proof: Proof, expires_at: Option<Timestamp>) -> Caller {
        Caller {
            name: self.client.name.clone(),
            proof,
            revoked: self.revoked.clone(),
            expires_at,
        }
    }

    /// The client with the time of its last call.
    fn as_written(&self) -> Client {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Client {
            last_seen_at: *seen,
            ..self.client.clone()
        }
    }
}

fn as_written(known: &Known) -> Vec<Client> {
    known.values().map(Entry::as_written).collect()
}

/// The client that was invited with the secret of this digest, if the invitation still is of use.
fn invited_with(known: &Known, digest: TokenDigest, now: Timestamp) -> Result<&Entry, Refusal> {
    let mut all = known.values();
    let found = all.find(|entry| entry.client.credential.invitation() == Some(&digest));
    let found = found.ok_or(Refusal::Unknown)?;
    if found.client.has_expired(now) {
        return Err(Refusal::Expired);
    }
    match &found.client.credential {
        Credential::Token {
            redeemed: Some(redeemed),
            ..
        } if repeat_by(*redeemed) <= now => Err(Refusal::Redeemed),
        _ => Ok(found),
    }
}

/// Whose invitation it is, and what redeeming it does.
fn redeemable(
    known: &Known,
    invited: Invited,
    token: TokenDigest,
    now: Timestamp,
) -> Result<(&Entry, Redeemable), Refusal> {
    let entry = invited_with(known, invited.0, now)?;
    let redeemable = match &entry.client.credential {
        Credential::Invitation { .. } => Redeemable::First,
        Credential::Token { token: own, .. } if *own == token => Redeemable::Repetition,
        Credential::Token { .. } => return Err(Refusal::Redeemed),
        Credential::Certificate { .. } => return Err(Refusal::Unknown),
    };
    Ok((entry, redeemable))
}

/// Fails when the client cannot be added.
fn check_free(known: &Known, client: &Client, now: Timestamp) -> Result<(), ClientsError> {
    let old = known.get(&client.name);
    let is_free = old.is_none_or(|old| {
        old.client.has_expired(now)
            || matches!(old.client.credential, Credential::Invitation { .. })
    });
    if !is_free {
        return Err(ClientsError::Taken(client.name.clone()));
    }
    if old.is_none() && known.len() >= MOST_CLIENTS {
        return Err(ClientsError::TooMany);
    }
    let Credential::Certificate { key } = &client.credential else {
        return Ok(());
    };
    let mut others = known
        .values()
        .filter(|other| other.client.name != client.name);
    let other = others.find(
        |other| matches!(&other.client.credential, Credential::Certificate { key: own } if own == key),
    );
    match other {
        Some(other) => Err(ClientsError::KeyTaken(other.client.name.clone())),
        None => Ok(()),
    }
}

/// Until when redeeming can be repeated.
fn repeat_by(redeemed: Redeemed) -> Timestamp {
    later(redeemed.at, REPEAT_WITHIN)
}

/// A time after `now`, or the last one that there is.
fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
