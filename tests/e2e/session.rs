//! The login: when it is made, and when it is not.

use std::time::Duration;

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{ConfigureRequest, RunOutcome, Secrets, SessionState, State};
use shopmaster_standins::digible::{Endpoint, PASSWORD, SimOptions, TokenSeen};

use crate::help::{Tested, captured, id, issue, ready, status, uploaded};

/// Empty, it makes the agent take no password from the environment.
const VARIABLE: &str = "SHOPMASTER_DIGIBLE_PASSWORD";

#[tokio::test]
async fn many_refused_tokens_make_one_login() -> Tested {
    let world = uploaded(World::builder().products(20)).await?;
    world.digible.revoke_tokens();
    for number in 1..=20 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent),
        (RunOutcome::Completed, 20),
        "{run:?}"
    );
    assert_eq!(world.digible.counts().logins, 1);
    assert_eq!(world.assert_equal().await?.equal, 20);
    Ok(())
}

#[tokio::test]
async fn a_session_is_renewed_before_its_end() -> Tested {
    let mut world = uploaded(World::builder().products(3)).await?;
    world.stop().await?;
    // 50 seconds are left of the hour, by Digible's clock.
    world
        .digible
        .configure(|settings| settings.clock_offset = 3_550);
    world.launch().await?;
    ready(&world).await?;
    for price in ["77.10", "78.10"] {
        world.shop.set_price(&id(1), price)?;
        assert_eq!(world.sync().await?.sent, 1);
    }
    assert_eq!(
        world.digible.counts().logins,
        1,
        "the first answer tells the time"
    );
    let updates = world.digible.requests_to(Endpoint::Update);
    assert!(
        updates.iter().all(|it| it.token == TokenSeen::Valid),
        "{updates:?}"
    );
    let session = status(&world).await?.session.ok_or("no session")?;
    assert_eq!(session.state(), SessionState::Active);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn an_expired_session_is_renewed() -> Tested {
    let world = uploaded(World::builder().products(10)).await?;
    world
        .digible
        .configure(|settings| settings.clock_offset = 4_000);
    for number in 1..=10 {
        world.shop.set_price(&id(number), "77.10")?;
    }
    let run = world.sync().await?;
    assert_eq!(
        (run.outcome(), run.sent, run.failed),
        (RunOutcome::Completed, 10, 0),
        "{run:?}"
    );
    assert_eq!(world.digible.counts().logins, 1);
    assert_eq!(world.assert_equal().await?.equal, 10);
    Ok(())
}

/// A dead token is told with 401, unless it is not.
#[tokio::test]
async fn a_dead_token_is_renewed_whatever_number_tells_of_it() -> Tested {
    let world = uploaded(World::builder().products(5)).await?;
    for (round, status) in [400, 403, 419, 422, 498, 200, 500].into_iter().enumerate() {
        world
            .digible
            .configure(|settings| settings.token_refusal = status);
        world.digible.revoke_tokens();
        world.digible.clear_requests();
        world.shop.set_price(&id(1), &format!("{round}.50"))?;
        world.shop.insert(&format!("new{round}"), "New", "1.00")?;
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.sent, run.parked),
            (RunOutcome::Completed, 2, 0),
            "{status}: {run:?}"
        );
        assert_eq!(world.digible.counts().logins, 1, "{status}");
    }
    assert_eq!(world.assert_equal().await?.equal, 12);
    Ok(())
}

/// Sets the password of the Digible account.
async fn set_password(world: &World, password: &str) -> Tested {
    let request = ConfigureRequest {
        secrets: Some(Secrets {
            digible_password: Some(password.to_owned()),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    };
    world.client()?.config.configure(request).await?;
    ready(world).await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_told() -> Tested {
    let builder = World::builder()
        .products(3)
        .automatic()
        .set("sync.probe", "100ms")
        .set("sync.interval", "1s")
        .env(VARIABLE, "");
    let world = builder.start().await?;
    set_password(&world, "wrong").await?;
    // Nothing was changed in the shop, nor could it be noticed yet.
    let expired = world
        .wait_status(|status| issue(status, "SESSION_EXPIRED").is_some())
        .await?;
    world.install_capture().await?;
    world.shop.set_price(&id(1), "77.10")?;
    let told = issue(&expired, "SESSION_EXPIRED").ok_or("no issue")?;
    assert!(
        told.remedy.contains("shopmasterctl configure"),
        "{}",
        told.remedy
    );
    assert!(!told.text.contains("wrong"), "{}", told.text);
    assert_eq!(expired.state(), State::Broken);
    assert!(
        expired.headline == "Digible does not accept the password",
        "{}",
        expired.headline
    );
    assert!(
        told.text.ends_with("Invalid email or password"),
        "{}",
        told.text
    );
    let session = expired.session.ok_or("no session")?;
    assert_eq!(session.state(), SessionState::Expired);
    assert_eq!(world.ctl(&["status", "--check"]).await?.code, 4);
    // Asking again asks Digible nothing.
    for _ in 0..3 {
        let run = world.sync().await?;
        assert_eq!(
            (run.outcome(), run.parked),
            (RunOutcome::Failed, 0),
            "{run:?}"
        );
    }
    let counts = world.digible.counts();
    assert_eq!((counts.logins, counts.requests), (1, 1));

    set_password(&world, PASSWORD).await?;
    let run = world.upload().await?;
    assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
    let well = world
        .wait_status(|status| status.state() == State::UpToDate)
        .await?;
    assert!(well.issues.is_empty(), "{:?}", well.issues);
    assert_eq!(world.assert_equal().await?.equal, 3);
    Ok(())
}

#[tokio::test]
async fn a_wrong_clock_makes_no_logins() -> Tested {
    for hours in [-6, 6] {
        let mut options = SimOptions::default();
        options.settings.clock_offset = hours * 3_600;
        options.settings.latency = Duration::from_millis(1);
        let world = captured(World::builder().products(5).digible(options)).await?;
        world.upload().await?;
        for round in 1..=5 {
            world.shop.set_price(&id(1), &format!("{round}.00"))?;
            assert_eq!(world.sync().await?.sent, 1);
        }
        assert_eq!(world.digible.counts().logins, 1, "{hours} h");
        // Told by this computer's clock.
        let session = status(&world).await?.session.ok_or("no session")?;
        let end = session.expires_at.ok_or("no end")?.seconds;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs()
            .cast_signed();
        assert!(
            (3_000..=3_700).contains(&(end - now)),
            "{hours} h: {}",
            end - now
        );
        assert_eq!(world.assert_equal().await?.equal, 5);
    }
    Ok(())
}
