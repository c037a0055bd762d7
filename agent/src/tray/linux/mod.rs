//! The icon on Linux: a StatusNotifierItem on the session bus, without GTK and without a display.
//!
//! It uses ksni directly, not tray-icon, which wraps ksni: the wrapper does not report a bus that dies, runs threads
//! of its own, and gives items new identities with each menu.

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
    event::{Event, Setup},
    menu::Menu,
};
use item::TrayItem;

mod item;

/// The service that shows icons: the panel, or a program that acts for it.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
/// The shortest time from one drawing to the next: an upload changes the headline hundreds of times a second.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// What was logged already, so that it is logged once.
#[derive(Debug, Default)]
struct Logged {
    no_bus: bool,
    no_panel: bool,
}

/// Runs `work` to its end, and an icon beside it. The receiver that `work` gets fires when the user quits the icon.
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
        // `work` may have dropped the receiver.
        let _sent = quit.send(());
    });
    let done = work(quitted);
    icon.abort();
    done
}

/// Shows the menu on each panel that appears, over each bus that appears, until the sender of menus is gone.
pub(super) async fn show(mut menus: watch::Receiver<Menu>, events: UnboundedSender<Event>) {
    let mut backoff = Backoff::new();
    let mut logged = Logged::default();
    loop {
        match Bus::open().await {
            Ok(bus) => {
                logged.no_bus = false;
                backoff.reset();
                if bus.serve(&mut menus, &events, &mut logged).await.is_none() {
                    return;
                }
                tracing::info!("the session bus ended, and the icon with it");
            }
            Err(error) => {
                if !logged.no_bus {
                    tracing::info!(%error, "there is no session bus: no icon until there is one");
                }
                logged.no_bus = true;
            }
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = closed(&mut menus) => return,
        }
    }
}

/// Waits until the sender of menus is gone.
async fn closed(menus: &mut watch::Receiver<Menu>) {
    while menus.changed().await.is_ok() {}
}

/// A second connection besides ksni's, which does not report that the bus has died.
struct Bus {
    proxy: DBusProxy<'static>,
    panels: NameOwnerChangedStream,
    /// Ends when the bus dies.
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

    /// Shows the menu on each panel that appears, until the bus dies. None: the sender of menus is gone.
    async fn serve(
        mut self,
        menus: &mut watch::Receiver<Menu>,
        events: &UnboundedSender<Event>,
        logged: &mut Logged,
    ) -> Option<()> {
        let mut item = None;
        let served = self.serve_panels(&mut item, menus, events, logged).await;
        dismiss(item);
        served
    }

    async fn serve_panels(
        &mut self,
        item: &mut Option<Handle<TrayItem>>,
        menus: &mut watch::Receiver<Menu>,
        events: &UnboundedSender<Event>,
        logged: &mut Logged,
    ) -> Option<()> {
        let Some(has_panel) = while_alive(&mut self.life, has_panel(&self.proxy)).await else {
            return Some(());
        };
        if has_panel {
            *item = while_alive(&mut self.life, register(menus, events))
                .await
                .flatten();
        } else if !logged.no_panel {
            logged.no_panel = true;
            tracing::info!("no panel shows icons: no icon until one does");
        }
        loop {
            tokio::select! {
                message = self.life.next() => match message {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Some(()),
                },
                change = self.panels.next() => {
                    // `life` shows whether the bus has died.
                    let Some(change) = change else { return Some(()) };
                    let Ok(change) = change.args() else { continue };
                    let is_there = change.new_owner().is_some();
                    // ksni moves from one owner to the next on its own.
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

/// The result of `work`; none when the bus dies first, because then some answers never arrive.
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
    // A panel that disappears at this moment is not an error: the next one will be seen.
    match item.assume_sni_available(true).spawn().await {
        Ok(handle) => {
            tracing::info!("the icon is shown");
            Some(handle)
        }
        Err(error) => {
            tracing::warn!(%error, "the panel did not accept the icon");
            None
        }
    }
}

async fn draw(item: Option<&Handle<TrayItem>>, menus: &mut watch::Receiver<Menu>) {
    let menu = menus.borrow_and_update().clone();
    if let Some(item) = item {
        let _closed = item.update(|item| item.show(menu)).await;
        sleep(REDRAW_INTERVAL).await;
    }
}

fn dismiss(item: Option<Handle<TrayItem>>) {
    if let Some(item) = item {
        // It is not waited for: without a bus there is no answer.
        drop(item.shutdown());
    }
}
