//! Shows the state of an agent, and what is wrong: `cargo run --example status [unix:PATH]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, error::Error, process::ExitCode};

use shopmaster_proto::{Client, Endpoint, Failure, Folders, InstanceName, v1::GetStatusRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match show().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn show() -> Result<(), Box<dyn Error>> {
    let instance = InstanceName::default();
    let endpoint = match env::args().nth(1) {
        Some(address) => address.parse()?,
        None => Endpoint::local(&instance, &Folders::of(&instance)?)?,
    };
    let mut client = Client::connect(&endpoint).await?;
    // A refused call has a code, a message and a remedy.
    let answer = client.agent.get_status(GetStatusRequest {}).await;
    let status = answer.map_err(Failure::from)?.into_inner().status;
    let status = status.ok_or("the answer has no state")?;

    println!("{}: {}", status.state().as_str_name(), status.headline);
    for issue in status.issues {
        println!("{}: {}\n    {}", issue.code, issue.text, issue.remedy);
    }
    Ok(())
}
