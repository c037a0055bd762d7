//! Draws the icon and its menu.

use tray_icon::{
    Icon, TrayIcon, TrayIconBuilder,
    menu::{CheckMenuItem, IsMenuItem, MenuItem, PredefinedMenuItem},
};

use super::name_of;
use crate::tray::{
    icon,
    menu::{self, Id, Item, Menu},
};

/// Width and height of the picture in pixels; the desktop scales it.
const SIZE: u32 = if cfg!(windows) { 32 } else { 64 };

/// The icon and its menu. Items live as long as the icon and are changed in place: an open menu stays open, and a
/// click means what the user read.
pub(super) struct Bar {
    icon: TrayIcon,
    menu: tray_icon::menu::Menu,
    entries: Vec<(Id, Entry)>,
    shown: Menu,
}

enum Entry {
    Item(MenuItem),
    Check(CheckMenuItem),
    Separator(PredefinedMenuItem),
}

impl Bar {
    pub(super) fn new(shown: Menu) -> tray_icon::Result<Self> {
        let menu = tray_icon::menu::Menu::new();
        let icon = TrayIconBuilder::new()
            .with_menu(Box::new(menu.clone()))
            .with_menu_on_left_click(true)
            .with_tooltip(&shown.tooltip)
            .build()?;
        let mut bar = Self {
            icon,
            menu,
            entries: Id::ALL.map(|id| (id, Entry::new(id))).into(),
            shown,
        };
        bar.draw_icon();
        bar.put();
        Ok(bar)
    }

    pub(super) fn show(&mut self, menu: Menu) {
        let before = std::mem::replace(&mut self.shown, menu);
        if before.icon != self.shown.icon {
            self.draw_icon();
        }
        if before.tooltip != self.shown.tooltip {
            let result = self.icon.set_tooltip(Some(&self.shown.tooltip));
            warn(result);
        }
        if ids(&before).eq(ids(&self.shown)) {
            self.write();
        } else {
            self.take_away(&before);
            self.put();
        }
    }

    fn draw_icon(&self) {
        warn(picture(self.shown.icon).map(|icon| warn(self.icon.set_icon(Some(icon)))));
    }

    fn put(&mut self) {
        self.write();
        for entry in self.entries_of(&self.shown) {
            warn(self.menu.append(entry.as_item()));
        }
    }

    fn take_away(&self, shown: &Menu) {
        for entry in self.entries_of(shown) {
            warn(self.menu.remove(entry.as_item()));
        }
    }

    fn write(&self) {
        for (id, entry) in &self.entries {
            if let Some(item) = self.shown.item(*id) {
                entry.write(item);
            }
        }
    }

    fn entries_of(&self, shown: &Menu) -> impl Iterator<Item = &Entry> {
        let shown: Vec<_> = ids(shown).collect();
        let entries = self.entries.iter();
        entries
            .filter(move |(id, _)| shown.contains(id))
            .map(|(_, entry)| entry)
    }
}

impl Entry {
    fn new(id: Id) -> Self {
        if id.is_separator() {
            Self::Separator(PredefinedMenuItem::separator())
        } else if id.is_check() {
            Self::Check(CheckMenuItem::with_id(name_of(id), "", true, false, None))
        } else {
            Self::Item(MenuItem::with_id(name_of(id), "", true, None))
        }
    }

    fn write(&self, to: &Item) {
        // A single ampersand would mark an access key.
        let label = to.label.replace('&', "&&");
        match self {
            Self::Item(item) => {
                item.set_text(label);
                item.set_enabled(to.enabled);
            }
            Self::Check(item) => {
                item.set_text(label);
                item.set_enabled(to.enabled);
                item.set_checked(to.checked.unwrap_or_default());
            }
            Self::Separator(_) => {}
        }
    }

    fn as_item(&self) -> &dyn IsMenuItem {
        match self {
            Self::Item(item) => item,
            Self::Check(item) => item,
            Self::Separator(item) => item,
        }
    }
}

fn ids(menu: &Menu) -> impl Iterator<Item = Id> {
    menu.items.iter().map(|item| item.id)
}

fn picture(icon: menu::Icon) -> Result<Icon, tray_icon::BadIcon> {
    let picture = icon::draw(icon, SIZE);
    Icon::from_rgba(picture.rgba, picture.size, picture.size)
}

/// Logs an error of the desktop and continues: an icon that is not quite right is better than none.
fn warn<T, E: std::fmt::Display>(result: Result<T, E>) {
    if let Err(error) = result {
        tracing::warn!(%error, "part of the icon cannot be drawn");
    }
}
