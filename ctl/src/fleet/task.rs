//! What is asked of each shop.

use shopmaster_proto::{
    Client,
    v1::{GetStatusRequest, PauseRequest, ResumeRequest, StartRunRequest, TestConnectionRequest},
};

use super::{Connector, Report, Shop, report::Answer};
use crate::{
    commands::{answer, follow::to_the_end},
    error::Error,
    target::Target,
};

/// What is asked of each shop.
#[derive(Debug, Clone)]
pub enum Task {
    /// Its status.
    Status,
    /// A pause.
    Pause(PauseRequest),
    /// The end of a pause.
    Resume,
    /// A run.
    Run {
        /// What to start.
        request: StartRunRequest,
        /// Whether to wait for its end.
        wait: bool,
    },
    /// The checks of `test`.
    Test,
}

impl Task {
    /// The word for the shops that did it.
    pub fn good(&self) -> &'static str {
        match self {
            Self::Status => "up to date",
            Self::Pause(_) => "paused",
            Self::Resume => "resumed",
            Self::Run { wait: false, .. } => "started",
            Self::Run { wait: true, .. } => "completed",
            Self::Test => "passed",
        }
    }

    /// Whether it changes something in the shops.
    pub fn is_change(&self) -> bool {
        match self {
            Self::Status | Self::Test => false,
            Self::Pause(_) | Self::Resume | Self::Run { .. } => true,
        }
    }

    /// Asks one shop. The limits of the connector end with the answer; with `wait`, when the run has started.
    pub async fn ask(&self, shop: Shop, connector: &Connector) -> Report {
        match self.answer(&shop, connector).await {
            Ok(answer) => Report::of(shop, answer),
            Err(error) => {
                let remedy = error.remedy(&Target::of(shop.agent.clone()));
                Report::failed(shop, &error, remedy)
            }
        }
    }

    async fn answer(&self, shop: &Shop, connector: &Connector) -> Result<Answer, Error> {
        let first = connector.ask(&shop.agent, async |client| self.first(client).await);
        let (mut client, answer) = first.await?;
        match (self, answer) {
            (Self::Run { wait: true, .. }, Answer::Run { run, joined }) => {
                let run = to_the_end(&mut client, run.id, |_| {}).await?;
                let run = Box::new(run);
                Ok(Answer::Run { run, joined })
            }
            (_, answer) => Ok(answer),
        }
    }

    async fn first(&self, client: &mut Client) -> Result<Answer, Error> {
        let status = match self {
            Self::Run { request, .. } => {
                let started = answer(client.runs.start_run(*request)).await?.into_inner();
                let run = Box::new(started.run.ok_or(Error::Incomplete("run"))?);
                let joined = started.joined;
                return Ok(Answer::Run { run, joined });
            }
            Self::Test => return checks(client).await,
            Self::Status => {
                let now = answer(client.agent.get_status(GetStatusRequest {})).await?;
                now.into_inner().status
            }
            Self::Pause(request) => {
                let paused = answer(client.agent.pause(*request)).await?;
                paused.into_inner().status
            }
            Self::Resume => {
                let resumed = answer(client.agent.resume(ResumeRequest {})).await?;
                resumed.into_inner().status
            }
        };
        let status = Box::new(status.ok_or(Error::Incomplete("status"))?);
        Ok(match self {
            Self::Status => Answer::Status(status),
            _ => Answer::Changed(status),
        })
    }
}

async fn checks(client: &mut Client) -> Result<Answer, Error> {
    let request = TestConnectionRequest {};
    let stream = answer(client.config.test_connection(request)).await?;
    let mut stream = stream.into_inner();
    let mut checks = Vec::new();
    while let Some(message) = answer(stream.message()).await? {
        checks.push(message.check.ok_or(Error::Incomplete("check"))?);
    }
    Ok(Answer::Checks(checks))
}
