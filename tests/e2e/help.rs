//! What the tests of runs need beside `support`.

use std::error::Error;

pub use crate::support::issue;
use shopmaster_harness::world::{World, WorldBuilder, WorldError};
use shopmaster_proto::{
    Failure,
    v1::{
        CancelRunRequest, Capture, CaptureState, PauseRequest, ResumeRequest, Run, RunKind,
        RunOutcome, StartRunRequest, Status,
    },
};
use shopmaster_standins::digible::{DigibleSim, Endpoint, Fault, FaultKind, RequestRecord};

/// What a test gives.
pub type Tested = Result<(), Box<dyn Error>>;

/// A world whose capture is installed and that has sent nothing.
pub async fn captured(builder: WorldBuilder) -> Result<World, WorldError> {
    let world = builder.start().await?;
    ready(&world).await?;
    world.install_capture().await?;
    Ok(world)
}

/// Waits until a started agent has looked at the shop's database.
pub async fn ready(world: &World) -> Result<Status, WorldError> {
    let looked = |status: &Status| {
        let capture = status.capture.as_ref().map(Capture::state);
        !matches!(capture, None | Some(CaptureState::Unknown))
    };
    world.wait_status(looked).await
}

/// A world in which an upload has finished, and whose requests so far are forgotten.
pub async fn uploaded(builder: WorldBuilder) -> Result<World, WorldError> {
    let world = captured(builder).await?;
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    world.digible.clear_requests();
    Ok(world)
}

/// The id of a product of the shop, by its number.
pub fn id(number: usize) -> String {
    format!("P{number:07}")
}

/// The price of a product at Digible.
pub fn price(digible: &DigibleSim, id: &str) -> Option<String> {
    digible.product(id).map(|listing| listing.price)
}

/// The ids in a request, as text.
pub fn ids(request: &RequestRecord) -> Vec<String> {
    request
        .product_ids
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The state now.
pub async fn status(world: &World) -> Result<Status, WorldError> {
    world.wait_status(|_| true).await
}

/// A fault that is none: lets requests pass before the next fault strikes.
pub fn pass(endpoint: Endpoint, times: u32) -> Fault {
    Fault::of(FaultKind::Reply {
        status: 200,
        content_type: Some("application/json".to_owned()),
        body: r#"{"success":true}"#.to_owned(),
        applied: true,
    })
    .on(endpoint)
    .times(times)
}

/// Starts an upload that ignores any checkpoint.
pub async fn upload_from_start(world: &World) -> Result<Run, Box<dyn Error>> {
    let request = StartRunRequest {
        kind: RunKind::Upload.into(),
        from_start: true,
        confirmed: false,
    };
    let answer = world.client()?.runs.start_run(request).await?.into_inner();
    let run = answer.run.ok_or("no run")?;
    Ok(world.finished(&run.id).await?)
}

/// Cancels a run.
pub async fn cancel(world: &World, id: &str) -> Tested {
    let request = CancelRunRequest { id: id.to_owned() };
    world.client()?.runs.cancel_run(request).await?;
    Ok(())
}

/// Pauses as `end` says.
pub async fn pause(
    world: &World,
    end: Option<shopmaster_proto::v1::pause_request::End>,
) -> Result<Status, Box<dyn Error>> {
    let answer = world.client()?.agent.pause(PauseRequest { end }).await?;
    Ok(answer.into_inner().status.ok_or("no status")?)
}

/// Ends a pause.
pub async fn resume(world: &World) -> Tested {
    world.client()?.agent.resume(ResumeRequest {}).await?;
    Ok(())
}

/// Why a call was refused.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, WorldError>) -> Result<Failure, String> {
    match result {
        Err(WorldError::Refused { source, .. }) => Ok(source),
        other => Err(format!("not refused: {other:?}")),
    }
}
