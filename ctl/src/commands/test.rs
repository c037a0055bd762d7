//! `test`: try the database and Digible.

use shopmaster_proto::v1::{Check, TestConnectionRequest, Verdict};

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{human, json::ChecksJson},
};

/// Tries the connections.
pub async fn run(ctl: &Ctl) -> Result<Exit, Error> {
    let checks = checks(ctl).await?;
    let exit = exit(&checks);
    if ctl.output.json {
        ctl.output.show(&ChecksJson::from(checks), String::new)?;
    }
    Ok(exit)
}

/// Tries the connections. People are told of each check as it ends.
pub async fn checks(ctl: &Ctl) -> Result<Vec<Check>, Error> {
    let mut client = ctl.connect().await?;
    let request = TestConnectionRequest {};
    let mut stream = answer(client.config.test_connection(request))
        .await?
        .into_inner();
    let mut checks = Vec::new();
    while let Some(message) = answer(stream.message()).await? {
        let check = message.check.ok_or(Error::Incomplete("check"))?;
        if !ctl.output.json {
            ctl.output.text(&human::check::one(&check))?;
        }
        checks.push(check);
    }
    Ok(checks)
}

/// How a command ends that made them.
pub fn exit(checks: &[Check]) -> Exit {
    let failed = checks
        .iter()
        .any(|check| check.verdict() == Verdict::Failed);
    if failed { Exit::Failed } else { Exit::Done }
}
