//! What the menu opens in the user's own programs, and what it writes for the next login.

use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use super::*;

/// A folder with an `xdg-open` that notes what it is asked to open.
struct Opener {
    folder: tempfile::TempDir,
}

impl Opener {
    fn new() -> Result<Self, std::io::Error> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("xdg-open");
        // Renamed, so that nobody reads half of it.
        let script = format!(
            "#!/bin/sh\nprintf '%s' \"$1\" > '{0}/part' && mv '{0}/part' '{0}/opened'\n",
            folder.path().display()
        );
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder })
    }

    /// `PATH` with it in front.
    fn path(&self) -> String {
        let others = std::env::var("PATH").unwrap_or_default();
        format!("{}:{others}", self.folder.path().display())
    }

    /// What was opened; waits until something is.
    async fn opened(&self) -> Result<PathBuf, tokio::time::error::Elapsed> {
        let note = self.folder.path().join("opened");
        let look = async {
            while !note.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, look).await?;
        let opened = text(&note);
        let _absent = fs::remove_file(note);
        Ok(opened.into())
    }
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn refused_products_log_and_about_open() -> Tested {
    let bus = Bus::start().await?;
    let opener = Opener::new()?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = uploaded(shop(&bus).env("PATH", &opener.path())).await?;
    let poison = id(3);
    world.digible.inject(Fault::poison(422, [poison.as_str()]));
    world.shop.set_price(&poison, "3.33")?;
    world.shop.set_price(&id(4), "4.44")?;
    world.sync().await?;
    let icon = panel.icon().await?;

    icon.click("1 refused product…").await?;
    let list = opener.opened().await?;
    assert_eq!(list, world.folders().data.join("refused products.txt"));
    let list = text(&list);
    assert!(list.contains("1 product set aside"), "{list}");
    assert!(list.contains(&format!("\n{poison}\n    ")), "{list}");

    icon.click("Open log").await?;
    assert_eq!(
        opener.opened().await?,
        world.folders().log.join("agent.log")
    );

    icon.click("About shopMaster").await?;
    let about = text(&opener.opened().await?);
    let config = world.config_file();
    for part in [
        env!("CARGO_PKG_VERSION"),
        "default",
        &config.to_string_lossy(),
    ] {
        assert!(about.contains(part), "{about}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn start_at_login_shows_what_is_there() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = shop(&bus).start().await?;
    let icon = panel.icon().await?;
    let folder = world.home().join(".config/autostart");
    icon.click("Start at login").await?;
    icon.until(|look| look.menu().contains("\nx Start at login\n"))
        .await?;
    let items: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    assert_eq!(items.len(), 1);
    let item = text(&items[0].path());
    assert!(item.contains("shopmaster-agent"), "{item}");
    // Somebody else removes it: seen when the menu is opened.
    fs::remove_file(items[0].path())?;
    icon.open().await?;
    icon.until(|look| look.menu().contains("\n> Start at login\n"))
        .await?;
    icon.click("Start at login").await?;
    icon.until(|look| look.menu().contains("\nx Start at login\n"))
        .await?;
    icon.click("Start at login").await?;
    icon.until(|look| look.menu().contains("\n> Start at login\n"))
        .await?;
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
async fn beside_a_service_of_the_user_no_login_item_is_written() -> Tested {
    let bus = Bus::start().await?;
    let mut panel = Panel::start(&bus.address()).await?;
    let world = shop(&bus).start().await?;
    let icon = panel.icon().await?;
    let units = world.home().join(".config/systemd/user");
    let wants = units.join("default.target.wants");
    fs::create_dir_all(&wants)?;
    let unit = units.join("shopmaster-default.service");
    fs::write(&unit, "[Service]\n")?;
    symlink(&unit, wants.join("shopmaster-default.service"))?;
    icon.click("Start at login").await?;
    icon.until(|look| look.menu().contains("\n  Start at login: "))
        .await?;
    assert!(!world.home().join(".config/autostart").exists());
    Ok(())
}
