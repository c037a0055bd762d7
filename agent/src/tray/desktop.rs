//! The icon on Windows and macOS, which require it on the main thread: tao waits there for events, and tray-icon
//! draws. tray-icon restores the icon when Explorer restarts, and removes it when it is dropped.

use std::{panic, thread, time::Duration};

use tao::{
    event::{Event as LoopEvent, StartCause},
    event_loop::{ControlFlow, EventLoop, EventLoopBuilder, EventLoopProxy},
    platform::run_return::EventLoopExtRunReturn as _,
};
use tokio::{
    runtime::Runtime,
    sync::{mpsc::UnboundedSender, oneshot, watch},
    time::sleep,
};
use tray_icon::{
    MouseButtonState, TrayIconEvent,
    menu::{MenuEvent, MenuId},
};

use super::{
    Parts,
    event::{Event, Setup},
    menu::{Id, Menu},
};
use bar::Bar;

mod bar;

/// The shortest time from one drawing to the next: an upload changes the headline hundreds of times a second.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// A message to the main thread.
#[derive(Debug)]
enum Message {
    /// Show this menu.
    Show(Box<Menu>),
    /// The work is done.
    End,
}

/// Ends the loop when the work ends, even if it panics.
struct End(EventLoopProxy<Message>);

impl Drop for End {
    fn drop(&mut self) {
        // It fails if the loop has already ended.
        let _sent = self.0.send_event(Message::End);
    }
}

/// Runs `work` on a thread of its own, and the icon on this one. The receiver that `work` gets fires when the user
/// quits the icon.
pub(super) fn host<T: Send>(
    runtime: &Runtime,
    setup: oneshot::Receiver<Setup>,
    work: impl FnOnce(oneshot::Receiver<()>) -> T + Send,
) -> T {
    let (quit, quitted) = oneshot::channel();
    if !has_desktop() {
        tracing::info!("there is no desktop: continuing without an icon");
        let done = work(quitted);
        drop(quit);
        return done;
    }
    let event_loop = build();
    let proxy = event_loop.create_proxy();
    let end = End(event_loop.create_proxy());
    let icon = runtime.spawn(async move {
        let Ok(setup) = setup.await else { return };
        let parts = Parts::new(setup);
        listen_to_clicks(&parts.events);
        let backend = forward(parts.shown.clone(), proxy);
        parts.run(backend).await;
        // `work` may have dropped the receiver.
        let _sent = quit.send(());
    });
    let done = thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _end = end;
            work(quitted)
        });
        run(event_loop);
        worker.join()
    });
    icon.abort();
    match done {
        Ok(done) => done,
        Err(cause) => panic::resume_unwind(cause),
    }
}

/// Without a desktop, for example over SSH, macOS ends a program that asks for an icon.
fn has_desktop() -> bool {
    cfg!(windows) || std::env::var_os("SSH_CONNECTION").is_none()
}

fn build() -> EventLoop<Message> {
    #[allow(unused_mut)]
    let mut event_loop = EventLoopBuilder::<Message>::with_user_event().build();
    #[cfg(target_os = "macos")]
    {
        use tao::platform::macos::{ActivationPolicy, EventLoopExtMacOS as _};
        // In the menu bar and not in the Dock.
        event_loop.set_activation_policy(ActivationPolicy::Accessory);
    }
    event_loop
}

/// Draws until the work is done.
fn run(mut event_loop: EventLoop<Message>) {
    let mut bar: Option<Bar> = None;
    let mut failed = false;
    event_loop.run_return(|event, _, flow| {
        *flow = ControlFlow::Wait;
        match event {
            LoopEvent::NewEvents(StartCause::Init) => {
                tracing::debug!("waiting for something to show")
            }
            LoopEvent::UserEvent(Message::Show(menu)) => match &mut bar {
                Some(bar) => bar.show(*menu),
                // Not earlier: before the loop runs, an icon would not be shown.
                None if !failed => match Bar::new(*menu) {
                    Ok(new) => bar = Some(new),
                    Err(error) => {
                        failed = true;
                        tracing::warn!(%error, "the icon cannot be shown: continuing without it");
                    }
                },
                None => {}
            },
            LoopEvent::UserEvent(Message::End) => {
                // Otherwise it would stay in the panel until the pointer moves over it.
                bar = None;
                *flow = ControlFlow::Exit;
            }
            _ => {}
        }
    });
}

/// Sends each new menu to the main thread, but not too often.
async fn forward(mut menus: watch::Receiver<Menu>, proxy: EventLoopProxy<Message>) {
    loop {
        let menu = Box::new(menus.borrow_and_update().clone());
        if proxy.send_event(Message::Show(menu)).is_err() {
            return;
        }
        sleep(REDRAW_INTERVAL).await;
        if menus.changed().await.is_err() {
            return;
        }
    }
}

/// Sends clicks directly to the controller, not through the loop.
fn listen_to_clicks(events: &UnboundedSender<Event>) {
    let clicks = events.clone();
    MenuEvent::set_event_handler(Some(move |event: MenuEvent| {
        if let Some(id) = id_of(&event.id) {
            let _sent = clicks.send(Event::Click(id));
        }
    }));
    let openings = events.clone();
    TrayIconEvent::set_event_handler(Some(move |event| {
        let pressed = MouseButtonState::Down;
        if matches!(event, TrayIconEvent::Click { button_state, .. } if button_state == pressed) {
            let _sent = openings.send(Event::Opened);
        }
    }));
}

/// An item's name is its position among all items.
fn name_of(id: Id) -> MenuId {
    let position = Id::ALL.iter().position(|other| *other == id);
    MenuId::new(position.unwrap_or_default().to_string())
}

fn id_of(name: &MenuId) -> Option<Id> {
    Id::ALL.get(name.as_ref().parse::<usize>().ok()?).copied()
}
