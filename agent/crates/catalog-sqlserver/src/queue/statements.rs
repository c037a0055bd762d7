//! The T-SQL that contains the shop's own names and types: constant as long as the table does not change.

use shopmaster_catalog::template::fill;

use super::{
    batches,
    price::{NameType, PriceType},
    seeking::End,
};
use crate::{
    filter::Filter,
    key::KeyType,
    quote::identifier,
    schema::{Kind, TableSchema},
};

/// How the rows of locked keys are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// Wait for them for a moment.
    Wait,
    /// Skip them.
    Skip,
    /// Fail with error 1222 at once.
    Fail,
}

/// The statements for one product table.
#[derive(Debug)]
pub(crate) struct Statements {
    key: KeyType,
    filter: Filter,
    is_view: bool,
    table: String,
    id: String,
    selected_key: String,
    selected_name: String,
    selected_price: String,
}

impl Statements {
    pub(crate) fn new(
        table: &TableSchema,
        key: &KeyType,
        name: NameType,
        price: PriceType,
        filter: Filter,
    ) -> Self {
        let column = |name: &str| format!("p.{}", identifier(name));
        Self {
            key: key.clone(),
            filter,
            is_view: table.kind == Kind::View,
            table: table.quoted(),
            id: identifier(&table.id.name),
            selected_key: key.selected(&column(&table.id.name)),
            selected_name: name.selected(&column(&table.names.name)),
            selected_price: price.selected(&column(&table.price.name)),
        }
    }

    /// Reads the rows of this many keys, whether or not they meet the conditions; parameters: the keys.
    pub(crate) fn read(&self, size: usize, locked: Locked) -> String {
        let hints = match locked {
            Locked::Skip => " WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)",
            Locked::Wait | Locked::Fail => "",
        };
        // A view is joined as its author intended.
        let option = match self.is_view {
            true => "",
            false => "OPTION (LOOP JOIN, FORCE ORDER)",
        };
        let read_back = match self.key.is_lossy() {
            true => self.key.selected("k.id"),
            false => "0".to_owned(),
        };
        let text = self.over(
            include_str!("../sql/read.sql"),
            &[
                ("keys", &batches::numbered(&self.key, size)),
                ("hints", hints),
                ("option", option),
                ("read_back", &read_back),
                ("sold", &self.filter.column()),
            ],
        );
        match locked {
            Locked::Fail => text.replacen('\n', "\nSET LOCK_TIMEOUT 0;\n", 1),
            Locked::Wait | Locked::Skip => text,
        }
    }

    /// Reads the first page; parameter: its length.
    pub(crate) fn scan_start(&self) -> String {
        let clause = self.filter.clause();
        self.over(include_str!("../sql/scan_start.sql"), &[("where", &clause)])
    }

    /// Reads the page after a key; parameters: the key and the page's length. With `seeks`, the server must use
    /// the key's index, whatever it would prefer.
    pub(crate) fn scan_behind(&self, seeks: bool) -> String {
        let key = self.key.cast("@P1");
        let hints = match self.may_seek(seeks) {
            true => " WITH (FORCESEEK)",
            false => "",
        };
        let and = self.filter.and();
        let places = [("key", key.as_str()), ("hints", hints), ("and", &and)];
        self.over(include_str!("../sql/scan_behind.sql"), &places)
    }

    /// Reads the first page's keys, past all locks; parameter: its length.
    pub(crate) fn keys_start(&self) -> String {
        self.over(include_str!("../sql/keys_start.sql"), &[])
    }

    /// Reads the keys of the page after a key, past all locks; parameters: the key and the page's length.
    pub(crate) fn keys_behind(&self, seeks: bool) -> String {
        let key = self.key.cast("@P1");
        let hints = match self.may_seek(seeks) {
            true => ", FORCESEEK",
            false => "",
        };
        let places = [("key", key.as_str()), ("hints", hints)];
        self.over(include_str!("../sql/keys_behind.sql"), &places)
    }

    /// Fails if another session has locked a row after a key, or from the beginning, up to an end; parameters:
    /// the key, if there is one, and the key of the end, if it has one.
    pub(crate) fn gap(&self, has_start: bool, end: End<'_>) -> String {
        let mut conditions = Vec::new();
        let mut add = |sign: &str| {
            let place = format!("@P{}", conditions.len() + 1);
            conditions.push(format!("p.{} {sign} {}", self.id, self.key.cast(&place)));
        };
        if has_start {
            add(">");
        }
        match end {
            End::Before(_) => add("<"),
            End::With(_) => add("<="),
            End::Table => {}
        }
        let between = match conditions.is_empty() {
            true => String::new(),
            false => format!("\nWHERE {}", conditions.join(" AND ")),
        };
        self.over(include_str!("../sql/gap.sql"), &[("between", &between)])
    }

