//! The menu in the form that ksni needs.
//!
//! Every possible item has a fixed position; items that are not shown are invisible. So a click on a menu that was
//! drawn a moment ago still means what the user read.

use std::{collections::HashMap, sync::Arc};

use ksni::{
    Category, Icon, MenuItem, OfflineReason, Status, ToolTip, Tray,
    menu::{CheckmarkItem, StandardItem},
};
use tokio::sync::mpsc::UnboundedSender;

use crate::tray::{
    event::Event,
    icon::{self, Picture, SIZES},
    menu::{self, Id, Item, Menu},
};

pub(super) struct TrayItem {
    menu: Menu,
    events: UnboundedSender<Event>,
    /// The pictures drawn so far.
    pictures: HashMap<menu::Icon, Arc<Vec<Icon>>>,
}

impl TrayItem {
    pub(super) fn new(menu: Menu, events: UnboundedSender<Event>) -> Self {
        let mut item = Self {
            menu,
            events,
            pictures: HashMap::new(),
        };
        item.draw();
        item
    }

    pub(super) fn show(&mut self, menu: Menu) {
        self.menu = menu;
        self.draw();
    }

    fn draw(&mut self) {
        let icon = self.menu.icon;
        self.pictures.entry(icon).or_insert_with(|| {
            let sizes = SIZES.into_iter();
            Arc::new(sizes.map(|size| argb(&icon::draw(icon, size))).collect())
        });
    }

    fn entry(&self, id: Id) -> MenuItem<Self> {
        if id.is_separator() {
            return MenuItem::Separator;
        }
        let item = self.menu.item(id);
        let visible = item.is_some();
        let label = item.map_or_else(String::new, label);
        let enabled = item.is_some_and(|item| item.enabled);
        let activate = Box::new(move |tray: &mut Self| tray.clicked(id));
        if id.is_check() {
            return CheckmarkItem {
                label,
                enabled,
                visible,
                checked: item.and_then(|item| item.checked).unwrap_or_default(),
                activate,
                ..CheckmarkItem::default()
            }
            .into();
        }
        StandardItem {
            label,
            enabled,
            visible,
            activate,
            ..StandardItem::default()
        }
        .into()
    }

    /// Ignores clicks on disabled or missing items: they are the panel's mistake, or older than the menu.
    fn clicked(&self, id: Id) {
        if self.menu.item(id).is_some_and(|item| item.enabled) {
            let _sent = self.events.send(Event::Click(id));
        }
    }
}

impl Tray for TrayItem {
    const MENU_ON_ACTIVATE: bool = true;

    fn id(&self) -> String {
        "shopmaster".to_owned()
    }

    fn category(&self) -> Category {
        Category::ApplicationStatus
    }

    fn title(&self) -> String {
        "shopMaster".to_owned()
    }

    fn status(&self) -> Status {
        Status::Active
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        let drawn = self.pictures.get(&self.menu.icon);
        drawn.map(|drawn| drawn.to_vec()).unwrap_or_default()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: self.menu.tooltip.clone(),
            ..ToolTip::default()
        }
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        Id::ALL.map(|id| self.entry(id)).into()
    }

    /// The item ends with its panel, and the next panel gets a new item. Otherwise ksni would register this one
    /// there, with an outdated menu.
    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        false
    }

    fn menu_about_to_show(&mut self) {
        let _sent = self.events.send(Event::Opened);
    }
}

/// The label with underscores doubled: a single one would mark an access key.
fn label(item: &Item) -> String {
    item.label.replace('_', "__")
}

/// The pixels as alpha, red, green and blue, the order that the bus requires.
fn argb(picture: &Picture) -> Icon {
    let mut data = picture.rgba.clone();
    for pixel in data.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    let side = i32::try_from(picture.size).unwrap_or_default();
    Icon {
        width: side,
        height: side,
        data,
    }
}
