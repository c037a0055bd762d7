//! The control plane: the gRPC services, their listener, and the conversions between the contract and the engine.

use std::{future::Future, sync::Arc};

use shopmaster_engine::tasks::guarded;
use shopmaster_proto::v1::{
    agent_server::AgentServer, config_server::ConfigServer, products_server::ProductsServer,
    remote_server::RemoteServer, runs_server::RunsServer,
};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{self, Server},
};

mod agent;
mod config;
mod convert;
mod detached;
mod failure;
pub mod listener;
mod page_token;
mod products;
mod remote;
mod rpcs;
mod runs;
mod serving;
mod streams;
mod until;

use super::supervisor::Supervisor;
use detached::Detached;
use listener::{AnyAuthority, Incoming};
use remote::Remote;

/// The largest message that a client may send, in bytes: the largest configuration is much smaller.
const LARGEST_REQUEST: usize = 1 << 20;
/// Streams and calls in progress at once on one connection.
const MOST_STREAMS: u32 = 64;

/// Why the services stopped, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors for reflection are not valid.
    #[error("the service descriptors cannot be served")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the control plane failed")]
    Transport(#[source] transport::Error),
}

/// Serves all services to `incoming` until `end`, then lets calls in progress finish, even if their clients have
/// disconnected.
///
/// Every stream ends when the supervisor's `ending` is canceled.
///
/// # Errors
///
/// When the transport fails.
pub async fn serve(
    supervisor: Arc<Supervisor>,
    incoming: Incoming,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    serving::begin(&health_reporter).await;
    let health_follows = serving::follow(
        health_reporter,
        supervisor.status_store.watch(),
        supervisor.ending.clone(),
    );
    let new_reflection = reflection().build_v1().map_err(ServeError::Reflection)?;
    let older_reflection = reflection()
        .build_v1alpha()
        .map_err(ServeError::Reflection)?;
    let connections = incoming.map(|connection| connection.map(AnyAuthority::new));
    // Health reports `NOT_SERVING` before its streams end.
    let over = CancellationToken::new();
    let detached = Detached::new(over.clone());
    let remote = Remote::open(Arc::clone(&supervisor)).await;
    let crashed = supervisor.crashed.clone();
    let mut routes = Routes::builder();
    routes
        .add_service(
            AgentServer::new(agent::Service::new(Arc::clone(&supervisor)))
                .max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(
            RunsServer::new(runs::Service::new(Arc::clone(&supervisor)))
                .max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(
            ConfigServer::new(config::Service::new(Arc::clone(&supervisor)))
                .max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(
            ProductsServer::new(products::Service::new(supervisor))
                .max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(
            RemoteServer::new(remote::Service::new(Arc::clone(&remote)))
                .max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(health)
        .add_service(new_reflection)
        .add_service(older_reflection);
    let routes = routes.routes().prepare();
    // On the network, the same services are behind a gate.
    let network = remote.run(routes.clone(), detached.clone());
    let network = tokio::spawn(guarded("the remote listener", crashed, network));
    let server = Server::builder()
        .layer(detached.clone())
        .max_concurrent_streams(MOST_STREAMS)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, end);
    tokio::pin!(server);
    let served = tokio::select! {
        served = &mut server => served,
        () = health_follows => {
            over.cancel();
            server.await
        }
    };
    // It ends with the agent, and its guard reports a panic.
    let _ended = network.await;
    detached.ended().await;
    served.map_err(ServeError::Transport)
}

/// All services' descriptors. There are two versions of reflection, and many tools know only one of them.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(shopmaster_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
