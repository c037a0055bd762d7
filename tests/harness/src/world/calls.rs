//! The calls that tests make to the agent, over the contract.

use shopmaster_proto::{
    Failure,
    v1::{
        InstallCaptureRequest, InstallCaptureResponse, Run, RunKind, RunState, ShutdownRequest,
        StartRunRequest, Status, WatchRunRequest, WatchStatusRequest,
    },
};
use shopmaster_standins::digible::DigibleSim;

use super::{World, WorldError, within};

impl World {
    /// Starts a sync, or joins the running one, and waits for its end.
    ///
    /// # Errors
    ///
    /// When the agent refuses or the run does not end. A failed run is not an error here.
    pub async fn sync(&self) -> Result<Run, WorldError> {
        let run = self.start_run(RunKind::Sync).await?;
        self.finished(&run.id).await
    }

    /// Starts an upload, or joins the running one, and waits for its end.
    ///
    /// # Errors
    ///
    /// When the agent refuses or the run does not end. A failed run is not an error here.
    pub async fn upload(&self) -> Result<Run, WorldError> {
        let run = self.start_run(RunKind::Upload).await?;
        self.finished(&run.id).await
    }

    /// Starts a verify, or joins the running one, and waits for its end.
    ///
    /// # Errors
    ///
    /// When the agent refuses or the run does not end. A failed run is not an error here.
    pub async fn verify(&self) -> Result<Run, WorldError> {
        let run = self.start_run(RunKind::Verify).await?;
        self.finished(&run.id).await
    }

    /// Starts a run, or joins the running one, without waiting.
    ///
    /// # Errors
    ///
    /// When the agent refuses.
    pub async fn start_run(&self, kind: RunKind) -> Result<Run, WorldError> {
        self.start(kind, false).await
    }

    /// The same with a run that asks no questions.
    ///
    /// # Errors
    ///
    /// When the agent refuses.
    pub async fn start_confirmed(&self, kind: RunKind) -> Result<Run, WorldError> {
        self.start(kind, true).await
    }

    async fn start(&self, kind: RunKind, confirmed: bool) -> Result<Run, WorldError> {
        const CALL: &str = "StartRun";
        let request = StartRunRequest {
            kind: kind.into(),
            from_start: false,
            confirmed,
        };
        let answer = self.client()?.runs.start_run(request).await;
        let answer = answer.map_err(refused(CALL))?.into_inner();
        answer.run.ok_or(WorldError::Incomplete(CALL))
    }

    /// Waits for the end of a run.
    ///
    /// # Errors
    ///
    /// When the run is not found or does not end.
    pub async fn finished(&self, id: &str) -> Result<Run, WorldError> {
        self.wait_run(id, |run| run.state() == RunState::Finished)
            .await
    }

    /// Waits until `condition` is true for a run.
    ///
    /// # Errors
    ///
    /// When the run is not found, or ends before that.
    pub async fn wait_run(
        &self,
        id: &str,
        condition: impl Fn(&Run) -> bool,
    ) -> Result<Run, WorldError> {
        within("a run", self.watch_run(id, condition)).await?
    }

    /// Waits until `condition` is true for a run, without a time limit.
    ///
    /// # Errors
    ///
    /// When the run is not found, or ends before that.
    pub async fn watch_run(
        &self,
        id: &str,
        condition: impl Fn(&Run) -> bool,
    ) -> Result<Run, WorldError> {
        const CALL: &str = "WatchRun";
        let request = WatchRunRequest { id: id.to_owned() };
        let answer = self.client()?.runs.watch_run(request).await;
        let mut stream = answer.map_err(refused(CALL))?.into_inner();
        while let Some(message) = stream.message().await.map_err(refused(CALL))? {
            if let Some(run) = message.run.filter(&condition) {
                return Ok(run);
            }
        }
        Err(WorldError::Incomplete(CALL))
    }

    /// Waits until `condition` is true for the agent's status.
    ///
    /// # Errors
    ///
    /// When it does not become true in time.
    pub async fn wait_status(
        &self,
        condition: impl Fn(&Status) -> bool,
    ) -> Result<Status, WorldError> {
        const CALL: &str = "WatchStatus";
        let mut client = self.client()?;
        let mut last = None;
        let waited = within("a state", async {
            let answer = client.agent.watch_status(WatchStatusRequest {}).await;
            let mut stream = answer.map_err(refused(CALL))?.into_inner();
            while let Some(message) = stream.message().await.map_err(refused(CALL))? {
                if message.status.as_ref().is_some_and(&condition) {
                    return message.status.ok_or(WorldError::Incomplete(CALL));
                }
                last = message.status;
            }
            Err(WorldError::Incomplete(CALL))
        })
        .await;
        // This is only for a timeout; the agent's errors are in the inner result.
        waited.map_err(|_| WorldError::TimedOut(format!("a state; the last one is {last:?}")))?
    }

    /// Waits until `condition` is true for the stand-in for Digible.
    ///
    /// # Errors
    ///
    /// When it does not become true in time.
    pub async fn wait_digible(
        &self,
        condition: impl Fn(&DigibleSim) -> bool,
    ) -> Result<(), WorldError> {
        within("a request to Digible", self.digible.wait_for(condition)).await
    }

    /// Installs capture.
    ///
    /// # Errors
    ///
    /// When the agent refuses.
    pub async fn install_capture(&self) -> Result<InstallCaptureResponse, WorldError> {
        let mut client = self.client()?;
        let answer = client
            .config
            .install_capture(InstallCaptureRequest::default())
            .await;
        Ok(answer.map_err(refused("InstallCapture"))?.into_inner())
    }

    pub(super) async fn shut_down(&self) -> Result<(), WorldError> {
        let answer = self.client()?.agent.shutdown(ShutdownRequest {}).await;
        answer.map(drop).map_err(refused("Shutdown"))
    }
}

pub(super) fn refused<E>(call: &'static str) -> impl FnOnce(E) -> WorldError
where
    Failure: From<E>,
{
    move |status| WorldError::Refused {
        call,
        source: status.into(),
    }
}
