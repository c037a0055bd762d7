//! Tokens that end, certificates of clients and of the agent, and what a token may read.

use std::{fs, future::poll_fn, time::Duration};

use http_body_util::BodyExt as _;
use shopmaster_proto::{
    Failure,
    remote::Pin,
    v1::{
        CreateTokenRequest, GetListenerResponse, GetStatusRequest, PauseRequest, Role,
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

use super::{office::Office, raw};
use crate::support::wait_issue;

#[tokio::test]
async fn a_token_that_expires_ends_its_streams_and_is_refused() {
    let office = Office::open().await;
    let request = CreateTokenRequest {
        name: "short".to_owned(),
        role: Role::Viewer.into(),
        lifetime: Some(Duration::from_secs(2).try_into().unwrap()),
    };
    let mut here = office.world.client().unwrap();
    let token = here.remote.create_token(request).await.unwrap();
    let token = token.into_inner().token.parse().unwrap();
    let mut client = office.connect(&token).await.unwrap();
    let watch = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut watch = watch.unwrap().into_inner();
    let end = loop {
        if let Err(status) = watch.next().await.unwrap() {
            break status;
        }
    };
    assert_eq!(end.code(), Code::Unauthenticated, "{end:?}");
    assert_eq!(Failure::from(end).code, "ACCESS_EXPIRED");
    let again = office.connect(&token).await.unwrap_err();
    assert_eq!(office.word(again), "ACCESS_EXPIRED");
    // Its connection ends soon after.
    office.connections(0).await;
}

#[tokio::test]
async fn the_connection_of_a_revoked_client_ends() {
    let office = Office::open().await;
    let mut client = office.client(Role::Viewer).await;
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
    office.connections(1).await;
    let revoked = office.ctl(&["remote", "revoke", "viewer", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    office.connections(0).await;
}

#[tokio::test]
async fn a_client_with_a_certificate_needs_no_token_and_another_key_is_nobody() {
    let office = Office::open().await;
    let (known, stranger) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let file = office.world.home().join("client.pem");
    fs::write(&file, known.certificate().unwrap().pem()).unwrap();
    let invited = ["remote", "invite", "--role", "viewer", "--name", "tool"];
    let file = ["--certificate", file.to_str().unwrap()];
    let added = office.ctl(&[&invited[..], &file].concat()).await;
    assert_eq!(added.code, 0, "{added:?}");

    // Another certificate of the same key.
    let channel = raw::channel(office.at, Some(known)).await.unwrap();
    let mut agent = AgentClient::new(channel);
    agent.get_status(GetStatusRequest {}).await.unwrap();
    let pause = agent.pause(PauseRequest::default()).await.unwrap_err();
    assert_eq!(Failure::from(pause).code, "ROLE_TOO_LOW");

    for identity in [Some(stranger), None] {
        let channel = raw::channel(office.at, identity).await.unwrap();
        let refused = AgentClient::new(channel)
            .get_status(GetStatusRequest {})
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    }
    let revoked = office.ctl(&["remote", "revoke", "tool", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let refused = agent.get_status(GetStatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
}

#[tokio::test]
async fn a_viewers_token_reads_the_metrics_and_nobody_else_does() {
    let office = Office::open().await;
    let token = office.token(Role::Viewer, "prometheus").await;
    let mut channel = raw::channel(office.at, None).await.unwrap();
    let mut read = async |method: &str, authorization: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri("https://agent/metrics");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        poll_fn(|context| channel.poll_ready(context))
            .await
            .unwrap();
        let answer = channel.call(request.body(Body::empty()).unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let text = body.collect().await.unwrap().to_bytes().to_vec();
        (head.status.as_u16(), String::from_utf8(text).unwrap())
    };
    let bearer = format!("Bearer {}", token.expose());
    let (code, text) = read("GET", Some(&bearer)).await;
    assert_eq!(code, 200);
    assert!(
        text.contains("\nshopmaster_pending_products 0.0\n"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(read("POST", Some(&bearer)).await.0, 405);
    assert_eq!(read("GET", None).await.0, 401);
    assert_eq!(read("GET", Some("Bearer smt_forged")).await.0, 401);
}

#[tokio::test]
async fn another_certificate_is_served_without_a_restart() {
    let office = Office::open().await;
    let mut client = office.client(Role::Viewer).await;
    let own = office.world.listener().await.unwrap();
    let (first, second) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let home = office.world.home();
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
        shown(&office, pin.as_bytes()).await;
    };
    write(&first);
    let [certificate, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let given = ["--remote-certificate", certificate, "--remote-key", key];
    let configured = office.ctl(&[&["configure"], &given[..]].concat()).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shows(&first).await;
    // Another one in the same files: the agent checks them every minute, and after each change of the configuration.
    write(&second);
    let configured = office.ctl(&["configure", "--log-level", "info"]).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shows(&second).await;
    let token = office.token(Role::Viewer, "new").await;
    office.connect(&token).await.unwrap();
    // Who was connected stays.
    client.agent.get_status(GetStatusRequest {}).await.unwrap();

    // What is damaged is not served: the last good one stays.
    fs::write(&files[1], "damaged").unwrap();
    let configured = office.ctl(&["configure", "--log-level", "debug"]).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    wait_issue(&office.world, "REMOTE_CERTIFICATE_INVALID").await;
    office.connect(&token).await.unwrap();
    let back = ["configure", "--remote-certificate", "", "--remote-key", ""];
    let configured = office.ctl(&back).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    shown(&office, &own.key_sha256).await;
}

/// Waits until the certificate of this key is served.
async fn shown(office: &Office, key: &[u8]) {
    let is_shown = |listener: &GetListenerResponse| listener.key_sha256 == key;
    let waited = office.world.wait_listener("the certificate", is_shown);
    waited.await.unwrap();
}
