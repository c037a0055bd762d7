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
        assert!(clients.record_call(&name("a"), now) && clients.admits_anybody(now));
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
    assert!(clients.record_call(&name("a"), now));
    assert!(!clients.record_call(&name("a"), fixture.later(HOUR / 2)));
    assert!(clients.record_call(&name("a"), fixture.later(HOUR)));
    assert!(!clients.record_call(&name("b"), now));
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

#[test]
fn a_token_belongs_to_one_client() {
    let fixture = fixture();
    let (clients, now) = (&fixture.clients, fixture.now);
    let invite = |client| {
        let invited = clients.invite(name(client), Role::Viewer, None, now);
        fixture.invited(&invited.unwrap().0)
    };
    let (first, second, own) = (invite("a"), invite("b"), token().digest());
    clients.redeem(first, own, now).unwrap();
    let error = clients.redeem(second, own, now).unwrap_err();
    assert!(matches!(error, ClientsError::TokenTaken), "{error}");
    // With another one it still works.
    clients.redeem(second, token().digest(), now).unwrap();
}
