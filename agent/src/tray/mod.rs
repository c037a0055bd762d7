//! The icon in the panel: a client of the control plane like any other, which knows nothing of the engine.
//!
//! [`menu`](menu::menu) makes one value from the agent's status; a backend for each desktop draws it and sends clicks
//! back. The tray never polls: the status arrives over a stream, clicks and panel changes over events of the desktop.

use std::sync::Arc;

use tokio::{
    runtime::Runtime,
    sync::{Notify, mpsc, oneshot, watch},
};

mod actions;
mod backoff;
mod controller;
#[cfg(any(windows, target_os = "macos"))]
mod desktop;
mod documents;
mod event;
mod format;
pub mod icon;
mod link;
#[cfg(not(any(windows, target_os = "macos")))]
mod linux;
pub mod menu;

use controller::Controller;
#[cfg(any(windows, target_os = "macos"))]
use desktop::host;
use event::Event;
#[cfg(not(any(windows, target_os = "macos")))]
use linux::host;

pub use event::Setup;
pub use menu::IconHost;

/// Runs `work` to its end and, unless `headless`, an icon beside it. The icon appears when `work` sends a [`Setup`]
/// that says which agent it is for. Where the desktop requires the main thread for icons, call this from the main
/// thread; `work` then runs on another.
pub fn beside<T: Send>(
    runtime: &Runtime,
    headless: bool,
    work: impl FnOnce(Option<oneshot::Sender<Setup>>) -> T + Send,
) -> T {
    if headless {
        return work(None);
    }
    let (sender, setup) = oneshot::channel();
    host(runtime, setup, |_| work(Some(sender)))
}

/// Shows the icon without an agent in this process, until the user quits it.
pub fn alone(runtime: &Runtime, setup: Setup) {
    let (sender, receiver) = oneshot::channel();
    // The receiver lives: it is passed on in the next line.
    let _sent = sender.send(setup);
    host(runtime, receiver, |quitted| {
        // An error means that the sender was dropped: the icon is gone as well.
        let _quitted = runtime.block_on(quitted);
    });
}

/// What the backends share: the controller, and the channels that connect it with a backend.
struct Parts {
    controller: Controller,
    incoming: mpsc::UnboundedReceiver<Event>,
    /// Where the backend sends clicks.
    events: mpsc::UnboundedSender<Event>,
    retry_now: Arc<Notify>,
    menus: watch::Sender<menu::Menu>,
    /// What the backend shows.
    shown: watch::Receiver<menu::Menu>,
}

impl Parts {
    fn new(setup: Setup) -> Self {
        let (events, incoming) = mpsc::unbounded_channel();
        let retry_now = Arc::new(Notify::new());
        let controller = Controller::new(setup, events.clone(), Arc::clone(&retry_now));
        let (menus, shown) = watch::channel(controller.menu());
        Self {
            controller,
            incoming,
            events,
            retry_now,
            menus,
            shown,
        }
    }

    /// Runs until the user quits the icon.
    async fn run(self, backend: impl Future<Output = ()>) {
        let follow = link::follow(
            self.controller.endpoint(),
            self.controller.notices_file(),
            self.retry_now,
            self.events,
        );
        tokio::select! {
            () = self.controller.run(self.incoming, self.menus) => {}
            // Neither of these ends before the controller does.
            () = async { tokio::join!(follow, backend); } => {}
        }
    }
}