    /// Whether the hint may be used: a view is read as its author intended.
    fn may_seek(&self, seeks: bool) -> bool {
        seeks && !self.is_view
    }

    /// Counts the rows, the keys, and the distinct keys.
    pub(crate) fn view_keys(&self) -> String {
        self.over(include_str!("../sql/view_keys.sql"), &[])
    }

    /// Counts the rows that meet the conditions.
    pub(crate) fn count(&self) -> String {
        let clause = self.filter.clause();
        self.over(include_str!("../sql/count.sql"), &[("where", &clause)])
    }

    /// Counts the rows, and those that meet the conditions; none without conditions.
    pub(crate) fn kept(&self) -> Option<String> {
        let condition = self.filter.condition()?;
        Some(self.over(include_str!("../sql/kept.sql"), &[("condition", condition)]))
    }

    fn over(&self, template: &str, more: &[(&str, &str)]) -> String {
        let mut places = vec![
            ("table", self.table.as_str()),
            ("id", &self.id),
            ("selected_key", &self.selected_key),
            ("selected_name", &self.selected_name),
            ("selected_price", &self.selected_price),
        ];
        places.extend(more);
        fill(template.trim_end(), &places)
    }
}

/// Reads a page of changes; parameters: the `ChangeID` and the key after which to continue, and the page's
/// length.
pub(crate) fn pending(key: &KeyType) -> String {
    fill(
        include_str!("../sql/pending.sql"),
        &[
            ("selected_key", &key.selected("u.ProductID")),
            ("key", &key.cast("@P2")),
        ],
    )
}

/// Reads the changes of this many keys; parameters: the keys.
pub(crate) fn changes_of(key: &KeyType, size: usize) -> String {
    fill(
        include_str!("../sql/changes_of.sql"),
        &[
            ("selected_key", &key.selected("c.ProductID")),
            ("keys", &batches::keys(key, size)),
        ],
    )
}

