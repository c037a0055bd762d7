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
    product_key::{KeyValues, Part, ProductKey, Side},
    quote::identifier,
    schema::{Kind, TableSchema},
    watches::ViewColumn,
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

/// What a statement returns of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Key, name and price.
    Product,
    /// The key alone, in the same columns: name and price cannot be computed.
    Key,
}

/// The statements for one product table.
#[derive(Debug)]
pub(crate) struct Statements {
    key: ProductKey,
    filter: Filter,
    is_view: bool,
    table: String,
    selected_name: String,
    selected_price: String,
}

/// The row of the product table in all statements.
const ROW: &str = "p";

impl Statements {
    pub(crate) fn new(
        table: &TableSchema,
        key: &ProductKey,
        name: NameType,
        price: PriceType,
        filter: Filter,
    ) -> Self {
        let column = |name: &str| format!("{ROW}.{}", identifier(name));
        Self {
            key: key.clone(),
            filter,
            is_view: table.kind == Kind::View,
            table: table.quoted(),
            selected_name: name.selected(&column(&table.names.name)),
            selected_price: price.selected(&column(&table.price.name)),
        }
    }

    /// Reads the rows of this many keys, whether or not they meet the conditions; parameters: the keys.
    pub(crate) fn read(&self, size: usize, locked: Locked, content: Content) -> String {
        let hints = match locked {
            Locked::Skip => " WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)",
            Locked::Wait | Locked::Fail => "",
        };
        // A view is joined as its author intended.
        let option = match self.is_view {
            true => "",
            false => "OPTION (LOOP JOIN, FORCE ORDER)",
        };
        let text = self.of(
            content,
            include_str!("../sql/read.sql"),
            &[
                ("keys", &self.key.numbered(size)),
                ("numbered", &self.key.numbered_columns()),
                ("same", &self.key.same(ROW)),
                ("hints", hints),
                ("option", option),
                ("read_back", &self.key.read_back()),
                ("sold", &self.filter.column()),
            ],
        );
        at_once(text, locked)
    }

    /// Reads the row of a key that cannot be sent, or two of them; parameters: its values that are not NULL.
    pub(crate) fn read_odd(&self, key: &KeyValues, content: Content) -> String {
        let nothing = vec!["0"; self.key.width()].join(",\n    ");
        self.of(
            content,
            include_str!("../sql/read_odd.sql"),
            &[
                ("exactly", &self.key.exactly(ROW, key)),
                ("read_back", &nothing),
                ("sold", &self.filter.column()),
            ],
        )
    }

    /// Reads no row, as [`read`](Self::read) does: fails for what fails without one.
    pub(crate) fn read_nothing(&self) -> String {
        self.over(include_str!("../sql/read_nothing.sql"), &[])
    }

    /// Reads the first page; parameter: its length. Of a view, each row also has the rank of its key.
    pub(crate) fn scan_start(&self) -> String {
        let clause = self.filter.clause();
        match self.is_view {
            true => self.scan_view("scan_start", 1, &clause),
            false => self.over(include_str!("../sql/scan_start.sql"), &[("where", &clause)]),
        }
    }

    /// Reads the page after a key; parameters: the key's values that are not NULL, and the page's length. With
    /// `seeks`, the server must use the key's index, whatever it would prefer. Of a view, each row also has the rank
    /// of its key.
    pub(crate) fn scan_behind(&self, after: &KeyValues, seeks: bool) -> String {
        let hints = match self.may_seek(seeks) {
            true => " WITH (FORCESEEK)",
            false => "",
        };
        let (behind, and) = (self.behind(after), self.filter.and());
        if self.is_view {
            let clause = format!("\nWHERE {behind}{and}");
            return self.scan_view("scan_behind", after.count() + 1, &clause);
        }
        let places = [
            ("limit", (after.count() + 1).to_string()),
            ("behind", behind),
            ("hints", hints.to_owned()),
            ("and", and),
        ];
        self.over_owned(include_str!("../sql/scan_behind.sql"), &places)
    }

