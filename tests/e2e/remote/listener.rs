//! The listener follows the configuration and the files of its certificate, and an issue says what does not fit, and what is
//! open nevertheless.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use shopmaster_proto::v1::Role;
use shopmaster_standins::agent::Identity;

use super::office::{Office, wait_closed};
use crate::support::{free, issue, wait_issue};

const DAY: Duration = Duration::from_secs(86_400);

/// The files of a certificate that was given.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(office: &Office, identity: &Identity) -> Self {
        let home = office.world.home();
        let (certificate, key) = (home.join("tls.crt"), home.join("tls.key"));
        fs::write(&certificate, identity.certificate().unwrap().pem()).unwrap();
        fs::write(&key, identity.private_key_pem()).unwrap();
        let files = Self { certificate, key };
        #[cfg(unix)]
        files.mode(0o600);
        files
    }

    #[cfg(unix)]
    fn mode(&self, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(&self.key, fs::Permissions::from_mode(mode)).unwrap();
    }
}

async fn configure(office: &Office, arguments: &[&str]) {
    let configured = office.ctl(&[&["configure"], arguments].concat()).await;
    assert_eq!(configured.code, 0, "{configured:?}");
}

/// Has the agent look at its certificate now, instead of within a minute.
async fn look(office: &Office) {
    for level in ["debug", "info"] {
        configure(office, &["--log-level", level]).await;
    }
}

async fn move_to(office: &Office, at: SocketAddr) {
    let listen = at.to_string();
    // Whether it gets there is another matter.
    let enabled = office.ctl(&["remote", "enable", "--listen", &listen]).await;
    assert!(matches!(enabled.code, 0 | 1), "{enabled:?}");
}

async fn listens_at(office: &Office, at: SocketAddr) {
    let at = at.to_string();
    let waited = office
        .world
        .wait_listener(&at, |listener| listener.listening == at);
    waited.await.unwrap();
}

async fn wait_no_issue(office: &Office, code: &str) {
    let waited = office
        .world
        .wait_status(|status| issue(status, code).is_none());
    waited.await.unwrap();
}

#[tokio::test]
async fn a_given_certificate_is_served_whatever_its_dates_are_and_an_issue_names_them() {
    let mut office = Office::open().await;
    let identity = Identity::generate().unwrap();
    let files = Files::new(&office, &identity);
    let [certificate, key] =
        [&files.certificate, &files.key].map(|file| file.to_str().unwrap().to_owned());
    let given = ["--remote-certificate", &certificate, "--remote-key", &key];
    configure(&office, &given).await;
    let token = office.token(Role::Viewer, "tool").await;
    let now = SystemTime::now();
    for (from, until, says) in [
        (now - DAY, now + 10 * DAY, "ends on"),
        (now - 2 * DAY, now - DAY, "ended on"),
        (now + DAY, now + 100 * DAY, "is not valid before"),
    ] {
        let dated = identity.certificate_between(from, until).unwrap();
        fs::write(&files.certificate, dated.pem()).unwrap();
        look(&office).await;
        let shown = office.world.wait_status(|status| {
            issue(status, "REMOTE_CERTIFICATE_EXPIRES").is_some_and(|it| it.text.contains(says))
        });
        shown.await.unwrap();
        office.connect(&token).await.unwrap();
    }
    // Nor does a restart close it.
    office.world.restart().await.unwrap();
    wait_issue(&office.world, "REMOTE_CERTIFICATE_EXPIRES").await;
    office.connect(&token).await.unwrap();
    fs::write(&files.certificate, identity.certificate().unwrap().pem()).unwrap();
    look(&office).await;
    wait_no_issue(&office, "REMOTE_CERTIFICATE_EXPIRES").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_is_opened_up_to_others_while_the_agent_runs_is_noticed() {
    let office = Office::open().await;
    let identity = Identity::generate().unwrap();
    let files = Files::new(&office, &identity);
    let [certificate, key] = [&files.certificate, &files.key].map(|file| file.to_str().unwrap());
    configure(
        &office,
        &["--remote-certificate", certificate, "--remote-key", key],
    )
    .await;
    let token = office.token(Role::Viewer, "tool").await;
    // Nothing is written, so no time of a change tells.
    files.mode(0o644);
    look(&office).await;
    let shown = wait_issue(&office.world, "REMOTE_KEY_EXPOSED").await;
    assert!(
        shown.text.contains("goes on listening") && !shown.text.contains("does not listen"),
        "{shown:?}"
    );
    office.connect(&token).await.unwrap();
    files.mode(0o600);
    look(&office).await;
    wait_no_issue(&office, "REMOTE_KEY_EXPOSED").await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_does_not_keep_the_old_address_open() {
    let office = Office::open().await;
    let key = office.world.folders().data.join("remote/key.pem");
    fs::write(&key, "damaged").unwrap();
    let next = free();
    move_to(&office, next).await;
    listens_at(&office, next).await;
    wait_closed(office.at).await;
    let shown = wait_issue(&office.world, "REMOTE_CERTIFICATE_INVALID").await;
    assert!(shown.text.contains(&next.to_string()), "{shown:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_opened_locks_nobody_out_at_once_and_is_soon_tried_again() {
    let office = Office::open().await;
    let next = free();
    let taken = TcpListener::bind(next).unwrap();
    move_to(&office, next).await;
    let shown = wait_issue(&office.world, "REMOTE_NOT_LISTENING").await;
    for at in [next, office.at] {
        assert!(shown.text.contains(&at.to_string()), "{shown:?}");
    }
    assert!(TcpStream::connect(office.at).is_ok());
    drop(taken);
    listens_at(&office, next).await;
    wait_closed(office.at).await;
    wait_no_issue(&office, "REMOTE_NOT_LISTENING").await;
}

#[tokio::test]
async fn the_listener_moves_to_another_address_of_its_port() {
    let office = Office::open().await;
    let everywhere = SocketAddr::new([0, 0, 0, 0].into(), office.at.port());
    for at in [everywhere, office.at] {
        move_to(&office, at).await;
        listens_at(&office, at).await;
        assert!(TcpStream::connect(office.at).is_ok());
    }
    wait_no_issue(&office, "REMOTE_NOT_LISTENING").await;
}
