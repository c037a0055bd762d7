//! What tests need of an agent that listens on the network.

use std::fmt::Display;

use shopmaster_proto::{
    NetworkAgent,
    remote::{Pin, Secret},
    v1::{CreateTokenRequest, GetListenerRequest, GetListenerResponse, Role},
};
use tokio::time::sleep;

use super::{CONNECT_RETRY_INTERVAL, World, WorldError, calls::refused, within};

impl World {
    /// The token of a new client.
    ///
    /// # Errors
    ///
    /// When the agent refuses.
    pub async fn token(&self, role: Role, name: &str) -> Result<Secret, WorldError> {
        let request = CreateTokenRequest {
            name: name.to_owned(),
            role: role.into(),
            ..CreateTokenRequest::default()
        };
        let mut client = self.client()?;
        let created = client.remote.create_token(request).await;
        let token = created.map_err(refused("CreateToken"))?.into_inner().token;
        token
            .parse()
            .map_err(|_| WorldError::Incomplete("CreateToken"))
    }

    /// The listener.
    ///
    /// # Errors
    ///
    /// When the agent refuses.
    pub async fn listener(&self) -> Result<GetListenerResponse, WorldError> {
        let mut client = self.client()?;
        let listener = client.remote.get_listener(GetListenerRequest {}).await;
        let listener = listener.map_err(refused("GetListener"))?;
        Ok(listener.into_inner())
    }

    /// Waits until `condition` is true for the listener. There is no stream of it to wait for.
    ///
    /// # Errors
    ///
    /// When it does not become true in time.
    pub async fn wait_listener(
        &self,
        what: impl Display,
        condition: impl Fn(&GetListenerResponse) -> bool,
    ) -> Result<GetListenerResponse, WorldError> {
        within(&what.to_string(), async {
            loop {
                let listener = self.listener().await?;
                if condition(&listener) {
                    return Ok(listener);
                }
                sleep(CONNECT_RETRY_INTERVAL).await;
            }
        })
        .await?
    }

    /// The agent as its clients find it, once it listens.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub async fn network_agent(&self) -> Result<NetworkAgent, WorldError> {
        let listens = |listener: &GetListenerResponse| !listener.listening.is_empty();
        let listener = self.wait_listener("the listener", listens).await?;
        let incomplete = || WorldError::Incomplete("GetListener");
        let address = listener.listening.parse().map_err(|_| incomplete())?;
        Ok(NetworkAgent {
            addresses: vec![address],
            pin: Pin::from_bytes(&listener.key_sha256).ok_or_else(incomplete)?,
        })
    }
}