    fn scan_view(&self, name: &str, limit: usize, clause: &str) -> String {
        let width = self.key.width();
        let numbered = |lead: &str| {
            (1..=width)
                .map(|n| format!("{lead}{n}"))
                .collect::<Vec<_>>()
        };
        let (names, ids) = (numbered("key"), numbered("id"));
        let mut all = aliased(&self.key.parts(|part| part.selected(ROW)), &names);
        all.push(format!("{} AS name", self.selected_name));
        all.push(format!("{} AS amount", self.selected_price));
        let outer = names.iter().map(|name| format!("r.{name}"));
        let outer = outer.chain(["r.name".to_owned(), "r.amount".to_owned()]);
        let ranks = ids.iter().map(|id| format!("r.{id}"));
        let compared = aliased(&self.key.parts(|part| part.column(ROW)), &ids);
        let places = [
            ("name", name.to_owned()),
            ("limit", limit.to_string()),
            ("where", indented(clause)),
            ("ranked", outer.collect::<Vec<_>>().join(",\n    ")),
            ("ranks", ranks.collect::<Vec<_>>().join(", ")),
            ("aliased", all.join(",\n        ")),
            ("compared", compared.join(",\n        ")),
        ];
        self.over_owned(include_str!("../sql/scan_view.sql"), &places)
    }

    /// Reads the keys of a page; parameters: the values of the key before it that are not NULL, if there is one, and
    /// the page's length.
    pub(crate) fn scan_keys(&self, after: Option<&KeyValues>) -> String {
        let clause = match after {
            Some(after) => format!("\nWHERE {}{}", self.behind(after), self.filter.and()),
            None => self.filter.clause(),
        };
        let limit = after.map_or(0, KeyValues::count) + 1;
        let places = [("limit", limit.to_string()), ("where", clause)];
        self.over_owned(include_str!("../sql/scan_keys.sql"), &places)
    }

    /// Reads the first page's keys, past all locks; parameter: its length.
    pub(crate) fn keys_start(&self) -> String {
        self.over(include_str!("../sql/keys_start.sql"), &[])
    }

    /// Reads the keys of the page after a key, past all locks; parameters: the key's values that are not NULL, and the
    /// page's length.
    pub(crate) fn keys_behind(&self, after: &KeyValues, seeks: bool) -> String {
        let hints = match self.may_seek(seeks) {
            true => ", FORCESEEK",
            false => "",
        };
        let places = [
            ("limit", (after.count() + 1).to_string()),
            ("behind", self.behind(after)),
            ("hints", hints.to_owned()),
        ];
        self.over_owned(include_str!("../sql/keys_behind.sql"), &places)
    }

    /// Fails if another session has locked a row after a key, or from the beginning, up to an end; parameters:
    /// the values that are not NULL of the key, if there is one, and of the end, if it has one. None when there can be
    /// no row in between.
    pub(crate) fn gap(&self, from: Option<&KeyValues>, end: End<'_>) -> Option<String> {
        let mut conditions = Vec::new();
        if let Some(from) = from {
            conditions.push(self.key.beside(ROW, Side::After, from, 1)?);
        }
        let end = match end {
            End::Before(key) => Some((Side::Before, key)),
            End::With(key) => Some((Side::UpTo, key)),
            End::Table => None,
        };
        if let Some((side, key)) = end {
            let first = from.map_or(0, KeyValues::count) + 1;
            conditions.push(self.key.beside(ROW, side, key, first)?);
        }
        let between = match conditions.is_empty() {
            true => String::new(),
            false => format!("\nWHERE {}", conditions.join(" AND ")),
        };
        Some(self.over(include_str!("../sql/gap.sql"), &[("between", &between)]))
    }

