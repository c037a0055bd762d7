//! The gRPC service `Runs`.

use std::sync::Arc;

use shopmaster_engine::{StartError, Started};
use shopmaster_health::run::{Cause, Kind, Run, State, Wish};
use shopmaster_proto::v1;
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};

use super::{
    convert::run,
    failure,
    streams::{Answers, Sink, stream},
};
use crate::supervisor::Supervisor;

/// Runs in a list by default.
const FEW: u32 = 20;
/// At most this many runs are listed.
const MOST: u32 = 500;

pub(super) struct Service {
    supervisor: Arc<Supervisor>,
}

impl Service {
    pub(super) fn new(supervisor: Arc<Supervisor>) -> Self {
        Self { supervisor }
    }

    /// Starts a run in the engine, or in its successor if the engine is being replaced.
    async fn start(&self, kind: Kind, wish: Wish) -> Result<Started, Status> {
        loop {
            let engine = failure::engine(&self.supervisor).await?;
            match engine.runs().start(kind, Cause::Requested, wish) {
                // Wait for its successor, unless the agent is stopping.
                Err(StartError::Stopping) if !self.supervisor.ending.is_cancelled() => {}
                started => return started.map_err(failure::start),
            }
        }
    }

    async fn find(&self, id: &str) -> Result<Run, Status> {
        let found = failure::engine(&self.supervisor)
            .await?
            .runs()
            .get(id)
            .await;
        found
            .map_err(|error| failure::journal(&error))?
            .ok_or_else(|| failure::no_run(id))
    }
}

#[tonic::async_trait]
impl v1::runs_server::Runs for Service {
    type WatchRunStream = Answers<v1::WatchRunResponse>;

    async fn start_run(
        &self,
        request: Request<v1::StartRunRequest>,
    ) -> Result<Response<v1::StartRunResponse>, Status> {
        let request = request.into_inner();
        let kind = match request.kind() {
            v1::RunKind::Sync => Kind::Sync,
            v1::RunKind::Upload => Kind::Upload,
            v1::RunKind::Verify => Kind::Verify,
            v1::RunKind::Unspecified => {
                return Err(failure::invalid(
                    "The request does not say what kind of run to start",
                    "Set `kind` to a sync, an upload or a verify",
                ));
            }
        };
        let wish = Wish {
            from_start: request.from_start,
            confirmed: request.confirmed,
        };
        let started = self.start(kind, wish).await?;
        Ok(Response::new(v1::StartRunResponse {
            run: Some(run::run(&started.run)),
            joined: started.joined,
        }))
    }

    async fn watch_run(
        &self,
        request: Request<v1::WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let id = request.into_inner().id;
        let ending = self.supervisor.ending.clone();
        let engine = failure::engine(&self.supervisor).await?;
        if let Some(progress) = engine.runs().watch(&id) {
            return Ok(Response::new(stream(ending, |sink| {
                watch_progress(progress, sink)
            })));
        }
        let ended = self.find(&id).await?;
        Ok(Response::new(stream(ending, |sink| send(ended, sink))))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> Result<Response<v1::CancelRunResponse>, Status> {
        let id = request.into_inner().id;
        if let Some(cancelled) = failure::engine(&self.supervisor).await?.runs().cancel(&id) {
            let run = Some(run::run(&cancelled));
            return Ok(Response::new(v1::CancelRunResponse { run }));
        }
        self.find(&id).await?;
        Err(failure::failure(
            Code::FailedPrecondition,
            "RUN_ENDED",
            format!("Run `{id}` has already ended"),
            "",
        ))
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        let limit = match request.into_inner().limit {
            0 => FEW,
            limit => limit.min(MOST),
        };
        let listed = failure::engine(&self.supervisor)
            .await?
            .runs()
            .list(limit)
            .await;
        let runs = listed.map_err(|error| failure::journal(&error))?;
        Ok(Response::new(v1::ListRunsResponse {
            runs: runs.iter().map(run::listed).collect(),
        }))
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::GetRunResponse>, Status> {
        let found = self.find(&request.into_inner().id).await?;
        let run = Some(run::run(&found));
        Ok(Response::new(v1::GetRunResponse { run }))
    }
}

/// Sends the run, then each change, and its end last. A slow client gets the newest state, never a queue.
async fn watch_progress(mut progress: watch::Receiver<Run>, sink: Sink<v1::WatchRunResponse>) {
    loop {
        let now = progress.borrow_and_update().clone();
        let ended = now.state == State::Finished;
        let run = Some(run::run(&now));
        let sent = sink.send(Ok(v1::WatchRunResponse { run })).await;
        if ended || sent.is_err() || progress.changed().await.is_err() {
            return;
        }
    }
}

async fn send(ended: Run, sink: Sink<v1::WatchRunResponse>) {
    let run = Some(run::run(&ended));
    // A client that has disconnected needs no answer.
    let _ = sink.send(Ok(v1::WatchRunResponse { run })).await;
}
