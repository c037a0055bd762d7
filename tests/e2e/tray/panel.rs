//! A stand-in for the panel: it takes icons, looks at them and clicks their menus.

use std::{
    collections::HashMap,
    error::Error,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::StreamExt as _;
use zbus::{
    Connection, MatchRule, MessageStream, connection, interface,
    message::{Header, Type},
    zvariant::{OwnedValue, Value},
};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const ITEM_PATH: &str = "/StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";
const MENU_PATH: &str = "/MenuBar";
/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Width, height, and pixels.
type Picture = (i32, i32, Vec<u8>);
type Answer<T> = Result<T, Box<dyn Error>>;

/// A panel on a bus; icons leave it when it is dropped.
pub struct Panel {
    connection: Connection,
    registered: mpsc::UnboundedReceiver<String>,
}

/// An icon on the panel.
pub struct Icon {
    connection: Connection,
    name: String,
}

/// What somebody sees who looks at the icon and opens its menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The line beside the pointer.
    pub tooltip: String,
    /// Width and height of each picture.
    pub sizes: Vec<(i32, i32)>,
    /// A digest of all their pixels.
    pub pictures: u64,
    /// The visible items.
    pub items: Vec<Item>,
}

/// A visible item of the menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    id: i32,
    /// What it says; empty for a separator.
    pub label: String,
    /// Whether it can be clicked.
    pub enabled: bool,
    /// Whether it has a tick.
    pub checked: bool,
}

struct Watcher {
    registered: mpsc::UnboundedSender<String>,
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        let name = if service.starts_with('/') {
            header.sender().map(ToString::to_string).unwrap_or_default()
        } else {
            service
        };
        let _sent = self.registered.send(name);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Panel {
    /// A panel on the bus at `address`.
    pub async fn start(address: &str) -> Answer<Self> {
        let (sender, registered) = mpsc::unbounded_channel();
        let connection = connection::Builder::address(address)?
            .serve_at("/StatusNotifierWatcher", Watcher { registered: sender })?
            .name(WATCHER)?
            .build()
            .await?;
        Ok(Self {
            connection,
            registered,
        })
    }

    /// The next icon that comes.
    pub async fn icon(&mut self) -> Answer<Icon> {
        let Ok(name) = timeout(PATIENCE, self.registered.recv()).await else {
            // A panic shows the agent's log.
            panic!("no icon comes");
        };
        let name = name.ok_or("the bus is gone")?;
        Ok(Icon {
            connection: self.connection.clone(),
            name,
        })
    }

    /// Whether icons have come that nobody has looked at.
    pub fn has_more_icons(&mut self) -> bool {
        !self.registered.is_empty()
    }

    /// Takes the panel away, and waits until it is.
    pub async fn stop(self) -> Answer<()> {
        self.connection.release_name(WATCHER).await?;
        Ok(self.connection.close().await?)
    }
}

impl Icon {
    /// What it looks like now.
    pub async fn look(&self) -> Answer<Look> {
        let (_, pictures, tooltip, _): (String, Vec<Picture>, String, String) =
            self.property("ToolTip").await?;
        assert!(pictures.is_empty(), "a tooltip needs no picture");
        let mut pictures: Vec<Picture> = self.property("IconPixmap").await?;
        pictures.sort_by_key(|(width, ..)| *width);
        Ok(Look {
            tooltip,
            sizes: pictures
                .iter()
                .map(|(width, height, _)| (*width, *height))
                .collect(),
            pictures: digest(&pictures),
            items: self.items().await?,
        })
    }

    /// Waits until it looks as `wanted`.
    pub async fn until(&self, wanted: impl Fn(&Look) -> bool) -> Answer<Look> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.name.as_str())?
            .build();
        let mut signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        loop {
            let look = self.look().await?;
            if wanted(&look) {
                return Ok(look);
            }
            match timeout(PATIENCE, signals.next()).await {
                Ok(Some(signal)) => drop(signal?),
                Ok(None) => return Err("the bus is gone".into()),
                // A panic shows the agent's log.
                Err(_) => panic!("waited in vain, it looks like {look:?}"),
            }
        }
    }

    /// Waits until the line beside the pointer is as `wanted`.
    pub async fn until_tooltip(&self, wanted: &str) -> Answer<Look> {
        self.until(|look| look.tooltip == wanted).await
    }

    /// Waits until there is such an item, and clicks it.
    pub async fn click(&self, label: &str) -> Answer<()> {
        let is_there = |item: &Item| item.label == label && item.enabled;
        let look = self.until(|look| look.items.iter().any(is_there)).await?;
        let item = look.items.iter().find(|item| is_there(item));
        let id = item.ok_or("no such item")?.id;
        let event = (id, "clicked", Value::from(0), 0_u32);
        let message = zbus::Message::method_call(MENU_PATH, "Event")?
            .destination(self.name.as_str())?
            .interface(MENU)?
            // Who quits has no time to answer.
            .with_flags(zbus::message::Flags::NoReplyExpected)?
            .build(&event)?;
        Ok(self.connection.send(&message).await?)
    }

    /// Opens the menu, as a panel does before it shows it.
    pub async fn open(&self) -> Answer<()> {
        self.call::<_, bool>(MENU_PATH, MENU, "AboutToShow", &0)
            .await?;
        Ok(())
    }

    async fn items(&self) -> Answer<Vec<Item>> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let everything = (0, -1, Vec::<String>::new());
        let (_, (_, _, children)): (u32, Node) =
            self.call(MENU_PATH, MENU, "GetLayout", &everything).await?;
        let mut items = Vec::new();
        for child in children {
            let (id, properties, _) = Node::try_from(child)?;
            let flag = |name: &str| {
                let value = properties.get(name).map(|value| bool::try_from(&**value));
                value.and_then(Result::ok).unwrap_or(true)
            };
            let text = |name: &str| {
                let value = properties.get(name).map(|value| <&str>::try_from(&**value));
                value.and_then(Result::ok).unwrap_or_default()
            };
            let ticked = properties
                .get("toggle-state")
                .map(|value| i32::try_from(&**value));
            if flag("visible") {
                items.push(Item {
                    id,
                    label: text("label").replace("__", "_"),
                    enabled: flag("enabled") && text("type") != "separator",
                    checked: ticked.and_then(Result::ok) == Some(1),
                });
            }
        }
        Ok(items)
    }

    async fn property<T>(&self, name: &str) -> Answer<T>
    where
        T: TryFrom<OwnedValue>,
        T::Error: Error + 'static,
    {
        let asked = (ITEM, name);
        let value: OwnedValue = self
            .call(ITEM_PATH, "org.freedesktop.DBus.Properties", "Get", &asked)
            .await?;
        Ok(T::try_from(value)?)
    }

    async fn call<B, T>(&self, path: &str, interface: &str, method: &str, body: &B) -> Answer<T>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        T: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
    {
        let name = self.name.as_str();
        let answer = self
            .connection
            .call_method(Some(name), path, Some(interface), method, body);
        let answer = timeout(PATIENCE, answer).await.map_err(|_| "no answer")??;
        Ok(answer.body().deserialize()?)
    }
}

fn digest(pictures: &[Picture]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pictures.hash(&mut hasher);
    hasher.finish()
}

impl Look {
    /// The menu as a text: `>` before what can be clicked, `x` before what is ticked.
    pub fn menu(&self) -> String {
        let lines = self.items.iter().map(|item| {
            let mark = match (item.enabled, item.checked) {
                (true, true) => "x",
                (true, false) => ">",
                (false, _) => " ",
            };
            format!("{mark} {}", item.label).trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
