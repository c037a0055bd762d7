//! The icon as a panel sees it, over a session bus of the test's own: looked at, and clicked.

use std::{error::Error, fs, path::Path, process::Stdio, time::Duration};

use shopmaster_harness::world::{World, WorldBuilder};
use shopmaster_proto::v1::{GetInfoRequest, ListRunsRequest, Run, RunKind, RunOutcome, State};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::help::{Tested, id, pause, price, status, uploaded};
use bus::Bus;
use panel::Panel;

mod bus;
mod files;
mod notices;
mod panel;

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn shop(bus: &Bus) -> WorldBuilder {
    World::builder().products(5).icon(&bus.address())
}

/// The run that started last.
async fn last_run(world: &World) -> Result<Run, Box<dyn Error>> {
    let request = ListRunsRequest { limit: 1 };
    let answer = world.client()?.runs.list_runs(request).await?;
    let runs = answer.into_inner().runs;
    Ok(runs.into_iter().next().ok_or("no run")?)
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn icon_and_menu_are_seen() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus)).await?;
    world.sync().await?;
    let icon = panel.icon().await?;
    let look = icon
        .until(|look| {
            look.tooltip
                .starts_with("shopMaster: All 5 products up to date")
                && look.items[1].label.starts_with("Last sync: ")
        })
        .await?;
    let sizes = [16, 20, 22, 24, 32, 48, 64].map(|size| (size, size));
    assert_eq!(look.sizes, sizes);
    let headline = look.tooltip.trim_start_matches("shopMaster: ");
    let last_sync = &look.items[1].label;
    assert!(
        last_sync.starts_with("Last sync: today ")
            && last_sync.contains(", nothing to send; all compared today "),
        "{last_sync}"
    );
    assert_eq!(
        look.menu(),
        format!(
            "  {headline}
  {last_sync}

> Sync now
> Pause for 30 minutes
> Pause until tomorrow
> Pause until I resume
> Upload all products…

> Open log
> Start at login
> About shopMaster
> Quit (syncing stops)"
        )
    );
    assert!(!panel.has_more_icons());
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn sync_now_syncs() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus)).await?;
    let icon = panel.icon().await?;
    world.shop.set_price(&id(1), "77.10")?;
    icon.click("Sync now").await?;
    world
        .wait_digible(|digible| price(digible, &id(1)).as_deref() == Some("77.10"))
        .await?;
    let look = icon
        .until(|look| {
            look.items
                .iter()
                .any(|item| item.label.contains("1 product sent; all compared "))
        })
        .await?;
    assert!(look.items[1].label.starts_with("Last sync: today "));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn pause_and_resume() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus)).await?;
    let icon = panel.icon().await?;
    let equal = icon
        .until(|look| {
            look.tooltip
                .starts_with("shopMaster: All 5 products up to date")
        })
        .await?;

    icon.click("Pause for 30 minutes").await?;
    let now = world.wait_status(|status| status.paused).await?;
    let info = world.client()?.agent.get_info(GetInfoRequest {}).await?;
    let started = info.into_inner().started_at.ok_or("no start")?.seconds;
    let until = now.paused_until.ok_or("no end")?.seconds;
    assert!((1_800..1_800 + 120).contains(&(until - started)), "{until}");
    let paused = icon
        .until(|look| look.tooltip.starts_with("shopMaster: Paused until to"))
        .await?;
    assert_ne!(paused.pictures, equal.pictures);
    let menu = paused.menu();
    assert!(
        menu.contains("\n  Sync now\n> Resume\n  Upload all products…\n"),
        "{menu}"
    );

    icon.click("Resume").await?;
    world.wait_status(|status| !status.paused).await?;
    let resumed = icon.until_tooltip(&equal.tooltip).await?;
    assert_eq!(resumed.pictures, equal.pictures);

    icon.click("Pause until tomorrow").await?;
    let now = world.wait_status(|status| status.paused).await?;
    let midnight = jiff::Zoned::now().tomorrow()?.start_of_day()?.timestamp();
    assert_eq!(
        now.paused_until.ok_or("no end")?.seconds,
        midnight.as_second()
    );
    icon.until_tooltip("shopMaster: Paused until tomorrow 00:00")
        .await?;
    icon.click("Resume").await?;
    icon.click("Pause until I resume").await?;
    let now = world
        .wait_status(|status| status.paused && status.paused_until.is_none())
        .await?;
    assert_eq!(now.state(), State::Paused);
    icon.until_tooltip("shopMaster: Paused").await?;
    // What others do is seen, too.
    crate::help::resume(&world).await?;
    icon.until_tooltip(&equal.tooltip).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn an_upload_asks_shows_its_progress_and_can_be_cancelled() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(
        shop(&bus)
            .products(250)
            .set("digible.batch_size", 100)
            .set("digible.max_in_flight", 1)
            .set("digible.timeout", "30s"),
    )
    .await?;
    let icon = panel.icon().await?;
    icon.click("Upload all products…").await?;
    let asked = icon
        .until_tooltip("shopMaster: Upload all 250 products? Answer in the menu")
        .await?;
    let menu = asked.menu();
    assert!(
        menu.contains("\n> Yes, upload all 250 products\n> No, do not upload\n"),
        "{menu}"
    );
    icon.click("No, do not upload").await?;
    icon.until(|look| look.menu().contains("> Upload all products…"))
        .await?;
    assert_eq!(world.digible.counts().batches, 0);

    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once();
    world.digible.inject(hang);
    icon.click("Upload all products…").await?;
    icon.click("Yes, upload all 250 products").await?;
    let sending = icon.until_tooltip("shopMaster: Uploading 0 of 250").await?;
    assert_ne!(sending.pictures, asked.pictures);
    icon.click("Cancel the upload").await?;
    world
        .wait_digible(|digible| digible.counts().batches == 1)
        .await?;
    world.digible.release();
    let upload = last_run(&world).await?;
    assert_eq!(upload.kind(), RunKind::Upload);
    let ended = world.finished(&upload.id).await?;
    assert_eq!(ended.outcome(), RunOutcome::Cancelled, "{ended:?}");
    icon.until(|look| look.menu().contains("> Upload all products…"))
        .await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn a_click_that_does_not_work_says_why() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = shop(&bus).start().await?;
    let icon = panel.icon().await?;
    // In the way of the text.
    fs::create_dir(world.folders().data.join("about.txt"))?;
    icon.click("About shopMaster").await?;
    icon.until(|look| look.menu().contains("\n  About: "))
        .await?;
    // The next click clears it.
    icon.click("Pause until I resume").await?;
    icon.until(|look| !look.menu().contains("\n  About: "))
        .await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn icon_and_line_follow_the_state() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus)).await?;
    let icon = panel.icon().await?;
    let equal = icon
        .until(|look| {
            look.tooltip
                .starts_with("shopMaster: All 5 products up to date")
        })
        .await?;
    let poison = id(3);
    world.digible.inject(Fault::poison(422, [poison.as_str()]));
    world.shop.set_price(&poison, "3.33")?;
    world.shop.set_price(&id(4), "4.44")?;
    world.sync().await?;
    let refused = icon.until_tooltip("shopMaster: 1 product refused").await?;
    world.digible.clear_faults();
    world.digible.inject(Fault::refuse(401));
    world.shop.set_price(&id(1), "1.11")?;
    world.sync().await?;
    let broken = icon
        .until_tooltip("shopMaster: The Digible session has ended")
        .await?;
    let pictures = [&equal.pictures, &refused.pictures, &broken.pictures];
    for (index, one) in pictures.iter().enumerate() {
        assert!(!pictures[index + 1..].contains(one));
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn quit_ends_the_agent() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let mut world = uploaded(shop(&bus)).await?;
    world.shop.set_price(&id(1), "77.10")?;
    let icon = panel.icon().await?;
    icon.click("Quit (syncing stops)").await?;
    assert!(world.wait_end().await?.success());
    // The last change stays safe.
    world.launch().await?;
    world.sync().await?;
    assert_eq!(world.assert_equal().await?.equal, 5);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn the_icon_comes_with_each_panel() -> Tested {
    let bus = Bus::start().await?;
    // None yet.
    let world = uploaded(shop(&bus)).await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let icon = panel.icon().await?;
    icon.until(|look| {
        look.tooltip
            .starts_with("shopMaster: All 5 products up to date")
    })
    .await?;
    panel.stop().await?;
    pause(&world, None).await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let icon = panel.icon().await?;
    icon.until_tooltip("shopMaster: Paused").await?;
    icon.click("Resume").await?;
    world.wait_status(|status| !status.paused).await?;
    assert!(!panel.has_more_icons());
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn the_icon_comes_back_with_the_bus() -> Tested {
    let mut bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus)).await?;
    panel.icon().await?;
    bus.kill().await?;
    assert_eq!(status(&world).await?.state(), State::UpToDate);
    bus.restart().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let icon = panel.icon().await?;
    icon.click("Pause until I resume").await?;
    world.wait_status(|status| status.paused).await?;
    icon.until_tooltip("shopMaster: Paused").await?;
    Ok(())
}

