//! `test`: checks the database, the journal and Digible.

use shopmaster_proto::v1::{Check, TestConnectionRequest, Verdict};

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{human, json::ChecksJson},
};

/// Makes the checks, and fails if one of them failed.
pub async fn run(ctl: &Ctl) -> Result<Exit, Error> {
    let checks = checks(ctl).await?;
    let exit = exit(&checks);
    if ctl.output.json {
        ctl.output.show(&ChecksJson::from(checks), String::new)?;
    }
    Ok(exit)
}

/// Makes the checks. Text for people is printed as each check ends.
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

/// The exit code of a command that made these checks.
pub fn exit(checks: &[Check]) -> Exit {
    let failed = checks
        .iter()
        .any(|check| check.verdict() == Verdict::Failed);
    if failed { Exit::Failed } else { Exit::Done }
}
