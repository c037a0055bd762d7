//! What the desktop is asked to show.

use std::collections::HashMap;

use shopmaster_proto::v1::{ConfigureRequest, Secrets, SessionState};
use shopmaster_standins::digible::SimOptions;
use tokio::sync::mpsc;
use zbus::{connection, interface, zvariant::OwnedValue};

use super::*;
use crate::help::issue;

/// A desktop that gives titles and bodies to the test.
struct Desktop {
    shown: mpsc::UnboundedSender<(String, String)>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Desktop {
    #[allow(clippy::too_many_arguments)]
    fn notify(
        &self,
        _app_name: String,
        _replaces: u32,
        _icon: String,
        title: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        // The test may be over.
        let _ = self.shown.send((title, body));
        1
    }
}

async fn set_password(world: &World, password: &str) -> Tested {
    let request = ConfigureRequest {
        secrets: Some(Secrets {
            digible_password: Some(password.to_owned()),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    };
    world.client()?.config.configure(request).await?;
    Ok(())
}

async fn expire(world: &World) -> Tested {
    world.sync().await?;
    world
        .wait_status(|status| issue(status, "SESSION_EXPIRED").is_some())
        .await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn an_expired_session_is_notified_once_across_a_restart_and_so_is_its_end() -> Tested {
    let bus = Bus::start().await?;
    let (sender, mut shown) = mpsc::unbounded_channel();
    let _desktop = connection::Builder::address(bus.address().as_str())?
        .serve_at("/org/freedesktop/Notifications", Desktop { shown: sender })?
        .name("org.freedesktop.Notifications")?
        .build()
        .await?;
    let right = SimOptions::default().settings.password;
    let mut world = shop(&bus)
        .env("SHOPMASTER_DIGIBLE_PASSWORD", "")
        .start()
        .await?;
    set_password(&world, "wrong").await?;
    world.install_capture().await?;
    world.shop.set_price(&id(1), "77.10")?;
    expire(&world).await?;
    let (title, body) = timeout(PATIENCE, shown.recv()).await?.ok_or("no desktop")?;
    assert_eq!(title, "Digible refuses the login");
    assert!(body.contains("shopmasterctl configure"), "{body}");

    world.restart().await?;
    expire(&world).await?;
    set_password(&world, &right).await?;
    world.sync().await?;
    world
        .wait_status(|status| {
            let session = status.session.as_ref();
            session.is_some_and(|session| session.state() == SessionState::Active)
        })
        .await?;
    // The next one: the restart repeated nothing.
    let next = timeout(PATIENCE, shown.recv()).await?.ok_or("no desktop")?;
    assert_eq!(
        next,
        (
            "Back to normal".to_owned(),
            "Digible accepts the login again".to_owned()
        )
    );
    Ok(())
}
