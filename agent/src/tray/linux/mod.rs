//! The icon on Linux: a StatusNotifierItem on the session bus, without GTK and without a display.
//!
//! Straight over ksni, and not over tray-icon, which wraps it: the wrapper has no word for a bus that dies,
//! runs threads of its own, and gives items new identities with each menu.

use std::time::Duration;

use futures_util::StreamExt as _;
use ksni::{Handle, TrayMethods as _};
use tokio::{
    runtime::Runtime,
    sync::{mpsc::UnboundedSender, oneshot, watch},
    time::sleep,
};
use zbus::{
    Connection, MessageStream,
    fdo::{DBusProxy, NameOwnerChangedStream},
    names::BusName,
};

use super::{
    Parts,
    backoff::Backoff,
    desk::{Event, Setup},
    menu::Menu,
};
use item::TrayItem;

mod item;

/// Who shows icons: the panel, or what speaks for it.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
/// From one drawing to the next: an upload changes the headline hundreds of times a second.
const BREATH: Duration = Duration::from_millis(200);

/// What was said already, so that it is said once.
#[derive(Debug, Default)]
struct Said {
    no_bus: bool,
    no_panel: bool,
}

/// Runs `work` to its end, and an icon beside it; `work` is told when somebody has quitted the icon.
pub(super) fn host<T>(
    runtime: &Runtime,
    setup: oneshot::Receiver<Setup>,
    work: impl FnOnce(oneshot::Receiver<()>) -> T,
) -> T {
    let (quit, quitted) = oneshot::channel();
    let icon = runtime.spawn(async move {
        let Ok(setup) = setup.await else { return };
        let parts = Parts::new(setup);
        let backend = show(parts.shown.clone(), parts.events.clone());
        parts.run(backend).await;
        // Nobody may be waiting for it.
        let _told = quit.send(());
    });
    let done = work(quitted);
    icon.abort();
    done
}

/// Shows the menu for as long as somebody makes menus: on each panel that comes, over each bus that comes.
pub(super) async fn show(mut menus: watch::Receiver<Menu>, events: UnboundedSender<Event>) {
    let mut backoff = Backoff::new();
    let mut said = Said::default();
    loop {
        match Bus::open().await {
            Ok(bus) => {
                said.no_bus = false;
                backoff.reset();
                if bus.serve(&mut menus, &events, &mut said).await.is_none() {
                    return;
                }
                tracing::info!("the session bus is gone, and the icon with it");
            }
            Err(error) => {
                if !said.no_bus {
                    tracing::info!(%error, "no session bus: no icon until there is one");
                }
                said.no_bus = true;
            }
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = closed(&mut menus) => return,
        }
    }
}

/// Until nobody makes menus any more.
async fn closed(menus: &mut watch::Receiver<Menu>) {
    while menus.changed().await.is_ok() {}
}

/// A connection of our own beside ksni's, which says nothing when the bus dies.
struct Bus {
    proxy: DBusProxy<'static>,
    panels: NameOwnerChangedStream,
    /// Ends with the bus.
    life: MessageStream,
}

impl Bus {
    async fn open() -> zbus::Result<Self> {
        let connection = Connection::session().await?;
        let life = MessageStream::from(&connection);
        let proxy = DBusProxy::new(&connection).await?;
        let panels = proxy
            .receive_name_owner_changed_with_args(&[(0, WATCHER)])
            .await?;
        Ok(Self {
            proxy,
            panels,
            life,
        })
    }

    /// Shows the menu on each panel that comes, until the bus dies. None: nobody makes menus any more.
    async fn serve(
        mut self,
        menus: &mut watch::Receiver<Menu>,
        events: &UnboundedSender<Event>,
        said: &mut Said,
    ) -> Option<()> {
        let mut item = None;
        let served = self.serve_panels(&mut item, menus, events, said).await;
        dismiss(item);
        served
    }

    async fn serve_panels(
        &mut self,
        item: &mut Option<Handle<TrayItem>>,
        menus: &mut watch::Receiver<Menu>,
        events: &UnboundedSender<Event>,
        said: &mut Said,
    ) -> Option<()> {
        let Some(has_panel) = while_alive(&mut self.life, has_panel(&self.proxy)).await else {
            return Some(());
        };
        if has_panel {
            *item = while_alive(&mut self.life, register(menus, events))
                .await
                .flatten();
        } else if !said.no_panel {
            said.no_panel = true;
            tracing::info!("no panel shows icons: none until one comes");
        }
        loop {
            tokio::select! {
                message = self.life.next() => match message {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Some(()),
                },
                change = self.panels.next() => {
                    // The other stream says what its end means.
                    let Some(change) = change else { return Some(()) };
                    let Ok(change) = change.args() else { continue };
                    let is_there = change.new_owner().is_some();
                    // From one owner to the next ksni goes by itself.
                    if is_there && item.as_ref().is_some_and(|item| !item.is_closed()) {
                        continue;
                    }
                    dismiss(item.take());
                    if is_there {
                        let registered = register(menus, events);
                        *item = while_alive(&mut self.life, registered).await.flatten();
                    }
                }
                changed = menus.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                    let drawn = draw(item.as_ref(), menus);
                    while_alive(&mut self.life, drawn).await;
                }
            }
        }
    }
}

/// What `work` gives; none when the bus dies before, for then some of its answers never come.
async fn while_alive<T>(life: &mut MessageStream, work: impl Future<Output = T>) -> Option<T> {
    let died = async { while let Some(Ok(_)) = life.next().await {} };
    tokio::select! {
        done = work => Some(done),
        () = died => None,
    }
}

async fn has_panel(proxy: &DBusProxy<'_>) -> bool {
    let Ok(name) = BusName::try_from(WATCHER) else {
        return false;
    };
    proxy.name_has_owner(name).await.unwrap_or_default()
}

/// Puts the icon on the panel.
async fn register(
    menus: &mut watch::Receiver<Menu>,
    events: &UnboundedSender<Event>,
) -> Option<Handle<TrayItem>> {
    let menu = menus.borrow_and_update().clone();
    let item = TrayItem::new(menu, events.clone());
    // A panel that goes again at this moment is no failure: the next one is seen.
    match item.assume_sni_available(true).spawn().await {
        Ok(handle) => {
            tracing::info!("the icon is shown");
            Some(handle)
        }
        Err(error) => {
            tracing::warn!(%error, "the panel does not take the icon");
            None
        }
    }
}

async fn draw(item: Option<&Handle<TrayItem>>, menus: &mut watch::Receiver<Menu>) {
    let menu = menus.borrow_and_update().clone();
    if let Some(item) = item {
        let _closed = item.update(|item| item.show(menu)).await;
        sleep(BREATH).await;
    }
}

fn dismiss(item: Option<Handle<TrayItem>>) {
    if let Some(item) = item {
        // Not waited for: without a bus there is nobody to say good-bye to.
        drop(item.shutdown());
    }
}
