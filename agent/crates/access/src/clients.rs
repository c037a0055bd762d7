//! The clients, and who a caller is.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_base::atomic_file::write_atomically;
use shopmaster_proto::remote::{Pin, Secret, SecretError, SecretKind, TokenDigest};
use tokio_util::sync::CancellationToken;

use super::{Client, ClientName, Credential, Role};

/// How long an invitation can be redeemed.
const REDEEM_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// How exact the time of a client's last call is.
const SEEN_STEP: Duration = Duration::from_secs(3_600);
/// The most clients that an agent has.
const MOST_CLIENTS: usize = 1_000;

/// The clients, kept in a file that only this user can read. It contains digests of secrets only.
#[derive(Debug)]
pub struct Clients {
    path: PathBuf,
    known: Mutex<BTreeMap<ClientName, Known>>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client's name.
    pub name: ClientName,
    /// What it may do.
    pub role: Role,
    /// Canceled when its access is withdrawn.
    pub revoked: CancellationToken,
    /// When its access ends; none for no end.
    pub expires_at: Option<Timestamp>,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No client has this credential: it was revoked, replaced, or never given.
    #[error("the token or certificate is not valid here: it was revoked, or never was")]
    Unknown,
    /// The client's access has ended.
    #[error("the access has expired")]
    Expired,
    /// The invitation was redeemed before, with another token.
    #[error("the invitation was already redeemed")]
    Redeemed,
}

impl Refusal {
    /// Stable, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "UNAUTHENTICATED",
            Self::Expired => "ACCESS_EXPIRED",
            Self::Redeemed => "INVITATION_REDEEMED",
        }
    }
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
    /// No secret can be made.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    /// The form of the file.
    version: u32,
    clients: Vec<Client>,
}

const VERSION: u32 = 1;

#[derive(Debug)]
struct Known {
    client: Client,
    /// Canceled when the access is withdrawn.
    revoked: CancellationToken,
}

