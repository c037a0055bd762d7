//! Tokens that end, certificates of clients and of the agent, and what a token may read.

use std::{fs, time::Duration};

use http_body_util::BodyExt as _;
use prost::Message as _;
use shopmaster_proto::{
    Failure,
    remote::{Invitation, Pin},
    v1::{
        CancelRunRequest, ConfigureRequest, CreateTokenRequest, GetListenerResponse,
        GetStatusRequest, PauseRequest, RedeemRequest, RemoteClient, RemoteCredential, Role,
        WatchStatusRequest, agent_client::AgentClient,
    },
};
use shopmaster_standins::agent::Identity;
use tokio_stream::StreamExt as _;
use tonic::{
    Code,
    body::Body,
    codegen::{Service as _, http::Request},
};
use tower::ServiceExt as _;

use super::{agent::RemoteAgent, raw};
use crate::support::wait_issue;

#[tokio::test]
async fn a_token_that_expires_ends_its_streams_and_is_refused() {
    let agent = RemoteAgent::open().await;
    let request = CreateTokenRequest {
        name: "short".to_owned(),
        role: Role::Viewer.into(),
        lifetime: Some(Duration::from_secs(2).try_into().unwrap()),
    };
    let mut here = agent.world.client().unwrap();
    let token = here.remote.create_token(request).await.unwrap();
    let token = token.into_inner().token.parse().unwrap();
    let mut client = agent.connect(&token).await.unwrap();
    let watch = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut watch = watch.unwrap().into_inner();
    let end = loop {
        if let Err(status) = watch.next().await.unwrap() {
            break status;
        }
    };
    assert_eq!(end.code(), Code::Unauthenticated, "{end:?}");
    assert_eq!(Failure::from(end).code, "ACCESS_EXPIRED");
    let again = agent.connect(&token).await.unwrap_err();
    assert_eq!(agent.word(again), "ACCESS_EXPIRED");
    // Its connection ends soon after.
    agent.connections(0).await;
}

