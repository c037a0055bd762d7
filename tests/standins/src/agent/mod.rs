//! A stand-in for an agent on the wire: HTTP/2 and gRPC frames, with answers that a test scripts. It knows no messages:
//! what it gets and gives is bytes.

mod grpc;
mod tls;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};

pub use tls::{Identity, Tls};

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its path: `/shopmaster.v1.Agent/GetInfo`.
    pub path: String,
    /// The metadata `authorization`.
    pub authorization: Option<String>,
    /// The request, encoded.
    pub message: Vec<u8>,
}

/// What becomes of a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These messages, encoded, and a good end.
    Messages(Vec<Vec<u8>>),
    /// These messages, and then nothing: the stream stays open.
    Open(Vec<Vec<u8>>),
    /// An error.
    Error(tonic::Status),
    /// No answer.
    Silence,
}

/// An agent that listens until it is dropped; then its connections break.
#[derive(Debug)]
pub struct AgentSim {
    calls: Arc<Mutex<Vec<Call>>>,
    _listening: JoinSet<()>,
}

type Script = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

impl AgentSim {
    /// Listens at a socket.
    #[cfg(unix)]
    pub fn at_socket(
        path: &std::path::Path,
        script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = tokio::net::UnixListener::bind(path)?;
        let (sim, desk) = Self::new(script);
        Ok(sim.listening(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let desk = desk.clone();
                connections.spawn(async move { desk.serve(stream).await });
            }
        }))
    }

    /// Listens on loopback with TLS, and returns the address.
    pub async fn with_tls(
        tls: Tls,
        script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = tls.acceptor()?;
        let (sim, desk) = Self::new(script);
        let sim = sim.listening(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (desk, acceptor) = (desk.clone(), acceptor.clone());
                connections.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        desk.serve(stream).await;
                    }
                });
            }
        });
        Ok((sim, address))
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }

    fn new(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> (Self, Desk) {
        let calls = Arc::default();
        let desk = Desk {
            calls: Arc::clone(&calls),
            script: Arc::new(script),
        };
        let sim = Self {
            calls,
            _listening: JoinSet::new(),
        };
        (sim, desk)
    }

    fn listening(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self._listening.spawn(task);
        self
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Desk {
    calls: Arc<Mutex<Vec<Call>>>,
    script: Script,
}

impl Desk {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let desk = self.clone();
            async move { grpc::answer(request, |call| desk.decide(call)).await }
        });
        // A connection that breaks is the client's business.
        let _ = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn decide(&self, call: Call) -> Answer {
        let answer = (self.script)(&call);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
        answer
    }
}
