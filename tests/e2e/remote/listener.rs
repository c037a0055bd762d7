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

use super::agent::{RemoteAgent, wait_closed};
use crate::support::{free, issue, wait_issue};

const DAY: Duration = Duration::from_secs(86_400);

/// The files of a certificate that was given.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(agent: &RemoteAgent, identity: &Identity) -> Self {
        let home = agent.world.home();
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

async fn configure(agent: &RemoteAgent, arguments: &[&str]) {
    let configured = agent.ctl(&[&["configure"], arguments].concat()).await;
    assert_eq!(configured.code, 0, "{configured:?}");
}

/// Has the agent look at its certificate now, instead of within a minute.
async fn look(agent: &RemoteAgent) {
    for level in ["debug", "info"] {
        configure(agent, &["--log-level", level]).await;
    }
}

async fn move_to(agent: &RemoteAgent, at: SocketAddr) {
    let listen = at.to_string();
    // Whether it gets there is another matter.
    let enabled = agent.ctl(&["remote", "enable", "--listen", &listen]).await;
    assert!(matches!(enabled.code, 0 | 1), "{enabled:?}");
}

async fn listens_at(agent: &RemoteAgent, at: SocketAddr) {
    let at = at.to_string();
    let waited = agent
        .world
        .wait_listener(&at, |listener| listener.listening == at);
    waited.await.unwrap();
}

async fn wait_no_issue(agent: &RemoteAgent, code: &str) {
    let waited = agent
        .world
        .wait_status(|status| issue(status, code).is_none());
    waited.await.unwrap();
}

#[tokio::test]
async fn a_given_certificate_is_served_whatever_its_dates_are_and_an_issue_names_them() {
    let mut agent = RemoteAgent::open().await;
    let identity = Identity::generate().unwrap();
    let files = Files::new(&agent, &identity);
    let [certificate, key] =
        [&files.certificate, &files.key].map(|file| file.to_str().unwrap().to_owned());
    let given = ["--remote-certificate", &certificate, "--remote-key", &key];
    configure(&agent, &given).await;
    let token = agent.token(Role::Viewer, "tool").await;
    let now = SystemTime::now();
    for (from, until, says) in [
        (now - DAY, now + 10 * DAY, "ends on"),
        (now - 2 * DAY, now - DAY, "ended on"),
        (now + DAY, now + 100 * DAY, "is not valid before"),
    ] {
        let dated = identity.certificate_between(from, until).unwrap();
        fs::write(&files.certificate, dated.pem()).unwrap();
        look(&agent).await;
        let shown = agent.world.wait_status(|status| {
            issue(status, "REMOTE_CERTIFICATE_EXPIRES").is_some_and(|it| it.text.contains(says))
        });
        shown.await.unwrap();
        agent.connect(&token).await.unwrap();
    }
    // Nor does a restart close it.
    agent.world.restart().await.unwrap();
    wait_issue(&agent.world, "REMOTE_CERTIFICATE_EXPIRES").await;
    agent.connect(&token).await.unwrap();
    fs::write(&files.certificate, identity.certificate().unwrap().pem()).unwrap();
    look(&agent).await;
    wait_no_issue(&agent, "REMOTE_CERTIFICATE_EXPIRES").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_is_opened_up_to_others_while_the_agent_runs_is_noticed() {
    let agent = RemoteAgent::open().await;
    let identity = Identity::generate().unwrap();
    let files = Files::new(&agent, &identity);
    let [certificate, key] = [&files.certificate, &files.key].map(|file| file.to_str().unwrap());
    configure(
        &agent,
        &["--remote-certificate", certificate, "--remote-key", key],
    )
    .await;
    let token = agent.token(Role::Viewer, "tool").await;
    // Nothing is written, so no time of a change tells.
    files.mode(0o644);
    look(&agent).await;
    let shown = wait_issue(&agent.world, "REMOTE_KEY_EXPOSED").await;
    assert!(
        shown.text.contains("goes on listening") && !shown.text.contains("does not listen"),
        "{shown:?}"
    );
    agent.connect(&token).await.unwrap();
    files.mode(0o600);
    look(&agent).await;
    wait_no_issue(&agent, "REMOTE_KEY_EXPOSED").await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_does_not_keep_the_old_address_open() {
    let agent = RemoteAgent::open().await;
    let key = agent.world.folders().data.join("remote/key.pem");
    fs::write(&key, "damaged").unwrap();
    let next = free();
    move_to(&agent, next).await;
    listens_at(&agent, next).await;
    wait_closed(agent.at).await;
    let shown = wait_issue(&agent.world, "REMOTE_CERTIFICATE_INVALID").await;
    assert!(shown.text.contains(&next.to_string()), "{shown:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_opened_locks_nobody_out_at_once_and_is_soon_tried_again() {
    let agent = RemoteAgent::open().await;
    let next = free();
    let taken = TcpListener::bind(next).unwrap();
    move_to(&agent, next).await;
    let shown = wait_issue(&agent.world, "REMOTE_NOT_LISTENING").await;
    for at in [next, agent.at] {
        assert!(shown.text.contains(&at.to_string()), "{shown:?}");
    }
    assert!(TcpStream::connect(agent.at).is_ok());
    drop(taken);
    listens_at(&agent, next).await;
    wait_closed(agent.at).await;
    wait_no_issue(&agent, "REMOTE_NOT_LISTENING").await;
}

#[tokio::test]
async fn the_listener_moves_to_another_address_of_its_port() {
    let agent = RemoteAgent::open().await;
    let everywhere = SocketAddr::new([0, 0, 0, 0].into(), agent.at.port());
    for at in [everywhere, agent.at] {
        move_to(&agent, at).await;
        listens_at(&agent, at).await;
        assert!(TcpStream::connect(agent.at).is_ok());
    }
    wait_no_issue(&agent, "REMOTE_NOT_LISTENING").await;
}

#[tokio::test]
async fn what_the_environment_sets_is_not_said_to_have_changed() {
    let at = free();
    let world = shopmaster_harness::world::World::builder()
        .env("SHOPMASTER_REMOTE__LISTEN", &at.to_string());
    let world = world.start().await.unwrap();
    for command in [
        &["remote", "disable"][..],
        &["remote", "enable", "--listen", "127.0.0.1:1"],
    ] {
        let refused = world.ctl(command).await.unwrap();
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(
            refused.stderr.contains("SHOPMASTER_REMOTE__LISTEN"),
            "{refused:?}"
        );
    }
}
