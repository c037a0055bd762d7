//! Where everything comes together: news of the agent, clicks, and the menu that follows from them.
//!
//! Nothing here waits for the agent: a click that takes time is done beside, and only its failure comes
//! back.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{Timestamp, Zoned};
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{
    Client, Endpoint, Folders, InstanceName,
    v1::{GetInfoResponse, Status},
};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender},
        watch,
    },
    task::spawn_blocking,
};

use super::{
    deeds::{self, Deed},
    link::News,
    menu::{Id, Link, Menu, Place, View, menu, uploading},
    words::next_midnight,
};
use crate::{
    autostart::{AutostartError, LoginItem, LoginState, Starts, enable_login},
    paths::Paths,
};

/// Which agent an icon is for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The agent's name.
    pub instance: InstanceName,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Where texts for the user are written.
    pub folders: Folders,
    /// Whether the icon is the agent's own.
    pub place: Place,
}

/// What can happen.
#[derive(Debug)]
pub(super) enum Event {
    /// The agent said something, or went away.
    News(News),
    /// Somebody opens the menu.
    Opened,
    /// Somebody clicked.
    Click(Id),
    /// Whether the agent starts at login; none when that cannot be told.
    StartsAtLogin(Option<bool>),
    /// A click did not do what it should.
    Failed(String),
}

/// All that is known.
pub(super) struct Desk {
    setup: Setup,
    events: UnboundedSender<Event>,
    /// Makes the link try again at once.
    hurry: Arc<Notify>,
    client: Option<Client>,
    info: Option<GetInfoResponse>,
    status: Option<Status>,
    gone: bool,
    starts_at_login: Option<bool>,
    asking: bool,
    notice: Option<String>,
}

impl Desk {
    pub(super) fn new(setup: Setup, events: UnboundedSender<Event>, hurry: Arc<Notify>) -> Self {
        Self {
            setup,
            events,
            hurry,
            client: None,
            info: None,
            status: None,
            gone: false,
            starts_at_login: None,
            asking: false,
            notice: None,
        }
    }

    /// Where the agent listens.
    pub(super) fn endpoint(&self) -> Endpoint {
        self.setup.endpoint.clone()
    }

    /// Where it is kept what notifications have told.
    pub(super) fn told_notices(&self) -> PathBuf {
        Paths::new(self.setup.folders.clone(), None).notices
    }

    /// The menu as it is now.
    pub(super) fn menu(&self) -> Menu {
        let now = Zoned::now();
        let link = match &self.status {
            Some(status) => Link::Up(status),
            None if self.gone => Link::Gone,
            None => Link::Starting,
        };
        let view = View {
            instance: &self.setup.instance,
            place: self.setup.place,
            link,
            starts_at_login: self.starts_at_login,
            asking: self.asking,
            notice: self.notice.as_deref(),
        };
        menu(&view, now.timestamp(), now.time_zone())
    }

