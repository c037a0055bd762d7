//! The controller: it receives the agent's status and the user's clicks, and makes the menu from them.
//!
//! It never waits for the agent: an action that takes time runs in a task of its own, and only a failure is reported
//! back.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{Timestamp, Zoned};
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{
    Client, Endpoint,
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
    actions::{self, Action},
    event::{AgentEvent, Event, Setup},
    format::next_midnight,
    menu::{IconHost, Id, Link, Menu, View, menu, uploading},
};
use crate::{
    autostart::{AutostartError, LoginItem, LoginState, Starts, enable_login},
    paths::Paths,
};

/// What is known about the agent, and what the user is doing.
pub(super) struct Controller {
    setup: Setup,
    events: UnboundedSender<Event>,
    /// Makes the link connect again at once.
    retry_now: Arc<Notify>,
    client: Option<Client>,
    info: Option<GetInfoResponse>,
    status: Option<Status>,
    gone: bool,
    starts_at_login: Option<bool>,
    asking: bool,
    notice: Option<String>,
}

impl Controller {
    pub(super) fn new(
        setup: Setup,
        events: UnboundedSender<Event>,
        retry_now: Arc<Notify>,
    ) -> Self {
        Self {
            setup,
            events,
            retry_now,
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

    /// The file that records which notifications were shown.
    pub(super) fn notices_file(&self) -> PathBuf {
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
            host: self.setup.host,
            link,
            starts_at_login: self.starts_at_login,
            asking: self.asking,
            notice: self.notice.as_deref(),
        };
        menu(&view, now.timestamp(), now.time_zone())
    }

    /// Runs until the user quits the icon. The backend is woken only when the menu has changed.
    pub(super) async fn run(
        mut self,
        mut incoming: UnboundedReceiver<Event>,
        menus: watch::Sender<Menu>,
    ) {
        self.read_login_item();
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
                event = incoming.recv() => event,
                // At midnight `today` becomes `yesterday`.
                () = tokio::time::sleep(until_midnight()) => continue,
            };
            match event {
                Some(Event::Click(Id::Quit)) if self.setup.host == IconHost::OwnProcess => return,
                Some(event) => self.handle(event),
                None => return,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Agent(event) => self.update(event),
            Event::Opened => {
                self.read_login_item();
                if self.client.is_none() {
                    self.retry_now.notify_one();
                }
            }
            Event::Click(id) => {
                self.notice = None;
                self.click(id);
            }
            Event::StartsAtLogin(state) => self.starts_at_login = state,
            Event::Failed(why) => {
                tracing::warn!(why, "an action of the tray failed");
                self.notice = Some(why);
            }
        }
    }

    fn update(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Up(peer) => {
                self.client = Some(peer.client);
                self.info = Some(peer.info);
                self.gone = false;
            }
            AgentEvent::Status(status) => {
                // The question is no longer open: an upload runs, or nothing can be sent.
                if status.paused || uploading(&status).is_some() {
                    self.asking = false;
                }
                self.status = Some(*status);
            }
            AgentEvent::Gone => {
                self.client = None;
                self.status = None;
                self.gone = true;
                self.asking = false;
            }
        }
    }

    fn click(&mut self, id: Id) {
        match id {
            Id::SyncNow => self.ask(Action::Sync),
            Id::PauseShortly => self.ask(Action::PauseFor(Duration::from_secs(30 * 60))),
            Id::PauseToday => {
                if let Some(tomorrow) = next_midnight(&Zoned::now()) {
                    self.ask(Action::PauseUntil(tomorrow.timestamp()));
                }
            }
            Id::Pause => self.ask(Action::Pause),
            Id::Resume => self.ask(Action::Resume),
            Id::Upload => self.asking = true,
            Id::UploadNo => self.asking = false,
            Id::UploadYes => {
                self.asking = false;
                self.ask(Action::Upload);
            }
            Id::UploadCancel => {
                let run = self.status.as_ref().and_then(uploading);
                if let Some(id) = run.map(|run| run.id.clone()) {
                    self.ask(Action::Cancel(id));
                }
            }
            Id::Refused => self.ask(Action::ShowRefused(self.setup.folders.data.clone())),
            Id::Quit => self.ask(Action::Shutdown),
            Id::Log => self.report(actions::open_log(self.log_folder())),
            Id::About => self.report(actions::show_about(self.setup.clone(), self.info.clone())),
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

    /// Asks the agent to do something.
    fn ask(&self, action: Action) {
        match self.client.clone() {
            Some(client) => self.report(actions::perform(action, client)),
            None => {
                let why = "the agent is not running".to_owned();
                let _sent = self.events.send(Event::Failed(why));
            }
        }
    }

    /// Runs an action in a task of its own, and reports its failure.
    fn report(&self, action: impl Future<Output = Result<(), String>> + Send + 'static) {
        let events = self.events.clone();
        tokio::spawn(async move {
            if let Err(why) = action.await {
                let _sent = events.send(Event::Failed(why));
            }
        });
    }

    fn read_login_item(&self) {
        self.with_login_item(|_| Ok(()));
    }

    fn toggle_login_item(&self) {
        if self.starts_at_login == Some(true) {
            self.with_login_item(|item| item.disable().map(drop));
            return;
        }
        match self.setup.host {
            IconHost::Agent => {
                let instance = self.setup.instance.clone();
                // Not if a service starts it already: one agent runs per instance.
                self.with_login_item(move |_| enable_login(&instance).map(drop));
            }
            IconHost::OwnProcess => self.with_login_item(|item| item.enable(Starts::Icon)),
        }
    }

    /// Changes the login item, and then reads and shows its state.
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
                .map_err(explain)
                .and_then(|item| change(item).map_err(|error| explain(&error)));
            if let Err(why) = changed {
                let _sent = events.send(Event::Failed(format!("Start at login: {why}")));
            }
            let state = item.and_then(|item| item.state()).ok();
            let on = state.map(|state| matches!(state, LoginState::On(_)));
            let _sent = events.send(Event::StartsAtLogin(on));
        });
    }
}

/// An error with its remedy.
fn explain(error: &AutostartError) -> String {
    let text = with_causes(error);
    match error.remedy() {
        Some(remedy) => format!("{text}: {remedy}"),
        None => text,
    }
}

fn until_midnight() -> Duration {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let left = next_midnight(&Zoned::now()).map(|midnight| {
        let left = midnight.timestamp().duration_since(Timestamp::now());
        // A little later, so that it does not fire twice for one midnight.
        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10)
    });
    left.unwrap_or(A_DAY)
}
