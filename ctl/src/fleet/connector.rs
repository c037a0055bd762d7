//! Connects to the shops, within limits.

use std::{num::NonZeroUsize, time::Duration};

use shopmaster_proto::Client;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    agents::Directory,
    connect::{Route, connect},
    error::Error,
    ssh::Login,
    target::AgentAddress,
};

/// Connects to the shops, within limits.
#[derive(Debug)]
pub struct Connector {
    agents: Directory,
    /// How many shops more may be asked now.
    free: Semaphore,
    timeout: Duration,
}

impl Connector {
    /// Asks `jobs` shops at once, and gives each `timeout` from the beginning of its connection to the end of what is asked
    /// of it.
    pub fn new(jobs: NonZeroUsize, timeout: Duration) -> Self {
        Self::with(Directory::default(), jobs, timeout)
    }

    fn with(agents: Directory, jobs: NonZeroUsize, timeout: Duration) -> Self {
        Self {
            agents,
            free: Semaphore::new(jobs.get().min(Semaphore::MAX_PERMITS)),
            timeout,
        }
    }

    /// Connects to an agent and asks it something. Returns the answer, and the connection for what comes after it, which is
    /// not limited.
    pub async fn ask<T>(
        &self,
        agent: &AgentAddress,
        question: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<(Client, T), Error> {
        // The credential store may ask a person to unlock it: that is not the shop's time.
        let route = Route::to(agent, &self.agents).await?;
        // It is never closed.
        let _job = self.free.acquire().await;
        let asked = async {
            let mut client = connect(&route, Login::Unattended).await?;
            let answer = question(&mut client).await?;
            Ok((client, answer))
        };
        let late = |_| Error::Late(self.timeout);
        timeout(self.timeout, asked).await.map_err(late)?
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{cell::Cell, path::Path, process::Command, time::Duration};

    use futures_util::future::join_all;
    use shopmaster_proto::ClientFolders;
    use shopmaster_secrets::{SecretError, StoreChoice};
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::agents::{AgentsError, KnownAgents, Tokens, tests::agent};

    const LIMIT: Duration = Duration::from_secs(1);

    /// Five known agents, and a store whose file is a pipe that nobody writes to: it does not answer, like one that waits for
    /// a person.
    fn locked(home: &Path) -> Directory {
        let folders = ClientFolders::below(home.to_owned());
        std::fs::create_dir_all(&folders.data).unwrap();
        let file = folders.data.join("agent-tokens.json");
        let made = Command::new("mkfifo").arg(&file).status();
        assert!(made.unwrap().success());
        let list = folders.config.join("agents.toml");
        for number in 0..5 {
            let agent = agent(&format!("s{number}"), b"k");
            KnownAgents::change_at(&list, |known| known.add(agent)).unwrap();
        }
        let tokens = Tokens::with(StoreChoice::File, folders).unwrap();
        Directory::with(KnownAgents::read(&list).unwrap(), tokens)
    }

    async fn ask_all(connector: &Connector) {
        let asked = (0..5).map(|number| async move {
            let agent = AgentAddress::Known(format!("s{number}").parse().unwrap());
            connector.ask(&agent, async |_| Ok(())).await.unwrap_err()
        });
        for error in join_all(asked).await {
            let Error::Agents(AgentsError::Token { source, .. }) = &error else {
                panic!("{error}");
            };
            assert!(matches!(**source, SecretError::Timeout), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_locked_store_is_asked_once_and_is_no_silence_of_a_shop() {
        let home = tempfile::tempdir().unwrap();
        let connector = Connector::with(locked(home.path()), NonZeroUsize::MAX, LIMIT);
        let start = Instant::now();
        ask_all(&connector).await;
        let once = start.elapsed();
        assert!(once > LIMIT, "{once:?}");
        ask_all(&connector).await;
        assert_eq!(start.elapsed(), once);
        // A person may have unlocked it since.
        advance(Duration::from_secs(60)).await;
        let again = Instant::now();
        ask_all(&connector).await;
        assert_eq!(again.elapsed(), once);
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_asked_at_once_and_what_follows_is_not_limited() {
        use shopmaster_standins::agent::{AgentSim, Answer};

        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let _agent = AgentSim::at_socket(&socket, |_| Answer::Messages(vec![Vec::new()])).unwrap();
        let agent: AgentAddress = format!("unix:{}", socket.display()).parse().unwrap();
        let connector = Connector::new(NonZeroUsize::new(10).unwrap(), LIMIT);
        let (now, most) = (Cell::new(0), Cell::new(0));
        let asked = (0..100).map(|_| {
            connector.ask(&agent, async |_| {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::task::yield_now().await;
                now.set(now.get() - 1);
                Ok(())
            })
        });
        // All connections stay open.
        let clients = join_all(asked).await;
        assert!(clients.iter().all(Result::is_ok));
        assert!(most.get() <= 10, "{}", most.get());
    }
}