    /// The condition for rows after a key. There can always be one.
    fn behind(&self, after: &KeyValues) -> String {
        let behind = self.key.beside(ROW, Side::After, after, 1);
        behind.unwrap_or_else(|| "1 = 0".to_owned())
    }

    /// Whether the hint may be used: a view is read as its author intended.
    fn may_seek(&self, seeks: bool) -> bool {
        seeks && !self.is_view
    }

    /// Counts the rows that meet the conditions, those whose key is not NULL, and their distinct keys.
    pub(crate) fn view_keys(&self) -> String {
        let clause = self.filter.clause();
        if let [id] = self.key.parts(Part::name).as_slice() {
            let places = [("id", id.as_str()), ("where", &clause)];
            return self.over(include_str!("../sql/view_keys.sql"), &places);
        }
        let columns = self.key.parts(|part| part.column(ROW));
        let names: Vec<_> = (1..=columns.len()).map(|n| format!("id{n}")).collect();
        let nulls = names.iter().map(|name| format!("g.{name} IS NULL"));
        let places = [
            ("has_null", nulls.collect::<Vec<_>>().join(" OR ")),
            ("aliased", aliased(&columns, &names).join(",\n        ")),
            ("where", indented(&clause)),
        ];
        self.over_owned(include_str!("../sql/view_keys_together.sql"), &places)
    }

    /// Finds the keys of the rows that have a value in one of these columns, whether or not they meet the conditions: of
    /// this many rows of values, one for each column. Parameters: the values, and how many keys each may have.
    pub(crate) fn concerned(&self, columns: &[ViewColumn], size: usize, locked: Locked) -> String {
        let types: Vec<_> = columns.iter().map(|column| &column.key).collect();
        let values = |n: usize| format!("value{}", n + 1);
        let names: Vec<_> = (0..columns.len()).map(values).collect();
        let concerned = columns.iter().zip(&names);
        let concerned = concerned
            .map(|(column, value)| format!("{ROW}.{} = k.{value}", identifier(&column.name)));
        let numbered = format!("n, {}", names.join(", "));
        let places = [
            ("values", batches::numbered(&types, size)),
            ("numbered", numbered),
            ("limit", (2 * size * columns.len() + 1).to_string()),
            ("concerned", concerned.collect::<Vec<_>>().join(" OR ")),
        ];
        at_once(
            self.of_keys(include_str!("../sql/concerned.sql"), &places),
            locked,
        )
    }

    /// Finds more keys of one value, behind a key; parameters: the key's values that are not NULL, the value for each
    /// column, two for each, and how many keys.
    pub(crate) fn concerned_behind(&self, columns: &[ViewColumn], after: &KeyValues) -> String {
        let first = after.count() + 1;
        let places = (first..).step_by(2);
        let concerned = columns.iter().zip(places).map(|(column, place)| {
            let (is_there, value) = (format!("@P{place}"), format!("@P{}", place + 1));
            let value = column.key.cast_or_null(&is_there, &value);
            format!("{ROW}.{} = {value}", identifier(&column.name))
        });
        let places = [
            ("limit", (first + 2 * columns.len()).to_string()),
            ("concerned", concerned.collect::<Vec<_>>().join(" OR ")),
            ("behind", self.behind(after)),
        ];
        self.of_keys(include_str!("../sql/concerned_behind.sql"), &places)
    }

    /// Fills a text that finds distinct keys.
    fn of_keys(&self, template: &str, more: &[(&str, String)]) -> String {
        let columns = self.key.parts(|part| part.column(ROW));
        let names: Vec<_> = (1..=columns.len()).map(|n| format!("id{n}")).collect();
        let ranks: Vec<_> = names.iter().map(|name| format!("r.{name}")).collect();
        let mut places = vec![
            ("aliased", aliased(&columns, &names).join(",\n        ")),
            ("selected", self.key.selected_of(&ranks)),
            ("ranks", ranks.join(", ")),
        ];
        places.extend(more.iter().cloned());
        self.over_owned(template, &places)
    }

