//! The icon in the panel: a client of the control plane like any other, which knows nothing of the engine.
//!
//! [`menu`](menu::menu) makes one value from what the agent says; a backend for each desktop draws it and
//! sends clicks back. Nothing polls: the agent's status comes over a stream, clicks and panels over theirs.

use std::sync::Arc;

use tokio::{
    runtime::Runtime,
    sync::{Notify, mpsc, oneshot, watch},
};

mod backoff;
mod deeds;
mod desk;
#[cfg(any(windows, target_os = "macos"))]
mod desktop;
pub mod icon;
mod link;
#[cfg(not(any(windows, target_os = "macos")))]
mod linux;
pub mod menu;
mod pages;
mod words;

use desk::{Desk, Event};
#[cfg(any(windows, target_os = "macos"))]
use desktop::host;
#[cfg(not(any(windows, target_os = "macos")))]
use linux::host;

pub use desk::Setup;
pub use menu::Place;

/// Runs `work` to its end, and an icon beside it, unless `headless`, from the moment that `work` tells it for whom to
/// appear. Where the desktop wants the main thread for its icons, this must be called there, and `work` runs on
/// another.
pub fn beside<T: Send>(
    runtime: &Runtime,
    headless: bool,
    work: impl FnOnce(Option<oneshot::Sender<Setup>>) -> T + Send,
) -> T {
    if headless {
        return work(None);
    }
    let (tell, told) = oneshot::channel();
    host(runtime, told, |_| work(Some(tell)))
}

/// Shows the icon alone, until somebody quits it.
pub fn alone(runtime: &Runtime, setup: Setup) {
    let (tell, told) = oneshot::channel();
    // The other end is the next line's.
    let _told = tell.send(setup);
    host(runtime, told, |quitted| {
        // Dropped or used, it means the same.
        let _quitted = runtime.block_on(quitted);
    });
}

/// What the backends have in common: the desk makes menus from the agent's news and from clicks.
struct Parts {
    desk: Desk,
    happening: mpsc::UnboundedReceiver<Event>,
    /// Where the backend sends clicks.
    events: mpsc::UnboundedSender<Event>,
    hurry: Arc<Notify>,
    menus: watch::Sender<menu::Menu>,
    /// What the backend shows.
    shown: watch::Receiver<menu::Menu>,
}

impl Parts {
    fn new(setup: Setup) -> Self {
        let (events, happening) = mpsc::unbounded_channel();
        let hurry = Arc::new(Notify::new());
        let desk = Desk::new(setup, events.clone(), Arc::clone(&hurry));
        let (menus, shown) = watch::channel(desk.menu());
        Self {
            desk,
            happening,
            events,
            hurry,
            menus,
            shown,
        }
    }

    /// Works until somebody quits the icon.
    async fn run(self, backend: impl Future<Output = ()>) {
        let follow = link::follow(
            self.desk.endpoint(),
            self.desk.told_notices(),
            self.hurry,
            self.events,
        );
        tokio::select! {
            () = self.desk.run(self.happening, self.menus) => {}
            // Neither ends before the desk.
            () = async { tokio::join!(follow, backend); } => {}
        }
    }
}
