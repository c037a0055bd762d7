//! Remote management: the listener, its clients, and what they may do.

mod abuse;
pub mod agent;
mod commands;
mod credentials;
mod listener;
mod raw;
mod shops;

use std::{fs, net::TcpListener};

use shopmaster_harness::world::World;
use shopmaster_proto::{
    Failure,
    remote::{Secret, SecretKind},
    v1::{
        ConfigureRequest, GetStatusRequest, PauseRequest, Role, RunKind, StartRunRequest,
        WatchStatusRequest,
    },
};
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::support::{free, issue, wait_issue};
use agent::RemoteAgent;

#[tokio::test]
async fn an_invited_client_does_what_its_role_allows_and_it_is_written_down() {
    let agent = RemoteAgent::open().await;
    let invitation = agent.invite("operator", "support-7").await;
    let world = &agent.world;
    let added = agent.ctl(&["remote", "add", "shop-7", &invitation]).await;
    assert_eq!(added.code, 0, "{added:?}");

    let status = agent.ctl(&["--agent", "shop-7", "status", "--json"]).await;
    assert_eq!(status.json().unwrap()["state"], "up_to_date", "{status:?}");
    let upload = agent.ctl(&["--agent", "shop-7", "upload", "--json"]).await;
    assert_eq!(upload.code, 0, "{upload:?}");
    let refused = agent
        .ctl(&[
            "--agent",
            "shop-7",
            "configure",
            "--log-level",
            "debug",
            "--json",
        ])
        .await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("ROLE_TOO_LOW"), "{refused:?}");

    let change = world
        .wait_status(|_| true)
        .await
        .unwrap()
        .last_remote_change;
    let change = change.unwrap();
    assert_eq!(
        (&*change.client, &*change.text),
        ("support-7", "started an upload")
    );
    let log = agent
        .ctl(&["remote", "log", "--json"])
        .await
        .json()
        .unwrap();
    let entries = log["entries"].as_array().unwrap();
    let texts: Vec<_> = entries
        .iter()
        .map(|entry| entry["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "called `/shopmaster.v1.Config/Configure`, which its role does not allow",
            "started an upload",
            "redeemed the invitation"
        ]
    );
    assert_eq!(entries[0]["outcome"], "refused");
    assert_eq!(entries[0]["call"], "/shopmaster.v1.Config/Configure");

    // It works once.
    let stolen = agent
        .ctl(&["remote", "add", "other", &invitation, "--json"])
        .await;
    assert!(stolen.stderr.contains("INVITATION_REDEEMED"), "{stolen:?}");
}