    /// Reads these columns' values of this many keys; parameters: the keys.
    pub(crate) fn watched_values(&self, columns: &[&ViewColumn], size: usize) -> String {
        let values = columns.iter().map(|column| {
            let value = format!("{ROW}.{}", identifier(&column.name));
            column.key.selected(&value)
        });
        let places = [
            ("values", values.collect::<Vec<_>>().join(",\n    ")),
            ("keys", self.key.numbered(size)),
            ("numbered", self.key.numbered_columns()),
            ("same", self.key.same(ROW)),
        ];
        self.over_owned(include_str!("../sql/watched_values.sql"), &places)
    }

    /// Counts the rows whose key would be split elsewhere than where it is joined; none for a key of one column.
    pub(crate) fn ambiguous_keys(&self) -> Option<String> {
        let is_unclear = self.key.is_unclear(ROW)?;
        let template = include_str!("../sql/ambiguous_keys.sql");
        Some(self.over(template, &[("is_unclear", &is_unclear)]))
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

    fn over_owned(&self, template: &str, more: &[(&str, String)]) -> String {
        let more: Vec<_> = more
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        self.over(template, &more)
    }

    fn over(&self, template: &str, more: &[(&str, &str)]) -> String {
        self.of(Content::Product, template, more)
    }

    fn of(&self, content: Content, template: &str, more: &[(&str, &str)]) -> String {
        let (name, price) = match content {
            Content::Product => (self.selected_name.as_str(), self.selected_price.as_str()),
            Content::Key => ("0", "0"),
        };
        let (selected_key, order) = (self.key.selected(ROW), self.key.listed(ROW));
        let mut places = vec![
            ("table", self.table.as_str()),
            ("selected_key", &selected_key),
            ("order", &order),
            ("selected_name", name),
            ("selected_price", price),
        ];
        places.extend(more);
        fill(template.trim_end(), &places)
    }
}

/// Each value under a name.
fn aliased(values: &[String], names: &[String]) -> Vec<String> {
    let pairs = values.iter().zip(names);
    pairs
        .map(|(value, name)| format!("{value} AS {name}"))
        .collect()
}

/// The text, which fails at once where another session has locked a row, if it should.
fn at_once(text: String, locked: Locked) -> String {
    match locked {
        Locked::Fail => text.replacen('\n', "\nSET LOCK_TIMEOUT 0;\n", 1),
        Locked::Wait | Locked::Skip => text,
    }
}

/// A clause inside of parentheses.
fn indented(clause: &str) -> String {
    clause.replacen('\n', "\n    ", 1)
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

/// Reads a page of records of watched tables; parameters: the `ChangeID`, the table and the key after which to continue,
/// and the page's length.
pub(crate) fn pending_of_watched(key: &KeyType) -> String {
    let template = include_str!("../sql/pending_of_watched.sql");
    fill(template, &[("key", &key.cast("@P3"))])
}

/// Deletes this many records of watched tables; parameters: the `ChangeID`, the table and the key of each.
pub(crate) fn acknowledge_watched(key: &KeyType, size: usize) -> String {
    fill(
        include_str!("../sql/acknowledge_watched.sql"),
        &[
            ("records", &batches::records(key, size)),
            ("exact_record", &key.exact("c.ProductID")),
            ("exact_key", &key.exact("k.id")),
        ],
    )
}

/// Finds the records of a watched table that have one of this many values; parameters: the values, which are compared
/// as this column compares.
pub(crate) fn records_of(source: i32, column: &KeyType, log: &KeyType, size: usize) -> String {
    let (values, collate) = match column.is_text() {
        true => {
            let text = log.collated_as(column);
            (batches::numbered(&[&text], size), column.collate())
        }
        false => (batches::numbered(&[log], size), String::new()),
    };
    fill(
        include_str!("../sql/records_of.sql"),
        &[
            ("values", values.as_str()),
            ("collate", &collate),
            ("source", &source.to_string()),
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
            more_ids: Vec::new(),
            is_unique_together: false,
            only: Vec::new(),
            watches: Vec::new(),
            key_parts: Vec::new(),
        }
    }

    fn key(table: &TableSchema) -> ProductKey {
        ProductKey::of(&KeyColumns::one("ID"), table).unwrap()
    }

    fn statements(table: &TableSchema, filter: Filter) -> Statements {
        let name = NameType::of(&table.names.data_type).unwrap();
        let price = PriceType::of(&table.price.data_type, None).unwrap();
        Statements::new(table, &key(table), name, price, filter)
    }

    fn texts(kind: Kind) -> Vec<String> {
        let table = table(kind);
        let statements = statements(&table, Filter::default());
        let log = KeyType::of(&table.id.data_type).unwrap();
        let at = key(&table).any();
        vec![
            statements.read(10, Locked::Wait, Content::Product),
            statements.read(10, Locked::Skip, Content::Product),
            statements.read(1, Locked::Fail, Content::Product),
            statements.read(1, Locked::Wait, Content::Key),
            statements.read_odd(&key(&table).null(), Content::Product),
            statements.scan_start(),
            statements.scan_behind(&at, true),
            statements.scan_behind(&at, false),
            statements.scan_keys(None),
            statements.scan_keys(Some(&at)),
            statements.keys_start(),
            statements.keys_behind(&at, true),
            statements.keys_behind(&at, false),
            statements.gap(Some(&at), End::Table).unwrap(),
            statements.view_keys(),
            statements.count(),
            pending(&log),
            changes_of(&log, 10),
            acknowledge(&log, 10),
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
        let statements = statements(&table, Filter::default());
        let id = key(&table).any();
        let log = KeyType::of(&table.id.data_type).unwrap();
        let behind = |text: Option<String>| {
            let text = text.unwrap();
            text.split_once(" AS p").unwrap().1.trim().to_owned()
        };
        let cast = |place| log.cast(place);
        assert_eq!(behind(statements.gap(None, End::Table)), "");
        assert_eq!(
            behind(statements.gap(None, End::Before(&id))),
            format!("WHERE p.[ID] < {}", cast("@P1"))
        );
        assert_eq!(
            behind(statements.gap(Some(&id), End::With(&id))),
            format!(
                "WHERE p.[ID] > {} AND p.[ID] <= {}",
                cast("@P1"),
                cast("@P2")
            )
        );
        // Nothing comes before NULL.
        let null = key(&table).null();
        assert_eq!(statements.gap(None, End::Before(&null)), None);
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
        let statements = statements(&table, filter);
        let at = key(&table).any();
        for locked in [Locked::Wait, Locked::Skip, Locked::Fail] {
            let text = statements.read(1, locked, Content::Product);
            assert!(text.contains("CASE WHEN p.[Gone] IS NULL THEN 1"), "{text}");
            assert!(!text.contains("WHERE"), "{text}");
        }
        for text in [
            statements.keys_start(),
            statements.keys_behind(&at, true),
            statements.gap(Some(&at), End::Table).unwrap(),
        ] {
            assert!(!text.contains("[Gone]"), "{text}");
        }
        for text in [statements.scan_start(), statements.count()] {
            assert!(text.contains("AS p\nWHERE p.[Gone] IS NULL"), "{text}");
        }
        let behind = statements.scan_behind(&at, true);
        assert!(behind.contains(" AND p.[Gone] IS NULL\nORDER"), "{behind}");
    }

    #[test]
    fn only_the_shops_own_view_is_joined_as_its_author_meant_it() {
        assert!(texts(Kind::Table)[0].ends_with("OPTION (LOOP JOIN, FORCE ORDER)"));
        assert!(!texts(Kind::View)[0].contains("OPTION"));
    }
}
