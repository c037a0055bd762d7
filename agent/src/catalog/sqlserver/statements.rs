//! The texts that hold the shop's own names and types: constant as long as the table stays as it is.

use super::{
    facts::{Kind, Table},
    key::KeyType,
    keyed,
    price::{NameType, PriceType},
    quote::identifier,
};
use crate::catalog::template::fill;

/// How the rows of locked keys are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Locked {
    /// Waited for, for a moment.
    Wait,
    /// Left out.
    Skip,
    /// Error 1222 at once.
    Fail,
}

/// The texts over one product table.
#[derive(Debug)]
pub(super) struct Statements {
    table: String,
    is_view: bool,
    id: String,
    key: KeyType,
    name: NameType,
    price: PriceType,
    names: String,
    price_column: String,
}

impl Statements {
    pub(super) fn new(table: &Table, key: &KeyType, name: NameType, price: PriceType) -> Self {
        Self {
            table: table.quoted(),
            is_view: table.kind == Kind::View,
            id: identifier(&table.id.name),
            key: key.clone(),
            name,
            price,
            names: identifier(&table.names.name),
            price_column: identifier(&table.price.name),
        }
    }

    /// The rows of so many keys; parameters: the keys.
    pub(super) fn read(&self, size: usize, locked: Locked) -> String {
        let hints = match locked {
            Locked::Skip => " WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)",
            Locked::Wait | Locked::Fail => "",
        };
        // A view is joined as its own author meant it.
        let option = match self.is_view {
            true => "",
            false => "OPTION (LOOP JOIN, FORCE ORDER)",
        };
        let read_back = match self.key.is_lossy() {
            true => self.key.selected("k.id"),
            false => "0".to_owned(),
        };
        let text = self.over(
            include_str!("sql/read.sql"),
            &[
                ("keys", &keyed::numbered(&self.key, size)),
                ("hints", hints),
                ("option", option),
                ("read_back", &read_back),
            ],
        );
        match locked {
            Locked::Fail => text.replacen('\n', "\nSET LOCK_TIMEOUT 0;\n", 1),
            Locked::Wait | Locked::Skip => text,
        }
    }

    /// The first page; parameter: its length.
    pub(super) fn scan_start(&self) -> String {
        self.over(include_str!("sql/scan_start.sql"), &[])
    }

    /// The page behind a key; parameters: the key and its length.
    pub(super) fn scan_behind(&self) -> String {
        let key = self.key.cast("@P1");
        self.over(include_str!("sql/scan_behind.sql"), &[("key", &key)])
    }

    /// How many rows, keys, and different keys there are.
    pub(super) fn view_keys(&self) -> String {
        self.over(include_str!("sql/view_keys.sql"), &[])
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> String {
        self.over(include_str!("sql/count.sql"), &[])
    }

    fn over(&self, template: &str, more: &[(&str, &str)]) -> String {
        let key = self.key.selected(&format!("p.{}", self.id));
        let name = self.name.selected(&format!("p.{}", self.names));
        let price = self.price.selected(&format!("p.{}", self.price_column));
        let mut places = vec![
            ("table", self.table.as_str()),
            ("id", &self.id),
            ("selected_key", &key),
            ("selected_name", &name),
            ("selected_price", &price),
        ];
        places.extend(more);
        fill(template.trim_end(), &places)
    }
}

/// A page of changes; parameters: the `ChangeID` and the key to go on behind, and its length.
pub(super) fn pending(key: &KeyType) -> String {
    fill(
        include_str!("sql/pending.sql"),
        &[
            ("selected_key", &key.selected("u.ProductID")),
            ("key", &key.cast("@P2")),
        ],
    )
}

/// The changes of so many keys; parameters: the keys.
pub(super) fn changes_of(key: &KeyType, size: usize) -> String {
    fill(
        include_str!("sql/changes_of.sql"),
        &[
            ("selected_key", &key.selected("c.ProductID")),
            ("keys", &keyed::keys(key, size)),
        ],
    )
}

/// Deletes so many changes; parameters: the `ChangeID` and the key of each.
pub(super) fn acknowledge(key: &KeyType, size: usize) -> String {
    fill(
        include_str!("sql/acknowledge.sql"),
        &[
            ("changes", &keyed::changes(key, size)),
            ("exact_change", &key.exact("c.ProductID")),
            ("exact_key", &key.exact("k.id")),
        ],
    )
}
