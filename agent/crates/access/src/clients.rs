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
    pub fn saw(&self, name: &ClientName, now: Timestamp) -> bool {
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
mod tests {
    use std::{fs, thread};

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

        /// What the holder of an invitation proves to hold.
        fn invited(&self, secret: &Secret) -> Invited {
            let caller = self.clients.by_secret(secret, self.now).unwrap();
            caller.invited().unwrap()
        }
    }

    fn refusal(error: ClientsError) -> Refusal {
        match error {
            ClientsError::Refused(refusal) => refusal,
            other => panic!("{other}"),
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
            assert_eq!((&caller.name, caller.role()), (&a, role));
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
        let invited = fixture.invited(&secret);
        let own = token();
        let check = clients.check_redeem(invited, own.digest(), now);
        assert_eq!(check, Ok(Redeemable::First));
        for clients in [clients, &fixture.again()] {
            let client = clients.redeem(invited, own.digest(), now).unwrap();
            assert_eq!(client.role, Role::Admin);
            assert_eq!(clients.by_secret(&own, now).unwrap().role(), Role::Admin);
            // The answer may have been lost.
            let again = clients.by_secret(&secret, now).unwrap();
            assert_eq!(again.role(), Role::Invited);
            assert_eq!(again.expires_at, Some(fixture.later(REPEAT_WITHIN)));
            let check = clients.check_redeem(invited, own.digest(), now);
            assert_eq!(check, Ok(Redeemable::Repetition));
            let stolen = token().digest();
            let check = clients.check_redeem(invited, stolen, now);
            assert_eq!(check, Err(Refusal::Redeemed));
            let error = clients.redeem(invited, stolen, now).unwrap_err();
            assert_eq!(refusal(error), Refusal::Redeemed);
        }
    }

    #[test]
    fn a_redeemed_invitation_is_soon_of_no_use() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let (secret, _) = clients.invite(name("a"), Role::Admin, None, now).unwrap();
        let (invited, own) = (fixture.invited(&secret), token());
        clients.redeem(invited, own.digest(), now).unwrap();
        let late = fixture.later(REPEAT_WITHIN);
        for clients in [clients, &fixture.again()] {
            // Whoever comes late is told that somebody was first.
            let refused = clients.by_secret(&secret, late).unwrap_err();
            assert_eq!(refused, Refusal::Redeemed);
            // Nor does a call that is open since then redeem it.
            let error = clients.redeem(invited, own.digest(), late).unwrap_err();
            assert_eq!(refusal(error), Refusal::Redeemed);
            assert!(clients.by_secret(&own, late).is_ok());
        }
    }

    #[test]
    fn an_old_invitation_does_not_redeem_the_next_one_of_its_name() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let invite = || {
            let (secret, _) = clients.invite(name("a"), Role::Admin, None, now).unwrap();
            fixture.invited(&secret)
        };
        let replaced = invite();
        let withdrawn = invite();
        clients.revoke(&name("a")).unwrap();
        let valid = invite();
        for old in [replaced, withdrawn] {
            let error = clients.redeem(old, token().digest(), now).unwrap_err();
            assert_eq!(refusal(error), Refusal::Unknown);
        }
        let own = token().digest();
        clients.redeem(valid, own, now).unwrap();
        for old in [replaced, withdrawn] {
            let error = clients.redeem(old, own, now).unwrap_err();
            assert_eq!(refusal(error), Refusal::Unknown);
        }
    }

    #[test]
    fn an_invitation_ends_and_is_replaced_by_the_next() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let (first, redeem_by) = clients.invite(name("a"), Role::Viewer, None, now).unwrap();
        let caller = clients.by_secret(&first, now).unwrap();
        assert_eq!(caller.expires_at, Some(redeem_by));
        assert_eq!(
            clients.by_secret(&first, redeem_by).unwrap_err(),
            Refusal::Expired
        );
        let late = clients.redeem(fixture.invited(&first), token().digest(), redeem_by);
        assert_eq!(refusal(late.unwrap_err()), Refusal::Expired);
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
        let invited = fixture.invited(&invitation);
        // A folder in the file's place.
        fs::remove_file(&fixture.path).unwrap();
        fs::create_dir_all(fixture.path.join("in the way")).unwrap();
        assert!(clients.revoke(&name("a")).is_err());
        assert!(clients.redeem(invited, token().digest(), now).is_err());
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

    /// A slow disk must not hold up those who call, nor the threads that serve everybody.
    #[test]
    fn nobody_waits_for_the_file_to_learn_who_calls() {
        let fixture = fixture();
        let (clients, now) = (&fixture.clients, fixture.now);
        let secret = clients
            .create_token(name("a"), Role::Viewer, None, now)
            .unwrap();
        let written = clients.writing.lock().unwrap();
        thread::scope(|scope| {
            let changing =
                scope.spawn(|| clients.add_key(name("b"), Role::Viewer, key("k"), None, now));
            assert!(clients.by_secret(&secret, now).is_ok());
            assert!(clients.by_key(&key("k"), now).is_err());
            assert!(clients.saw(&name("a"), now) && clients.admits_anybody(now));
            assert_eq!(clients.list().len(), 1);
            drop(written);
            changing.join().unwrap().unwrap();
        });
        // What was seen meanwhile is not lost with the change.
        assert!(clients.by_key(&key("k"), now).is_ok());
        assert_eq!(fixture.again().list()[0].last_seen_at, Some(now));
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

    #[test]
    fn a_file_of_a_newer_version_is_named_and_left_as_it_is() {
        let fixture = fixture();
        let text = r#"{"version": 2, "clients": {"a": {}}}"#;
        fs::write(&fixture.path, text).unwrap();
        let error = Clients::open(&fixture.path).unwrap_err();
        assert!(
            matches!(error, ClientsError::Newer { version: 2, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("newer"), "{error}");
        assert_eq!(fs::read_to_string(&fixture.path).unwrap(), text);
    }

    #[test]
    fn a_file_without_the_time_of_redeeming_is_read() {
        let fixture = fixture();
        let text = r#"{"version": 1, "clients": [{"name": "a", "role": "viewer", "credential": {"kind": "token",
            "token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "invitation": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
            "created_at": "1970-01-01T00:00:00Z", "expires_at": null, "last_seen_at": null}]}"#;
        fs::write(&fixture.path, text).unwrap();
        assert_eq!(fixture.again().list().len(), 1);
    }
}