#[tokio::test]
async fn what_is_written_down_outlives_the_agent() {
    let mut agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Operator).await;
    client.agent.pause(PauseRequest::default()).await.unwrap();
    agent.world.restart().await.unwrap();
    let status = agent.world.wait_status(|_| true).await.unwrap();
    assert_eq!(status.last_remote_change.unwrap().text, "paused sending");
    agent.listening().await;
    // The client is still known.
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_withdrawn_access_ends_at_once() {
    let agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Viewer).await;
    let watch = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut watch = watch.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    let revoked = agent.ctl(&["remote", "revoke", "viewer", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let end = loop {
        if let Err(status) = watch.next().await.unwrap() {
            break status;
        }
    };
    assert_eq!(end.code(), Code::Unauthenticated, "{end:?}");
    let again = client
        .agent
        .get_status(GetStatusRequest {})
        .await
        .unwrap_err();
    assert_eq!(Failure::from(again).code, "UNAUTHENTICATED");
}

#[tokio::test]
async fn each_role_may_do_what_the_one_before_it_may_and_more() {
    let agent = RemoteAgent::open().await;
    let start = StartRunRequest {
        kind: RunKind::Sync.into(),
        ..Default::default()
    };
    for (role, expected) in [
        (
            Role::Viewer,
            [
                None,
                Some(Code::PermissionDenied),
                Some(Code::PermissionDenied),
            ],
        ),
        (Role::Operator, [None, None, Some(Code::PermissionDenied)]),
        // It is looked at, and asks for nothing.
        (Role::Admin, [None, None, Some(Code::InvalidArgument)]),
    ] {
        let mut client = agent.client(role).await;
        let status = client.agent.get_status(GetStatusRequest {}).await;
        let run = client.runs.start_run(start).await;
        let configure = client.config.configure(ConfigureRequest::default()).await;
        let found =
            [status.err(), run.err(), configure.err()].map(|error| error.map(|it| it.code()));
        assert_eq!(found, expected, "{role:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_known_is_told_so_and_slowed_down() {
    let agent = RemoteAgent::open().await;
    let forged = Secret::generate(SecretKind::Token).unwrap();
    let mut words = Vec::new();
    for _ in 0..6 {
        let error = agent.connect(&forged).await.unwrap_err();
        words.push(agent.word(error));
    }
    assert_eq!(words[..4], ["UNAUTHENTICATED"; 4]);
    assert_eq!(words[5], "TOO_MANY_FAILURES");
    // Whoever is known gets in all the same, from the same network.
    agent.client(Role::Viewer).await;
    // On this computer nothing has changed.
    assert_eq!(agent.ctl(&["status"]).await.code, 0);
    let log = agent
        .ctl(&["remote", "log", "--json"])
        .await
        .json()
        .unwrap();
    let refused = log["entries"].as_array().unwrap();
    assert!(!refused.is_empty() && refused.len() <= 4, "{log}");
}

#[tokio::test]
async fn the_listener_stays_closed_when_it_would_not_be_safe_and_the_rest_goes_on() {
    let at = free();
    let world = World::builder().set("remote.listen", at.to_string());
    let mut world = world.start().await.unwrap();
    wait_issue(&world, "REMOTE_NO_CLIENTS").await;
    assert!(std::net::TcpStream::connect(at).is_err());

    let invited = ["remote", "invite", "--role", "viewer", "--name", "a"];
    assert_eq!(world.ctl(&invited).await.unwrap().code, 0);
    world
        .wait_status(|status| issue(status, "REMOTE_NO_CLIENTS").is_none())
        .await
        .unwrap();
    assert!(std::net::TcpStream::connect(at).is_ok());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let key = world.folders().data.join("remote/key.pem");
        world.stop().await.unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        world.launch().await.unwrap();
        wait_issue(&world, "REMOTE_KEY_EXPOSED").await;
        assert!(std::net::TcpStream::connect(at).is_err());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    world.stop().await.unwrap();
    let taken = TcpListener::bind(at).unwrap();
    world.launch().await.unwrap();
    wait_issue(&world, "REMOTE_NOT_LISTENING").await;
    let run = world.upload().await.unwrap();
    assert_eq!(run.sent, 100, "{run:?}");
    drop(taken);

    world.stop().await.unwrap();
    fs::write(world.folders().data.join("remote/clients.json"), "{").unwrap();
    world.launch().await.unwrap();
    wait_issue(&world, "REMOTE_CLIENTS_UNREADABLE").await;
    assert!(std::net::TcpStream::connect(at).is_err());
}

#[tokio::test]
async fn it_is_switched_on_and_off_without_a_restart() {
    let at = free();
    let world = World::builder().start().await.unwrap();
    let listen = at.to_string();
    let enabled = world.ctl(&["remote", "enable", "--listen", &listen]).await;
    assert_eq!(enabled.unwrap().code, 0);
    let invited = ["remote", "invite", "--role", "viewer", "--name", "a"];
    assert_eq!(world.ctl(&invited).await.unwrap().code, 0);
    world
        .wait_status(|status| issue(status, "REMOTE_NO_CLIENTS").is_none())
        .await
        .unwrap();
    assert!(std::net::TcpStream::connect(at).is_ok());
    assert_eq!(world.ctl(&["remote", "disable"]).await.unwrap().code, 0);
    agent::wait_closed(at).await;
}

#[tokio::test]
async fn no_secret_is_in_any_log() {
    let mut agent = RemoteAgent::open().await;
    let invitation = agent.invite("admin", "support-7").await;
    let added = agent.ctl(&["remote", "add", "shop-7", &invitation]).await;
    assert_eq!(added.code, 0, "{added:?}");
    let invited = ["remote", "invite", "--role", "operator", "--name", "tool"];
    let made = agent.ctl(&[&invited[..], &["--token"]].concat()).await;
    let token = made.stdout.trim().parse().unwrap();
    agent.connect(&token).await.unwrap();
    let forged = Secret::generate(SecretKind::Token).unwrap();
    drop(agent.connect(&forged).await);
    let shown = [
        agent.ctl(&["remote", "list"]).await,
        agent.ctl(&["remote", "log"]).await,
    ];
    agent.world.stop().await.unwrap();
    let mut texts = vec![agent.world.stderr()];
    texts.extend(
        shown
            .into_iter()
            .flat_map(|output| [output.stdout, output.stderr]),
    );
    texts.extend(agent.files());
    for text in texts {
        for secret in ["smt_", "smi_", "shopmaster-invitation-"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
