//! `proxy`: joins the standard streams to the agent on this computer, byte for byte. `--agent ssh://…` runs it at the other
//! end.

use std::{
    io::{self, Read as _},
    thread,
};

use shopmaster_proto::open_local;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
};

use super::Ctl;
use crate::{error::Error, exit::Exit, target::AgentAddress};

/// Bytes that are passed on at once.
const CHUNK: usize = 16 * 1_024;
/// Chunks that wait at most.
const WAITING: usize = 4;

/// Passes everything on until either side ends.
pub async fn run(ctl: &Ctl) -> Result<Exit, Error> {
    let AgentAddress::Local(endpoint) = ctl.target.address()? else {
        return Err(Error::Usage {
            message: "`proxy` leads to an agent on this computer".to_owned(),
            remedy: "name the agent with `--instance`".to_owned(),
        });
    };
    let agent = open_local(&endpoint).await.map_err(Error::NoAgent)?;
    let input = standard_input().map_err(Error::Input)?;
    join(agent, input, tokio::io::stdout())
        .await
        .map_err(Error::Output)?;
    Ok(Exit::Done)
}

/// Passes `input` to the agent and the agent's bytes to `output`, until one of both ends or breaks.
async fn join(
    agent: impl AsyncRead + AsyncWrite,
    mut input: mpsc::Receiver<Vec<u8>>,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (mut from_agent, mut to_agent) = tokio::io::split(agent);
    let there = async {
        while let Some(bytes) = input.recv().await {
            if to_agent.write_all(&bytes).await.is_err() {
                // The agent has ended; what it said last is still passed on.
                return std::future::pending().await;
            }
        }
        Ok(())
    };
    let back = async {
        let mut buffer = vec![0; CHUNK];
        loop {
            let Ok(read @ 1..) = from_agent.read(&mut buffer).await else {
                return output.shutdown().await;
            };
            output
                .write_all(buffer.get(..read).unwrap_or_default())
                .await?;
            output.flush().await?;
        }
    };
    tokio::select! {
        end = there => end,
        end = back => end,
    }
}

/// Standard input, read on a thread of its own: one of the runtime's would keep the process from ending while nothing
/// arrives.
fn standard_input() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (chunks, input) = mpsc::channel(WAITING);
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            let mut stdin = io::stdin().lock();
            let mut buffer = vec![0; CHUNK];
            loop {
                let read = match stdin.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Ok(read @ 1..) => read,
                    Ok(0) | Err(_) => return,
                };
                let bytes = buffer.get(..read).unwrap_or_default().to_vec();
                if chunks.blocking_send(bytes).is_err() {
                    return;
                }
            }
        })?;
    Ok(input)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn every_byte_passes_in_both_directions() {
        let (agent, mut far) = duplex(7);
        let (chunks, input) = mpsc::channel(1);
        let (mut shown, output) = duplex(5);
        let joined = tokio::spawn(join(agent, input, output));
        let sent: Vec<u8> = (0..=255).cycle().take(3_000).collect();
        let (there, back) = (sent.clone(), sent.clone());
        tokio::spawn(async move {
            for chunk in there.chunks(100) {
                chunks.send(chunk.to_vec()).await.unwrap();
            }
            // Both sides stay open until everything has passed.
            std::future::pending::<()>().await;
        });
        let arrived = tokio::spawn(async move {
            let mut arrived = vec![0; 3_000];
            far.read_exact(&mut arrived).await.unwrap();
            far.write_all(&back).await.unwrap();
            arrived
        });
        let mut answered = Vec::new();
        shown.read_to_end(&mut answered).await.unwrap();
        assert!(answered == sent);
        assert!(arrived.await.unwrap() == sent);
        joined.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_end_of_the_input_is_the_end() {
        let (agent, mut far) = duplex(64);
        let (chunks, input) = mpsc::channel(1);
        let joined = tokio::spawn(join(agent, input, Vec::new()));
        drop(chunks);
        joined.await.unwrap().unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_the_agent_is_the_end() {
        let (agent, far) = duplex(64);
        let (_chunks, input) = mpsc::channel(1);
        drop(far);
        join(agent, input, Vec::new()).await.unwrap();
    }
}
