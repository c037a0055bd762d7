//! Who serves the shop, over a stand-in for the wire.

use shopmaster_catalog::{Catalog, CatalogError};

use super::stand_in::Server;

/// The server has not noticed yet that the first connection is of no use to anybody.
#[tokio::test]
async fn our_own_earlier_connection_is_not_another_agent() {
    let server = Server::start().await;
    let broken = server.agent("till");
    broken.claim().await.unwrap();
    let agent = server.agent("till");
    for _ in 0..3 {
        let error = agent.claim().await.unwrap_err();
        assert!(matches!(error, CatalogError::OwnConnection(_)), "{error}");
        assert!(error.is_passing() && error.may_be_hiccup());
        assert_ne!(error.code(), "CATALOG_CLAIMED");
    }
    // Now it has.
    drop(broken);
    while let Err(error) = agent.claim().await {
        assert!(matches!(error, CatalogError::OwnConnection(_)), "{error}");
    }
    agent.claim().await.unwrap();
}

#[tokio::test]
async fn another_agent_is_named_at_once_and_every_time() {
    let server = Server::start().await;
    let first = server.agent("till");
    let second = server.agent("office");
    first.claim().await.unwrap();
    for _ in 0..3 {
        let error = second.claim().await.unwrap_err();
        assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
        assert!(!error.is_passing());
    }
    // Not even its own earlier tries stand in its way.
    drop(first);
    while let Err(error) = second.claim().await {
        assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
    }
}
