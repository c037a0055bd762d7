//! `resume`: end a pause.

use shopmaster_proto::v1::ResumeRequest;

use super::{Ctl, answer, status};
use crate::{error::Error, exit::Exit};

/// Ends a pause, and shows the status. Not an error if there is no pause.
pub async fn run(ctl: &Ctl) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let response = answer(client.agent.resume(ResumeRequest {})).await?;
    let status = response.into_inner().status;
    status::show(ctl, status.ok_or(Error::Incomplete("status"))?)?;
    Ok(Exit::Done)
}