#[tokio::test]
async fn the_connection_of_a_revoked_client_ends() {
    let agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Viewer).await;
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
    agent.connections(1).await;
    let revoked = agent.ctl(&["remote", "revoke", "viewer", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    agent.connections(0).await;
}

#[tokio::test]
async fn a_call_that_is_kept_open_ends_with_the_access() {
    const PATH: &str = "/shopmaster.v1.Remote/CreateToken";
    let agent = RemoteAgent::open().await;
    let token = agent.token(Role::Admin, "leaver").await;
    let mut raw = raw::Raw::begin(agent.at).await;
    // It is admitted, and its request is still to come.
    raw.send(&raw::call_begins(1, PATH, &token)).await.unwrap();
    let called = |client: &RemoteClient| client.name == "leaver" && client.last_seen_at.is_some();
    agent.clients(|clients| clients.iter().any(called)).await;
    let revoked = agent.ctl(&["remote", "revoke", "leaver", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let request = CreateTokenRequest {
        name: "back".to_owned(),
        role: Role::Admin.into(),
        ..CreateTokenRequest::default()
    };
    let _sent = raw.send(&raw::request(1, &request.encode_to_vec())).await;
    raw.ended().await;
    let clients = agent.clients(|_| true).await;
    let names: Vec<_> = clients.iter().map(|client| &*client.name).collect();
    assert_eq!(names, ["first"]);
    let log = agent.ctl(&["remote", "log", "--json"]).await;
    assert!(!log.stdout.contains("back"), "{log:?}");
}

#[tokio::test]
async fn a_request_that_is_more_than_one_message_changes_nothing() {
    const PATH: &str = "/shopmaster.v1.Remote/CreateToken";
    let agent = RemoteAgent::open().await;
    let token = agent.token(Role::Admin, "owner").await;
    let request = CreateTokenRequest {
        name: "hidden".to_owned(),
        role: Role::Admin.into(),
        ..CreateTokenRequest::default()
    };
    let mut raw = raw::Raw::begin(agent.at).await;
    let mut bytes = raw::call_begins(1, PATH, &token);
    let message = raw::framed(&request.encode_to_vec());
    bytes.extend(raw::end(1, &[message, raw::framed(&[])].concat()));
    raw.send(&bytes).await.unwrap();
    let refused = agent.world.listener().await.unwrap().refused;
    let counted = |listener: &GetListenerResponse| listener.refused > refused;
    let waited = agent.world.wait_listener("a refusal", counted);
    waited.await.unwrap();
    let clients = agent.clients(|_| true).await;
    let names: Vec<_> = clients.iter().map(|client| &*client.name).collect();
    assert_eq!(names, ["first", "owner"]);
}

#[tokio::test]
async fn one_client_keeps_nobody_else_out() {
    let agent = RemoteAgent::open().await;
    let token = agent.token(Role::Viewer, "greedy").await;
    let mut held = Vec::new();
    let refused = loop {
        match agent.connect(&token).await {
            Ok(client) => held.push(client),
            Err(error) => break agent.word(error),
        }
    };
    assert_eq!((held.len(), &*refused), (16, "TOO_MANY_AT_ONCE"));
    let mut owner = agent.client(Role::Admin).await;
    owner.agent.get_status(GetStatusRequest {}).await.unwrap();
    // Nor does it push out of the log what an admin did.
    owner.agent.pause(PauseRequest::default()).await.unwrap();
    let mut operator = agent.client(Role::Operator).await;
    let request = CancelRunRequest {
        id: "x".repeat(500),
    };
    let refused = loop {
        let refused = operator.runs.cancel_run(request.clone()).await;
        let code = Failure::from(refused.unwrap_err()).code;
        if code != "RUN_NOT_FOUND" {
            break code;
        }
    };
    assert_eq!(refused, "TOO_MANY_AT_ONCE");
    let log = ["remote", "log", "--limit", "1000", "--json"];
    let log = agent.ctl(&log).await;
    assert!(log.stdout.contains("paused sending"), "{log:?}");
}

#[tokio::test]
async fn only_an_invitation_redeems_and_a_used_one_changes_nothing() {
    let agent = RemoteAgent::open().await;
    let mut viewer = agent.client(Role::Viewer).await;
    let redeem = |byte| RedeemRequest {
        token_sha256: vec![byte; 32],
    };
    let refused = viewer.remote.redeem(redeem(1)).await.unwrap_err();
    assert_eq!(Failure::from(refused).code, "ROLE_TOO_LOW");

    let invitation: Invitation = agent.invite("operator", "support-7").await.parse().unwrap();
    let mut invited = agent.connect(&invitation.secret).await.unwrap();
    invited.remote.redeem(redeem(2)).await.unwrap();
    // Its answer may have been lost.
    invited.remote.redeem(redeem(2)).await.unwrap();
    let before = agent.world.listener().await.unwrap().refused;
    for _ in 0..3 {
        let replayed = invited.remote.redeem(redeem(3)).await.unwrap_err();
        assert_eq!(Failure::from(replayed).code, "INVITATION_REDEEMED");
    }
    assert_eq!(agent.world.listener().await.unwrap().refused, before + 3);
    let log = agent.ctl(&["remote", "log", "--json"]).await.json();
    let log = log.unwrap();
    let entries = log["entries"].as_array().unwrap();
    let count = |outcome: &str| entries.iter().filter(|it| it["outcome"] == outcome).count();
    assert_eq!(
        (count("began"), count("failed"), count("refused")),
        (1, 0, 4),
        "{log}"
    );
    let status = agent.world.wait_status(|_| true).await.unwrap();
    let change = status.last_remote_change.unwrap();
    assert_eq!(
        (&*change.client, &*change.text),
        ("support-7", "redeemed the invitation")
    );
}

#[tokio::test]
async fn an_old_invitation_is_not_the_next_one_of_its_name() {
    const PATH: &str = "/shopmaster.v1.Remote/Redeem";
    let agent = RemoteAgent::open().await;
    let leaked: Invitation = agent.invite("viewer", "support-7").await.parse().unwrap();
    let mut raw = raw::Raw::begin(agent.at).await;
    raw.send(&raw::call_begins(1, PATH, &leaked.secret))
        .await
        .unwrap();
    agent.connections(1).await;
    // The same name again, for somebody who may do more.
    agent.invite("admin", "support-7").await;
    let stolen = RedeemRequest {
        token_sha256: vec![1; 32],
    };
    let _sent = raw.send(&raw::request(1, &stolen.encode_to_vec())).await;
    raw.ended().await;
    let clients = agent.clients(|_| true).await;
    let support = clients.iter().find(|client| client.name == "support-7");
    let credential = support.unwrap().credential();
    assert_eq!(credential, RemoteCredential::Invitation, "{clients:?}");
}

#[tokio::test]
async fn the_listener_takes_its_connections_along() {
    let agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Viewer).await;
    let watch = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut watch = watch.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    agent.connections(1).await;
    let disabled = agent.ctl(&["remote", "disable"]).await;
    assert_eq!(disabled.code, 0, "{disabled:?}");
    while let Some(Ok(_)) = watch.next().await {}
    agent.connections(0).await;
}

#[tokio::test]
async fn what_was_refused_is_not_shown_as_made() {
    let agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Admin).await;
    client.agent.pause(PauseRequest::default()).await.unwrap();
    let refused = client.config.configure(ConfigureRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let status = agent.world.wait_status(|_| true).await.unwrap();
    assert_eq!(status.last_remote_change.unwrap().text, "paused sending");
    let log = agent.ctl(&["remote", "log", "--json"]).await.json();
    assert_eq!(log.unwrap()["entries"][0]["outcome"], "failed");
}

#[tokio::test]
async fn a_client_with_a_certificate_needs_no_token_and_another_key_is_nobody() {
    let agent = RemoteAgent::open().await;
    let (known, stranger) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let file = agent.world.home().join("client.pem");
    fs::write(&file, known.certificate().unwrap().pem()).unwrap();
    let invited = ["remote", "invite", "--role", "viewer", "--name", "tool"];
    let file = ["--certificate", file.to_str().unwrap()];
    let added = agent.ctl(&[&invited[..], &file].concat()).await;
    assert_eq!(added.code, 0, "{added:?}");

    // Another certificate of the same key.
    let channel = raw::channel(agent.at, Some(known)).await.unwrap();
    let mut tool = AgentClient::new(channel);
    tool.get_status(GetStatusRequest {}).await.unwrap();
    let pause = tool.pause(PauseRequest::default()).await.unwrap_err();
    assert_eq!(Failure::from(pause).code, "ROLE_TOO_LOW");

    for identity in [Some(stranger), None] {
        let channel = raw::channel(agent.at, identity).await.unwrap();
        let refused = AgentClient::new(channel)
            .get_status(GetStatusRequest {})
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    }
    let revoked = agent.ctl(&["remote", "revoke", "tool", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let refused = tool.get_status(GetStatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
}

#[tokio::test]
async fn a_viewers_token_reads_the_metrics_and_nobody_else_does() {
    let agent = RemoteAgent::open().await;
    let token = agent.token(Role::Viewer, "prometheus").await;
    let mut channel = raw::channel(agent.at, None).await.unwrap();
    let mut read = async |method: &str, authorization: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri("https://agent/metrics");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let ready = channel.ready().await.unwrap();
        let answer = ready.call(request.body(Body::empty()).unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let text = body.collect().await.unwrap().to_bytes().to_vec();
        (head.status.as_u16(), String::from_utf8(text).unwrap())
    };
    let bearer = format!("Bearer {}", token.expose());
    let (code, text) = read("GET", Some(&bearer)).await;
    assert_eq!(code, 200);
    assert!(text.contains("\nshopmaster_pending_products 0"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(read("POST", Some(&bearer)).await.0, 405);
    assert_eq!(read("GET", None).await.0, 401);
    assert_eq!(read("GET", Some("Bearer smt_forged")).await.0, 401);
}

#[tokio::test]
async fn another_certificate_is_served_without_a_restart() {
    let agent = RemoteAgent::open().await;
    let mut client = agent.client(Role::Viewer).await;
    let own = agent.world.listener().await.unwrap();
    let (first, second) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let home = agent.world.home();
    let files = [home.join("tls.crt"), home.join("tls.key")];
    let write = |identity: &Identity| {
        fs::write(&files[0], identity.certificate().unwrap().pem()).unwrap();
        fs::write(&files[1], identity.private_key_pem()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
        }
    };
    let shows = async |identity: &Identity| {
        let pin = Pin::of_key(&identity.public_key());
        shown(&agent, pin.as_bytes()).await;
    };
    write(&first);
    let [certificate, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let given = ["--remote-certificate", certificate, "--remote-key", key];
    let configured = agent.ctl(&[&["configure"], &given[..]].concat()).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shows(&first).await;
    // Another one in the same files: the agent checks them every minute, and after each change of the configuration.
    write(&second);
    let configured = agent.ctl(&["configure", "--log-level", "info"]).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shows(&second).await;
    let token = agent.token(Role::Viewer, "new").await;
    agent.connect(&token).await.unwrap();
    // Who was connected stays.
    client.agent.get_status(GetStatusRequest {}).await.unwrap();

    // What is damaged is not served: the last good one stays.
    fs::write(&files[1], "damaged").unwrap();
    let configured = agent.ctl(&["configure", "--log-level", "debug"]).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    wait_issue(&agent.world, "REMOTE_CERTIFICATE_INVALID").await;
    agent.connect(&token).await.unwrap();
    let back = ["configure", "--remote-certificate", "", "--remote-key", ""];
    let configured = agent.ctl(&back).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shown(&agent, &own.key_sha256).await;
}

/// Waits until the certificate of this key is served.
async fn shown(agent: &RemoteAgent, key: &[u8]) {
    let is_shown = |listener: &GetListenerResponse| listener.key_sha256 == key;
    let waited = agent.world.wait_listener("the certificate", is_shown);
    waited.await.unwrap();
}