/// Deletes this many changes; parameters: the `ChangeID` and the key of each.
pub(crate) fn acknowledge(key: &KeyType, size: usize) -> String {
    fill(
        include_str!("../sql/acknowledge.sql"),
        &[
            ("changes", &batches::changes(key, size)),
            ("exact_change", &key.exact("c.ProductID")),
            ("exact_key", &key.exact("k.id")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{column::Column, data_type::DataType};
    use shopmaster_catalog::{Columns, Condition, KeyColumns, Mapping, Test};
    use shopmaster_product::ProductId;

    fn column(name: &str, data_type: &str) -> Column {
        Column {
            column_id: 1,
            name: name.to_owned(),
            data_type: DataType {
                name: data_type.to_owned(),
                max_length: 25,
                precision: 18,
                scale: 2,
                collation: Some("Latin1_General_CI_AS".to_owned()),
            },
            is_nullable: false,
            is_computed: false,
            is_identity: false,
            is_unique: true,
        }
    }

    fn table(kind: Kind) -> TableSchema {
        TableSchema {
            object_id: 1,
            schema: "d]bo".to_owned(),
            name: "{id} Products".to_owned(),
            kind,
            owner_id: None,
            owner: None,
            id: column("ID", "varchar"),
            names: column("{table}", "nvarchar"),
            price: column("Price", "money"),
            only: Vec::new(),
            key_parts: Vec::new(),
        }
    }

    fn texts(kind: Kind) -> Vec<String> {
        let table = table(kind);
        let key = KeyType::of(&table.id.data_type).unwrap();
        let name = NameType::of(&table.names.data_type).unwrap();
        let price = PriceType::of(&table.price.data_type, None).unwrap();
        let statements = Statements::new(&table, &key, name, price, Filter::default());
        vec![
            statements.read(10, Locked::Wait),
            statements.read(10, Locked::Skip),
            statements.read(1, Locked::Fail),
            statements.scan_start(),
            statements.scan_behind(true),
            statements.scan_behind(false),
            statements.keys_start(),
            statements.keys_behind(true),
            statements.keys_behind(false),
            statements.gap(true, End::Table),
            statements.view_keys(),
            statements.count(),
            pending(&key),
            changes_of(&key, 10),
            acknowledge(&key, 10),
        ]
    }

    #[test]
    fn every_text_names_itself_and_has_no_place_left() {
        for text in [texts(Kind::Table), texts(Kind::View)].concat() {
            assert!(text.starts_with("/* shopmaster "), "{text}");
            let (first, _) = text.split_once('\n').unwrap();
            assert!(first.ends_with(" */"), "{text}");
            let rest = text.replace("[{id} Products]", "").replace("[{table}]", "");
            assert!(!rest.contains('{'), "{text}");
        }
    }

    #[test]
    fn nothing_but_keys_is_read_that_others_have_not_committed() {
        for text in [texts(Kind::Table), texts(Kind::View)].concat() {
            assert!(!text.contains("NOLOCK"), "{text}");
            let dirty = text.contains("UNCOMMITTED");
            assert_eq!(dirty, text.starts_with("/* shopmaster keys_"), "{text}");
            assert!(!dirty || !text.contains("[Price]"), "{text}");
            assert!(!dirty || !text.contains("[{table}]"), "{text}");
        }
    }

    #[test]
    fn a_page_is_sought_in_a_table_alone() {
        for (kind, seeks) in [(Kind::Table, 2), (Kind::View, 0)] {
            let texts = texts(kind);
            let all = texts.iter().filter(|text| text.contains("FORCESEEK"));
            assert_eq!(all.count(), seeks, "{kind:?}");
        }
    }

    #[test]
    fn a_gap_has_the_ends_that_it_is_given() {
        let table = table(Kind::Table);
        let key = KeyType::of(&table.id.data_type).unwrap();
        let name = NameType::of(&table.names.data_type).unwrap();
        let price = PriceType::of(&table.price.data_type, None).unwrap();
        let statements = Statements::new(&table, &key, name, price, Filter::default());
        let id = ProductId::Text("a".to_owned());
        let behind = |text: String| text.split_once(" AS p").unwrap().1.trim().to_owned();
        let cast = |place| key.cast(place);
        assert_eq!(behind(statements.gap(false, End::Table)), "");
        assert_eq!(
            behind(statements.gap(false, End::Before(&id))),
            format!("WHERE p.[ID] < {}", cast("@P1"))
        );
        assert_eq!(
            behind(statements.gap(true, End::With(&id))),
            format!(
                "WHERE p.[ID] > {} AND p.[ID] <= {}",
                cast("@P1"),
                cast("@P2")
            )
        );
    }

    /// A filter would not show that a row is locked: it would be gone.
    #[test]
    fn a_lookup_selects_whether_a_row_is_sold_and_leaves_none_out() {
        let mut table = table(Kind::Table);
        table.only = vec![Some(column("Gone", "int"))];
        let mut mapping = Mapping::new(
            "Products",
            Columns {
                id: KeyColumns::one("ID"),
                name: "N".to_owned(),
                price: "Price".to_owned(),
            },
        );
        mapping.only = vec![Condition {
            column: "Gone".to_owned(),
            test: Test::IsNull,
        }];
        let filter = Filter::new(&mapping, &table).unwrap();
        let key = KeyType::of(&table.id.data_type).unwrap();
        let name = NameType::of(&table.names.data_type).unwrap();
        let price = PriceType::of(&table.price.data_type, None).unwrap();
        let statements = Statements::new(&table, &key, name, price, filter);
        for locked in [Locked::Wait, Locked::Skip, Locked::Fail] {
            let text = statements.read(1, locked);
            assert!(text.contains("CASE WHEN p.[Gone] IS NULL THEN 1"), "{text}");
            assert!(!text.contains("WHERE"), "{text}");
        }
        for text in [
            statements.keys_start(),
            statements.keys_behind(true),
            statements.gap(true, End::Table),
        ] {
            assert!(!text.contains("[Gone]"), "{text}");
        }
        for text in [statements.scan_start(), statements.count()] {
            assert!(text.contains("AS p\nWHERE p.[Gone] IS NULL"), "{text}");
        }
        let behind = statements.scan_behind(true);
        assert!(behind.contains(" AND p.[Gone] IS NULL\nORDER"), "{behind}");
    }

    #[test]
    fn only_the_shops_own_view_is_joined_as_its_author_meant_it() {
        assert!(texts(Kind::Table)[0].ends_with("OPTION (LOOP JOIN, FORCE ORDER)"));
        assert!(!texts(Kind::View)[0].contains("OPTION"));
    }
}
