//! Shows the state of this user's agent, and what is wrong:
//!
//! ```sh
//! cargo run --example status [INSTANCE]
//! ```

#![allow(clippy::print_stdout)]

use std::{env, error::Error};

use shopmaster_proto::{Client, Endpoint, Failure, Folders, InstanceName, v1::GetStatusRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let instance: InstanceName = match env::args().nth(1) {
        Some(name) => name.parse()?,
        None => InstanceName::default(),
    };
    let endpoint = Endpoint::local(&instance, &Folders::of(&instance)?)?;
    let mut client = Client::connect(&endpoint).await?;
    let answer = client.agent.get_status(GetStatusRequest {}).await;
    // A refused call has a code and a remedy.
    let status = answer.map_err(Failure::from)?.into_inner().status;
    let status = status.ok_or("the answer has no state")?;

    println!("{}: {}", status.state().as_str_name(), status.headline);
    for issue in status.issues {
        println!("{}: {}\n    {}", issue.code, issue.text, issue.remedy);
    }
    Ok(())
}