#[tokio::test]
async fn without_a_bus_the_agent_goes_on_and_says_so_once() -> Tested {
    let mut world = uploaded(World::builder().products(5).icon("unix:path=/nowhere/bus")).await?;
    world.shop.set_price(&id(1), "77.10")?;
    world.sync().await?;
    assert_eq!(world.assert_equal().await?.equal, 5);
    world.stop().await?;
    let log = fs::read_to_string(world.folders().log.join("agent.log"))?;
    assert_eq!(log.matches("there is no session bus").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn beside_a_service_it_comes_and_goes_alone() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let mut world = uploaded(World::builder().products(5)).await?;
    let mut tray = icon_alone(&world, &bus)?;
    let icon = panel.icon().await?;
    let equal = icon
        .until(|look| {
            look.tooltip
                .starts_with("shopMaster: All 5 products up to date")
        })
        .await?;
    world.kill9();
    let gone = icon
        .until_tooltip("shopMaster: The agent is not running")
        .await?;
    assert_ne!(gone.pictures, equal.pictures);
    assert!(gone.menu().contains("\n  Sync now\n"), "{}", gone.menu());
    world.launch().await?;
    // Who opens the menu does not want to wait.
    icon.open().await?;
    icon.until(|look| look.menu().contains("\n> Sync now\n"))
        .await?;
    icon.click("Quit (closes only this icon; syncing continues)")
        .await?;
    assert!(timeout(PATIENCE, tray.wait()).await??.success());
    status(&world).await?;
    Ok(())
}

/// `shopmaster-agent tray` beside an agent that shows none.
fn icon_alone(world: &World, bus: &Bus) -> std::io::Result<Child> {
    Command::from(world.agent_command())
        .arg("tray")
        .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
        .env("XDG_CONFIG_HOME", world.home())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn an_icon_with_nothing_to_show_sleeps() -> Tested {
    /// Somebody who polls wakes up more often than that.
    const MOST: u64 = 2;
    const LOOK: Duration = Duration::from_secs(2);
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(World::builder().products(5)).await?;
    let tray = icon_alone(&world, &bus)?;
    let icon = panel.icon().await?;
    icon.until(|look| {
        look.tooltip
            .starts_with("shopMaster: All 5 products up to date")
    })
    .await?;
    let process = tray.id().ok_or("no process")?;
    // The start dies away, and twice a minute the connection is tried.
    for _ in 0..30 {
        let before = wake_ups(process)?;
        tokio::time::sleep(LOOK).await;
        if wake_ups(process)? - before <= MOST {
            return Ok(());
        }
    }
    panic!("it never sleeps");
}

/// How often the threads of a process went to sleep by themselves, and so were woken.
fn wake_ups(process: u32) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the two.
        let status = text(&thread?.path().join("status"));
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.map_or(Ok(0), |count| count.trim().parse::<u64>())?;
    }
    Ok(sum)
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn a_second_agent_shows_no_icon() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = shop(&bus).start().await?;
    panel.icon().await?;
    let second = Command::from(world.agent_command())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    assert!(!timeout(PATIENCE, second).await??.status.success());
    assert!(!panel.has_more_icons());
    Ok(())
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
