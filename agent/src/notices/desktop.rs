//! Shows notifications on this user's desktop.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Notice;

const NAME: &str = "shopMaster";

/// Shows a notification. If that is not possible, the reason is logged once.
pub async fn show(notice: &Notice) {
    static LOGGED: AtomicBool = AtomicBool::new(false);
    if let Err(reason) = send(notice).await
        && !LOGGED.swap(true, Ordering::Relaxed)
    {
        tracing::info!(reason, "notifications cannot be shown here");
    }
}

#[cfg(target_os = "linux")]
async fn send(notice: &Notice) -> Result<(), String> {
    let bus = zbus::Connection::session().await;
    let bus = bus.map_err(|error| error.to_string())?;
    freedesktop::send(&bus, notice)
        .await
        .map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
async fn send(notice: &Notice) -> Result<(), String> {
    let mut notification = notify_rust::Notification::new();
    notification
        .appname(NAME)
        .summary(&notice.title)
        .body(&notice.body);
    // On a blocking thread, because it waits for the desktop.
    let shown = tokio::task::spawn_blocking(move || notification.show().map(drop)).await;
    match shown {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// <https://specifications.freedesktop.org/notification-spec/latest/>. It takes one call on a bus that the process
/// uses anyway; notify-rust 4.19 would bring a second D-Bus library.
#[cfg(target_os = "linux")]
mod freedesktop {
    use std::collections::HashMap;

    use zbus::{Connection, zvariant::Value};

    use super::{NAME, Notice};

    const SERVICE: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";
    /// The server decides.
    const TIMEOUT: i32 = -1;
    const NORMAL: u8 = 1;
    const CRITICAL: u8 = 2;

    pub async fn send(bus: &Connection, notice: &Notice) -> zbus::Result<()> {
        let (icon, urgency) = if notice.wrong {
            ("dialog-warning", CRITICAL)
        } else {
            ("dialog-information", NORMAL)
        };
        let hints = HashMap::from([("urgency", Value::U8(urgency))]);
        let replaces = 0_u32;
        let actions: &[&str] = &[];
        let body = escaped(&notice.body);
        let call = (
            NAME,
            replaces,
            icon,
            notice.title.as_str(),
            body.as_str(),
            actions,
            hints,
            TIMEOUT,
        );
        bus.call_method(Some(SERVICE), PATH, Some(SERVICE), "Notify", &call)
            .await
            .map(drop)
    }

    /// The body may contain markup, and text from Digible or a database must not be read as markup.
    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    }

    #[cfg(test)]
    mod tests {
        use std::{
            collections::HashMap,
            fs,
            io::{BufRead as _, BufReader},
            process::{Child, Command, Stdio},
        };

        use shopmaster_standins::needs;
        use tokio::sync::mpsc;
        use zbus::{connection::Builder, interface, zvariant::OwnedValue};

        use super::*;

        /// The test's own bus, on which no service is started automatically.
        struct Bus {
            daemon: Child,
            address: String,
            _folder: tempfile::TempDir,
        }

        impl Bus {
            fn start() -> Self {
                let folder = tempfile::tempdir().unwrap();
                let config = folder.path().join("bus.conf");
                let listen = folder.path().display();
                fs::write(
                    &config,
                    format!(
                        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
                         <busconfig><type>session</type><listen>unix:dir={listen}</listen>\
                         <policy context=\"default\"><allow send_destination=\"*\"/><allow own=\"*\"/>\
                         <allow eavesdrop=\"false\"/></policy></busconfig>"
                    ),
                )
                .unwrap();
                let mut daemon = Command::new("dbus-daemon")
                    .arg(format!("--config-file={}", config.display()))
                    .args(["--nofork", "--print-address"])
                    .stdout(Stdio::piped())
                    .spawn()
                    .expect(needs::BUS);
                let mut address = String::new();
                BufReader::new(daemon.stdout.take().unwrap())
                    .read_line(&mut address)
                    .unwrap();
                Self {
                    daemon,
                    address: address.trim().to_owned(),
                    _folder: folder,
                }
            }

            async fn connect(&self) -> Connection {
                let builder = Builder::address(self.address.as_str()).unwrap();
                builder.build().await.unwrap()
            }
        }

        impl Drop for Bus {
            fn drop(&mut self) {
                let _ = self.daemon.kill();
                let _ = self.daemon.wait();
            }
        }

        #[derive(Debug, PartialEq)]
        struct Shown {
            icon: String,
            title: String,
            body: String,
            urgency: u8,
        }

        /// A desktop that shows notifications to the test.
        struct Desktop(mpsc::UnboundedSender<Shown>);

        #[interface(name = "org.freedesktop.Notifications")]
        impl Desktop {
            #[allow(clippy::too_many_arguments)]
            fn notify(
                &self,
                app_name: String,
                replaces: u32,
                icon: String,
                title: String,
                body: String,
                actions: Vec<String>,
                hints: HashMap<String, OwnedValue>,
                timeout: i32,
            ) -> u32 {
                assert_eq!((app_name.as_str(), replaces, timeout), (NAME, 0, -1));
                assert!(actions.is_empty());
                let urgency = u8::try_from(hints["urgency"].try_clone().unwrap()).unwrap();
                let shown = Shown {
                    icon,
                    title,
                    body,
                    urgency,
                };
                self.0.send(shown).unwrap();
                1
            }
        }

        fn notice(wrong: bool) -> Notice {
            Notice {
                title: "Digible refuses products".to_owned(),
                body: "2 products <refused> & parked".to_owned(),
                wrong,
            }
        }

        #[tokio::test]
        #[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
        async fn a_desktop_shows_it() {
            let bus = Bus::start();
            let (sender, mut shown) = mpsc::unbounded_channel();
            let desktop = bus.connect().await;
            let server = desktop.object_server();
            server.at(PATH, Desktop(sender)).await.unwrap();
            desktop.request_name(SERVICE).await.unwrap();
            let client = bus.connect().await;
            send(&client, &notice(true)).await.unwrap();
            send(&client, &notice(false)).await.unwrap();
            let expected = |icon: &str, urgency| Shown {
                icon: icon.to_owned(),
                title: "Digible refuses products".to_owned(),
                body: "2 products &lt;refused&gt; &amp; parked".to_owned(),
                urgency,
            };
            assert_eq!(
                shown.recv().await.unwrap(),
                expected("dialog-warning", CRITICAL)
            );
            assert_eq!(
                shown.recv().await.unwrap(),
                expected("dialog-information", NORMAL)
            );
        }

        #[tokio::test]
        #[ignore = "needs a D-Bus daemon: install `dbus-daemon`"]
        async fn without_a_desktop_it_fails_at_once() {
            let bus = Bus::start();
            let client = bus.connect().await;
            send(&client, &notice(true)).await.unwrap_err();
        }
    }
}