impl Clients {
    /// The clients in the file at `path`; none when there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not valid: nobody is let in then.
    pub fn open(path: &Path) -> Result<Self, ClientsError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::new(path, []));
            }
            Err(source) => {
                return Err(ClientsError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let document: Document =
            serde_json::from_slice(&text).map_err(|source| ClientsError::Damaged {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self::new(path, document.clients))
    }

    fn new(path: &Path, clients: impl IntoIterator<Item = Client>) -> Self {
        let known = clients.into_iter().map(|client| {
            let revoked = CancellationToken::new();
            (client.name.clone(), Known { client, revoked })
        });
        Self {
            path: path.to_owned(),
            known: Mutex::new(known.collect()),
        }
    }

    /// All clients in the order of their names, expired ones, too.
    #[must_use]
    pub fn list(&self) -> Vec<Client> {
        let known = self.locked();
        known.values().map(|known| known.client.clone()).collect()
    }

    /// Whether anybody could be let in at `now`.
    #[must_use]
    pub fn admits_anybody(&self, now: Timestamp) -> bool {
        let known = self.locked();
        known.values().any(|known| !known.client.has_expired(now))
    }

    /// The client whose token, or open invitation, has this digest.
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
            SecretKind::Invitation => self.invited(&digest, now),
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
        let known = self.locked();
        let mut all = known.values();
        let found = all.find(|known| has(&known.client.credential));
        let found = found.ok_or(Refusal::Unknown)?;
        if found.client.has_expired(now) {
            return Err(Refusal::Expired);
        }
        Ok(found.caller(found.client.role))
    }

    /// Whoever holds an invitation may redeem it, also again in case that the answer was lost.
    fn invited(&self, digest: &TokenDigest, now: Timestamp) -> Result<Caller, Refusal> {
        let known = self.locked();
        let mut all = known.values();
        let found = all.find(|known| match &known.client.credential {
            Credential::Invitation { secret, .. } => secret == digest,
            Credential::Token { invitation, .. } => invitation.as_ref() == Some(digest),
            Credential::Certificate { .. } => false,
        });
        let found = found.ok_or(Refusal::Unknown)?;
        if found.client.has_expired(now) {
            return Err(Refusal::Expired);
        }
        Ok(found.caller(Role::Invited))
    }

    /// Notes that a client called at `now`. Returns whether the file should be [saved](Self::save), about once in an hour.
    #[must_use]
    pub fn saw(&self, name: &ClientName, now: Timestamp) -> bool {
        let mut known = self.locked();
        let Some(known) = known.get_mut(name) else {
            return false;
        };
        let last = known.client.last_seen_at;
        let is_recent =
            last.is_some_and(|last| now.duration_since(last).unsigned_abs() < SEEN_STEP);
        if !is_recent {
            known.client.last_seen_at = Some(now);
        }
        !is_recent
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), ClientsError> {
        self.write(&self.locked())
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
            invitation: None,
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

    /// Redeems the invitation with this secret: from now on the client authenticates with the token of this digest.
    ///
    /// # Errors
    ///
    /// When the invitation is unknown, has expired, or was redeemed with another token; or when the file cannot be written.
    pub fn redeem(
        &self,
        name: &ClientName,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Result<Client, Refusal>, ClientsError> {
        let mut known = self.locked();
        let Some(found) = known.get_mut(name) else {
            return Ok(Err(Refusal::Unknown));
        };
        let secret = match &found.client.credential {
            Credential::Invitation { redeem_by, .. } if *redeem_by <= now => {
                return Ok(Err(Refusal::Expired));
            }
            Credential::Invitation { secret, .. } => *secret,
            Credential::Token { token: own, .. } if *own == token => {
                return Ok(Ok(found.client.clone()));
            }
            Credential::Token { .. } => return Ok(Err(Refusal::Redeemed)),
            Credential::Certificate { .. } => return Ok(Err(Refusal::Unknown)),
        };
        let before = found.client.clone();
        found.client.credential = Credential::Token {
            token,
            invitation: Some(secret),
        };
        found.client.last_seen_at = Some(now);
        let client = found.client.clone();
        if let Err(error) = self.write(&known) {
            if let Some(found) = known.get_mut(name) {
                found.client = before;
            }
            return Err(error);
        }
        Ok(Ok(client))
    }

    /// Withdraws a client's access, or its invitation. What it calls now ends.
    ///
    /// # Errors
    ///
    /// When there is no such client, or the file cannot be written: then it keeps its access.
    pub fn revoke(&self, name: &ClientName) -> Result<(), ClientsError> {
        let mut known = self.locked();
        let removed = known.remove(name);
        let removed = removed.ok_or_else(|| ClientsError::NotFound(name.clone()))?;
        if let Err(error) = self.write(&known) {
            known.insert(name.clone(), removed);
            return Err(error);
        }
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
        let mut known = self.locked();
        let old = known.get(&name);
        let is_free = old.is_none_or(|old| {
            old.client.has_expired(now)
                || matches!(old.client.credential, Credential::Invitation { .. })
        });
        if !is_free {
            return Err(ClientsError::Taken(name));
        }
        if old.is_none() && known.len() >= MOST_CLIENTS {
            return Err(ClientsError::TooMany);
        }
        if let Credential::Certificate { key } = &credential {
            let mut others = known.values().filter(|other| other.client.name != name);
            let other = others.find(|other| {
                matches!(&other.client.credential, Credential::Certificate { key: own } if own == key)
            });
            if let Some(other) = other {
                return Err(ClientsError::KeyTaken(other.client.name.clone()));
            }
        }
        let client = Client {
            name: name.clone(),
            role,
            credential,
            created_at: now,
            expires_at: lifetime.map(|lifetime| later(now, lifetime)),
            last_seen_at: None,
        };
        let added = Known {
            client: client.clone(),
            revoked: CancellationToken::new(),
        };
        let replaced = known.insert(name.clone(), added);
        if let Err(error) = self.write(&known) {
            match replaced {
                Some(replaced) => known.insert(name, replaced),
                None => known.remove(&name),
            };
            return Err(error);
        }
        if let Some(replaced) = replaced {
            replaced.revoked.cancel();
        }
        Ok(client)
    }

    fn write(&self, known: &BTreeMap<ClientName, Known>) -> Result<(), ClientsError> {
        let failed = |source| ClientsError::Write {
            path: self.path.clone(),
            source,
        };
        let document = Document {
            version: VERSION,
            clients: known.values().map(|known| known.client.clone()).collect(),
        };
        let text = serde_json::to_vec_pretty(&document).map_err(|error| failed(error.into()))?;
        write_atomically(&self.path, &text).map_err(failed)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<ClientName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn caller(&self, role: Role) -> Caller {
        Caller {
            name: self.client.name.clone(),
            role,
            revoked: self.revoked.clone(),
            expires_at: self.client.expires_at,
        }
    }
}

/// A time after `now`, or the last one that there is.
fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        clients: Clients,
        now: Timestamp,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.json");
        Fixture {
            clients: Clients::open(&path).unwrap(),
            path,
            _folder: folder,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn name(text: &str) -> ClientName {
        text.parse().unwrap()
    }

    fn token() -> Secret {
        Secret::generate(SecretKind::Token).unwrap()
    }

    fn key(text: &str) -> Pin {
        Pin::of_key(text.as_bytes())
    }

    impl Fixture {
        fn later(&self, by: Duration) -> Timestamp {
            later(self.now, by)
        }

        fn again(&self) -> Clients {
            Clients::open(&self.path).unwrap()
        }
    }

    #[test]
    fn a_token_is_known_over_restarts_until_it_expires() {
        let fixture = fixture();
        let now = fixture.now;
        let (a, role) = (name("a"), Role::Operator);
        let secret = fixture
            .clients
            .create_token(a.clone(), role, Some(HOUR), now)
            .unwrap();
        for clients in [&fixture.clients, &fixture.again()] {
            let caller = clients.by_secret(&secret, now).unwrap();
            assert_eq!((caller.name, caller.role), (a.clone(), role));
            let refused = clients.by_secret(&secret, fixture.later(HOUR)).unwrap_err();
            assert_eq!(refused, Refusal::Expired);
            assert_eq!(
                clients.by_secret(&token(), now).unwrap_err(),
                Refusal::Unknown
            );
        }
        let file = fs::read_to_string(&fixture.path).unwrap();
        assert!(!file.contains(&secret.expose()[4..]), "{file}");
    }

    #[test]
    fn an_invitation_works_once_and_its_repetition_is_the_same_call() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let (secret, _) = clients.invite(name("a"), Role::Admin, None, now).unwrap();
        let caller = clients.by_secret(&secret, now).unwrap();
        assert_eq!(caller.role, Role::Invited);
        let own = token();
        for clients in [clients, &fixture.again()] {
            let client = clients
                .redeem(&name("a"), own.digest(), now)
                .unwrap()
                .unwrap();
            assert_eq!(client.role, Role::Admin);
            assert_eq!(clients.by_secret(&own, now).unwrap().role, Role::Admin);
            // The answer may have been lost.
            assert_eq!(clients.by_secret(&secret, now).unwrap().role, Role::Invited);
            let stolen = clients.redeem(&name("a"), token().digest(), now).unwrap();
            assert_eq!(stolen.unwrap_err(), Refusal::Redeemed);
        }
    }

    #[test]
    fn an_invitation_ends_and_is_replaced_by_the_next() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let (first, redeem_by) = clients.invite(name("a"), Role::Viewer, None, now).unwrap();
        assert_eq!(
            clients.by_secret(&first, redeem_by).unwrap_err(),
            Refusal::Expired
        );
        let late = clients
            .redeem(&name("a"), token().digest(), redeem_by)
            .unwrap();
        assert_eq!(late.unwrap_err(), Refusal::Expired);
        let (second, _) = clients.invite(name("a"), Role::Viewer, None, now).unwrap();
        assert_eq!(
            clients.by_secret(&first, now).unwrap_err(),
            Refusal::Unknown
        );
        assert!(clients.by_secret(&second, now).is_ok());
    }

    #[test]
    fn a_name_has_one_client() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        clients
            .create_token(name("a"), Role::Viewer, Some(HOUR), now)
            .unwrap();
        let again = clients
            .invite(name("a"), Role::Viewer, None, now)
            .unwrap_err();
        assert!(matches!(again, ClientsError::Taken(_)), "{again}");
        let later = fixture.later(HOUR);
        clients
            .invite(name("a"), Role::Viewer, None, later)
            .unwrap();
        clients
            .add_key(name("b"), Role::Viewer, key("k"), None, now)
            .unwrap();
        let taken = clients
            .add_key(name("c"), Role::Viewer, key("k"), None, now)
            .unwrap_err();
        assert!(matches!(taken, ClientsError::KeyTaken(_)), "{taken}");
        assert_eq!(clients.list().len(), 2);
    }

    #[test]
    fn a_revoked_client_is_out_at_once() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        assert!(!clients.admits_anybody(now));
        clients
            .add_key(name("a"), Role::Viewer, key("k"), None, now)
            .unwrap();
        let caller = clients.by_key(&key("k"), now).unwrap();
        assert!(clients.admits_anybody(now) && !caller.revoked.is_cancelled());
        clients.revoke(&name("a")).unwrap();
        assert!(caller.revoked.is_cancelled());
        for clients in [clients, &fixture.again()] {
            assert_eq!(
                clients.by_key(&key("k"), now).unwrap_err(),
                Refusal::Unknown
            );
        }
        let again = clients.revoke(&name("a")).unwrap_err();
        assert!(matches!(again, ClientsError::NotFound(_)), "{again}");
    }

    #[test]
    fn what_cannot_be_written_is_not_done() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let secret = clients
            .create_token(name("a"), Role::Viewer, None, now)
            .unwrap();
        let (invitation, _) = clients.invite(name("b"), Role::Viewer, None, now).unwrap();
        // A folder in the file's place.
        fs::remove_file(&fixture.path).unwrap();
        fs::create_dir_all(fixture.path.join("in the way")).unwrap();
        assert!(clients.revoke(&name("a")).is_err());
        assert!(clients.redeem(&name("b"), token().digest(), now).is_err());
        assert!(clients.invite(name("c"), Role::Viewer, None, now).is_err());
        assert!(
            !clients
                .by_secret(&secret, now)
                .unwrap()
                .revoked
                .is_cancelled()
        );
        assert!(clients.by_secret(&invitation, now).is_ok());
        assert_eq!(clients.list().len(), 2);
    }

    #[test]
    fn the_last_call_is_noted_to_the_hour() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        clients
            .create_token(name("a"), Role::Viewer, None, now)
            .unwrap();
        assert!(clients.saw(&name("a"), now));
        assert!(!clients.saw(&name("a"), fixture.later(HOUR / 2)));
        assert!(clients.saw(&name("a"), fixture.later(HOUR)));
        assert!(!clients.saw(&name("b"), now));
        clients.save().unwrap();
        let seen = fixture.again().list()[0].last_seen_at;
        assert_eq!(seen, Some(fixture.later(HOUR)));
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let fixture = fixture();
        fs::write(&fixture.path, "{").unwrap();
        let error = Clients::open(&fixture.path).unwrap_err();
        assert!(matches!(error, ClientsError::Damaged { .. }), "{error}");
    }
}