    /// Works until somebody quits the icon. Whoever draws is woken only by a menu that differs.
    pub(super) async fn run(
        mut self,
        mut happening: UnboundedReceiver<Event>,
        menus: watch::Sender<Menu>,
    ) {
        self.look_at_login_item();
        loop {
            let next = self.menu();
            menus.send_if_modified(|shown| {
                let differs = *shown != next;
                if differs {
                    *shown = next;
                }
                differs
            });
            let event = tokio::select! {
                event = happening.recv() => event,
                // Today becomes yesterday.
                () = tokio::time::sleep(until_midnight()) => continue,
            };
            match event {
                Some(Event::Click(Id::Quit)) if self.setup.place == Place::Beside => return,
                Some(event) => self.take(event),
                None => return,
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::News(news) => self.hear(news),
            Event::Opened => {
                self.look_at_login_item();
                if self.client.is_none() {
                    self.hurry.notify_one();
                }
            }
            Event::Click(id) => {
                self.notice = None;
                self.click(id);
            }
            Event::StartsAtLogin(state) => self.starts_at_login = state,
            Event::Failed(why) => {
                tracing::warn!(why, "a click in the tray did not work");
                self.notice = Some(why);
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Up(peer) => {
                self.client = Some(peer.client);
                self.info = Some(peer.info);
                self.gone = false;
            }
            News::Status(status) => {
                // Answered elsewhere, or to be asked again another day.
                if status.paused || uploading(&status).is_some() {
                    self.asking = false;
                }
                self.status = Some(*status);
            }
            News::Gone => {
                self.client = None;
                self.status = None;
                self.gone = true;
                self.asking = false;
            }
        }
    }

    fn click(&mut self, id: Id) {
        match id {
            Id::SyncNow => self.ask(Deed::Sync),
            Id::PauseShortly => self.ask(Deed::PauseFor(Duration::from_secs(30 * 60))),
            Id::PauseToday => {
                if let Some(tomorrow) = next_midnight(&Zoned::now()) {
                    self.ask(Deed::PauseUntil(tomorrow.timestamp()));
                }
            }
            Id::Pause => self.ask(Deed::Pause),
            Id::Resume => self.ask(Deed::Resume),
            Id::Upload => self.asking = true,
            Id::UploadNo => self.asking = false,
            Id::UploadYes => {
                self.asking = false;
                self.ask(Deed::Upload);
            }
            Id::UploadCancel => {
                let run = self.status.as_ref().and_then(uploading);
                if let Some(id) = run.map(|run| run.id.clone()) {
                    self.ask(Deed::Cancel(id));
                }
            }
            Id::Refused => self.ask(Deed::ShowRefused(self.setup.folders.data.clone())),
            Id::Quit => self.ask(Deed::Shutdown),
            Id::Log => self.report(deeds::open_log(self.log_folder())),
            Id::About => self.report(deeds::show_about(self.setup.clone(), self.info.clone())),
            Id::StartAtLogin => self.toggle_login_item(),
            Id::Headline | Id::Notice | Id::LastSync | Id::Work | Id::Rest => {}
        }
    }

    fn log_folder(&self) -> PathBuf {
        match &self.info {
            Some(info) => info.log_dir.clone().into(),
            None => self.setup.folders.log.clone(),
        }
    }

    /// Does something with the agent's help.
    fn ask(&self, deed: Deed) {
        match self.client.clone() {
            Some(client) => self.report(deeds::perform(deed, client)),
            None => {
                let why = "the agent is not running".to_owned();
                let _sent = self.events.send(Event::Failed(why));
            }
        }
    }

    /// Does something beside, and comes back with its failure.
    fn report(&self, deed: impl Future<Output = Result<(), String>> + Send + 'static) {
        let events = self.events.clone();
        tokio::spawn(async move {
            if let Err(why) = deed.await {
                let _sent = events.send(Event::Failed(why));
            }
        });
    }

    fn look_at_login_item(&self) {
        self.with_login_item(|_| Ok(()));
    }

    fn toggle_login_item(&self) {
        if self.starts_at_login == Some(true) {
            self.with_login_item(|item| item.disable().map(drop));
            return;
        }
        match self.setup.place {
            Place::Inside => {
                let instance = self.setup.instance.clone();
                // Not behind a service's back: one agent runs per instance.
                self.with_login_item(move |_| enable_login(&instance).map(drop));
            }
            Place::Beside => self.with_login_item(|item| item.enable(Starts::Icon)),
        }
    }

    /// Changes the login item, and shows what is there afterwards.
    fn with_login_item(
        &self,
        change: impl FnOnce(&LoginItem) -> Result<(), AutostartError> + Send + 'static,
    ) {
        let instance = self.setup.instance.clone();
        let events = self.events.clone();
        spawn_blocking(move || {
            let item = LoginItem::of(&instance);
            let changed = item
                .as_ref()
                .map_err(told)
                .and_then(|item| change(item).map_err(|error| told(&error)));
            if let Err(why) = changed {
                let _sent = events.send(Event::Failed(format!("Start at login: {why}")));
            }
            let state = item.and_then(|item| item.state()).ok();
            let on = state.map(|state| matches!(state, LoginState::On(_)));
            let _sent = events.send(Event::StartsAtLogin(on));
        });
    }
}

/// An error and the way out of it.
fn told(error: &AutostartError) -> String {
    let said = with_causes(error);
    match error.remedy() {
        Some(remedy) => format!("{said}: {remedy}"),
        None => said,
    }
}

fn until_midnight() -> Duration {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let left = next_midnight(&Zoned::now()).map(|midnight| {
        let left = midnight.timestamp().duration_since(Timestamp::now());
        // Never twice for one midnight.
        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10)
    });
    left.unwrap_or(A_DAY)
}
