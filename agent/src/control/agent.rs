//! The gRPC service `Agent`.

use std::{process, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use shopmaster_engine::status_store::Snapshot;
use shopmaster_journal::Pause;
use shopmaster_proto::{PROTOCOL, v1};
use tokio::sync::{broadcast, watch};
use tonic::{Request, Response, Status};

use super::{
    convert::{self, status, time},
    failure,
    streams::{Answers, Sink, stream},
};
use crate::supervisor::Supervisor;

/// The remedy for an invalid pause.
const END_OF_PAUSE: &str = "Set `until` to a time in the future, or `duration` to more than zero, or neither to pause until resumed";
/// At most this many past lines are sent to a client.
const MOST_LINES: u32 = 1_000;

pub(super) struct Service {
    supervisor: Arc<Supervisor>,
}

impl Service {
    pub(super) fn new(supervisor: Arc<Supervisor>) -> Self {
        Self { supervisor }
    }

    fn status(&self) -> v1::Status {
        status::status(
            &self.supervisor.status_store.facts(),
            self.supervisor.secrets_store(),
        )
    }

    async fn set_pause(&self, pause: Option<Pause>) -> Result<v1::Status, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let done = match pause {
            Some(pause) => engine.pause(pause).await,
            None => engine.resume().await,
        };
        done.map_err(|error| failure::journal(&error))?;
        Ok(self.status())
    }
}

#[tonic::async_trait]
impl v1::agent_server::Agent for Service {
    type WatchStatusStream = Answers<v1::WatchStatusResponse>;
    type TailLogsStream = Answers<v1::TailLogsResponse>;

    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let status = Some(self.status());
        Ok(Response::new(v1::GetStatusResponse { status }))
    }

    async fn watch_status(
        &self,
        _request: Request<v1::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let supervisor = Arc::clone(&self.supervisor);
        let snapshot = supervisor.status_store.watch();
        let ending = supervisor.ending.clone();
        Ok(Response::new(stream(ending, |sink| {
            send_status(supervisor, snapshot, sink)
        })))
    }

    async fn pause(
        &self,
        request: Request<v1::PauseRequest>,
    ) -> Result<Response<v1::PauseResponse>, Status> {
        let pause = pause_of(request.into_inner(), Timestamp::now())?;
        let status = Some(self.set_pause(Some(pause)).await?);
        Ok(Response::new(v1::PauseResponse { status }))
    }

    async fn resume(
        &self,
        _request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        let status = Some(self.set_pause(None).await?);
        Ok(Response::new(v1::ResumeResponse { status }))
    }

    async fn get_info(
        &self,
        _request: Request<v1::GetInfoRequest>,
    ) -> Result<Response<v1::GetInfoResponse>, Status> {
        let supervisor = &self.supervisor;
        Ok(Response::new(v1::GetInfoResponse {
            version: convert::VERSION.to_owned(),
            protocol: PROTOCOL.to_owned(),
            instance: supervisor.instance.to_string(),
            pid: process::id(),
            started_at: Some(time::timestamp(supervisor.started_at)),
            config_file: supervisor.paths.config.display().to_string(),
            journal_file: supervisor.paths.journal.display().to_string(),
            log_dir: supervisor.paths.log_dir.display().to_string(),
            endpoints: vec![supervisor.endpoint.to_string()],
            platform: std::env::consts::OS.to_owned(),
        }))
    }

    async fn tail_logs(
        &self,
        request: Request<v1::TailLogsRequest>,
    ) -> Result<Response<Self::TailLogsStream>, Status> {
        let request = request.into_inner();
        let (recent, live) = self.supervisor.logging.tail().subscribe();
        let count = request.lines.min(MOST_LINES) as usize;
        let recent = recent[recent.len().saturating_sub(count)..].to_vec();
        let ending = self.supervisor.ending.clone();
        Ok(Response::new(stream(ending, move |sink| {
            tail(recent, live, request.follow, sink)
        })))
    }

    async fn create_report(
        &self,
        _request: Request<v1::CreateReportRequest>,
    ) -> Result<Response<v1::CreateReportResponse>, Status> {
        Err(failure::unimplemented("The report"))
    }

    async fn shutdown(
        &self,
        _request: Request<v1::ShutdownRequest>,
    ) -> Result<Response<v1::ShutdownResponse>, Status> {
        tracing::info!("a client asked the agent to stop");
        self.supervisor.ending.cancel();
        Ok(Response::new(v1::ShutdownResponse {}))
    }
}

/// Sends the whole status, and sends it again after each change.
async fn send_status(
    supervisor: Arc<Supervisor>,
    mut status_store: watch::Receiver<Snapshot>,
    sink: Sink<v1::WatchStatusResponse>,
) {
    let mut last = None;
    loop {
        let snapshot = status_store.borrow_and_update().clone();
        let message = v1::WatchStatusResponse {
            sequence: snapshot.sequence,
            status: Some(status::status(&snapshot.facts, supervisor.secrets_store())),
            lagged: last.is_some_and(|last| snapshot.sequence > last + 1),
        };
        last = Some(snapshot.sequence);
        if sink.send(Ok(message)).await.is_err() || status_store.changed().await.is_err() {
            return;
        }
    }
}

async fn tail(
    recent: Vec<String>,
    mut live: broadcast::Receiver<Arc<str>>,
    follow: bool,
    sink: Sink<v1::TailLogsResponse>,
) {
    for line in recent {
        let message = v1::TailLogsResponse {
            line,
            lagged: false,
        };
        if sink.send(Ok(message)).await.is_err() {
            return;
        }
    }
    if !follow {
        return;
    }
    let mut lagged = false;
    loop {
        match live.recv().await {
            Ok(line) => {
                let line = line.to_string();
                let message = v1::TailLogsResponse { line, lagged };
                lagged = false;
                if sink.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => lagged = true,
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn pause_of(request: v1::PauseRequest, now: Timestamp) -> Result<Pause, Status> {
    use v1::pause_request::End;
    let until = match request.end {
        None => return Ok(Pause::UntilResumed),
        Some(End::Until(until)) => time::instant(until).ok_or_else(|| {
            failure::invalid("The end of the pause is not a valid time", END_OF_PAUSE)
        })?,
        Some(End::Duration(length)) => SignedDuration::try_from(time::duration(&length))
            .ok()
            .filter(|length| length.is_positive())
            .and_then(|length| now.checked_add(length).ok())
            .ok_or_else(|| {
                failure::invalid("The duration of the pause is not valid", END_OF_PAUSE)
            })?,
    };
    if until <= now {
        return Err(failure::invalid(
            "The end of the pause is in the past",
            END_OF_PAUSE,
        ));
    }
    Ok(Pause::Until(until))
}
