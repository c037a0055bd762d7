//! The key of the product table: one column, or several that are unique together.
//!
//! A key is looked up and walked part by part, each cast to its own column's type and collation, so that a seek in the
//! key's index stays a seek.

use shopmaster_catalog::{KeyColumns, decimal::shortened};
use shopmaster_product::{Problem, ProductId};
use tiberius::{Row, ToSql};

use super::{
    column::Column,
    error::QueryResult,
    key::{KeyParameter, KeyType},
    quote::{identifier, literal as literal_text},
    schema::{Kind, TableSchema},
};

/// The key of the product table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProductKey {
    columns: KeyColumns,
    /// Never empty.
    parts: Vec<Part>,
    /// Whether a row may have NULL in it, as in a view.
    may_be_null: bool,
}

/// One column of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    name: String,
    key: KeyType,
}

/// A key's values in one row, in the order of its columns; none for NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyValues(Vec<Option<KeyParameter>>);

/// Which side of a key is meant, in the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    After,
    Before,
    /// Before it, and the key itself.
    UpTo,
}

impl ProductKey {
    /// The key of these columns, or why they cannot be one, for people.
    pub(crate) fn of(columns: &KeyColumns, table: &TableSchema) -> Result<Self, String> {
        let part = |column: &Column| {
            Ok(Part {
                name: column.name.clone(),
                key: KeyType::of(&column.data_type)
                    .map_err(|reason| table.of_one(column, &reason))?,
            })
        };
        Ok(Self {
            columns: columns.clone(),
            parts: table.ids().map(part).collect::<Result<_, String>>()?,
            may_be_null: table.kind == Kind::View,
        })
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.parts.len()
    }

    /// The expressions that select it; see [`read`](Self::read).
    pub(crate) fn selected(&self, row: &str) -> String {
        self.parts(|part| part.selected(row)).join(",\n    ")
    }

    /// The same of values with these names, one for each column.
    pub(crate) fn selected_of(&self, values: &[String]) -> String {
        let pairs = self.parts.iter().zip(values);
        let each = pairs.map(|(part, value)| part.key.selected(value));
        each.collect::<Vec<_>>().join(",\n    ")
    }

    /// Its columns, as for `ORDER BY`.
    pub(crate) fn listed(&self, row: &str) -> String {
        self.parts(|part| part.column(row)).join(", ")
    }

    /// Something of each column.
    pub(crate) fn parts(&self, one: impl Fn(&Part) -> String) -> Vec<String> {
        self.parts.iter().map(one).collect()
    }

    /// Whether the row `k` of [`numbered`](Self::numbered) has the key of this row.
    pub(crate) fn same(&self, row: &str) -> String {
        let names = self.names_of_values();
        let pairs = self.parts.iter().zip(names);
        let pairs = pairs.map(|(part, name)| format!("{} = k.{name}", part.column(row)));
        pairs.collect::<Vec<_>>().join(" AND ")
    }

    /// The columns of a table of numbered keys: `n, id`.
    pub(crate) fn numbered_columns(&self) -> String {
        format!("n, {}", self.names_of_values().join(", "))
    }

    /// The rows of a table of this many numbered keys: `(1, CAST(@P1 AS int)), …`.
    pub(crate) fn numbered(&self, size: usize) -> String {
        let width = self.width();
        let one = |n: usize| {
            let casts = self.parts.iter().zip((n - 1) * width + 1..);
            let casts = casts.map(|(part, place)| part.key.cast(&format!("@P{place}")));
            format!("({n}, {})", casts.collect::<Vec<_>>().join(", "))
        };
        (1..=size).map(one).collect::<Vec<_>>().join(", ")
    }

    /// The expressions that select a numbered key as the columns' types keep it; `0` for a part that no type changes.
    pub(crate) fn read_back(&self) -> String {
        let names = self.names_of_values();
        let each = self
            .parts
            .iter()
            .zip(names)
            .map(|(part, name)| match part.key.is_lossy() {
                true => part.key.selected(&format!("k.{name}")),
                false => "0".to_owned(),
            });
        each.collect::<Vec<_>>().join(",\n    ")
    }

    /// Whether a numbered key that was [read back](Self::read_back) from this column on is still the one asked for.
    pub(crate) fn survives(
        &self,
        asked: &KeyValues,
        found: &Row,
        first: usize,
    ) -> QueryResult<bool> {
        for (place, (part, value)) in self.parts.iter().zip(&asked.0).enumerate() {
            let Some(value) = value.as_ref().filter(|_| part.key.is_lossy()) else {
                continue;
            };
            let back = part.key.read(found, first + place)?;
            let asked = ProductId::from(value.clone());
            if !back.is_some_and(|back| part.key.survives(&asked, &back)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The condition for rows on one side of a key; its values that are not NULL are parameters from `@P{first}` on.
    /// NULL comes before every value. None when there can be no such row.
    pub(crate) fn beside(
        &self,
        row: &str,
        side: Side,
        values: &KeyValues,
        first: usize,
    ) -> Option<String> {
        let mut place = first;
        let mut compared = Vec::with_capacity(self.width());
        for (part, value) in self.parts.iter().zip(&values.0) {
            let cast = value.as_ref().map(|_| {
                place += 1;
                part.key.cast(&format!("@P{}", place - 1))
            });
            compared.push(Compared {
                column: part.column(row),
                value: cast,
            });
        }
        let (last, before) = compared.split_last()?;
        let mut condition = match side {
            Side::UpTo => Some(last.up_to()),
            side => last.strictly(side),
        };
        for (place, part) in before.iter().enumerate().rev() {
            let here = part.strictly(side);
            let behind = condition.map(|rest| format!("{} AND {rest}", part.same()));
            condition = match (here, behind) {
                (Some(here), Some(behind)) => Some(format!("({here} OR ({behind}))")),
                (Some(only), None) | (None, Some(only)) => Some(format!("({only})")),
                (None, None) => None,
            };
            // What an index can be sought by.
            if place == 0
                && let (Some(all), Some(value)) = (&condition, &part.value)
            {
                let sign = if side == Side::After { ">=" } else { "<=" };
                condition = Some(format!("{} {sign} {value} AND {all}", part.column));
            }
        }
        condition
    }

    /// The condition for rows with exactly this key; its values that are not NULL are parameters from `@P1` on.
    pub(crate) fn exactly(&self, row: &str, values: &KeyValues) -> String {
        let mut place = 0;
        let mut all = Vec::with_capacity(self.width());
        for (part, value) in self.parts.iter().zip(&values.0) {
            let value = value.as_ref().map(|_| {
                place += 1;
                part.key.cast(&format!("@P{place}"))
            });
            let column = part.column(row);
            all.push(Compared { column, value }.same());
        }
        all.join(" AND ")
    }

    /// The key in the columns that were [`selected`](Self::selected), from `first` on.
    pub(crate) fn read(&self, row: &Row, first: usize) -> QueryResult<KeyValues> {
        let parts = self.parts.iter().enumerate();
        let value = |(place, part): (usize, &Part)| -> QueryResult<_> {
            Ok(part.key.read(row, first + place)?.map(KeyParameter::from))
        };
        Ok(KeyValues(parts.map(value).collect::<QueryResult<_>>()?))
    }

    /// The id that a row with these values has, and why it cannot be sent, if so.
    pub(crate) fn shown(&self, values: &KeyValues) -> (ProductId, Option<Problem>) {
        if !self.columns.is_composite() {
            return match values.0.first() {
                Some(Some(value)) => (ProductId::from(value.clone()), None),
                _ => {
                    let problem = Problem("the key is NULL".to_owned());
                    (ProductId::Text(NULL.to_owned()), Some(problem))
                }
            };
        }
        let texts: Vec<_> = values
            .0
            .iter()
            .map(|value| {
                value
                    .clone()
                    .map(|value| ProductId::from(value).to_string())
            })
            .collect();
        match self.odd_part(&texts) {
            None => {
                let texts: Vec<_> = texts.iter().flatten().map(String::as_str).collect();
                let id = self.columns.join(&texts).unwrap_or_default();
                (ProductId::Text(id), None)
            }
            Some(problem) => (ProductId::Text(literal(&texts)), Some(Problem(problem))),
        }
    }

    /// What is wrong with a part, for people.
    fn odd_part(&self, texts: &[Option<String>]) -> Option<String> {
        let separator = self.columns.separator();
        let last = self.width() - 1;
        for (place, (part, text)) in self.parts.iter().zip(texts).enumerate() {
            let name = &part.name;
            match text {
                None => return Some(format!("the key's column `{name}` is NULL")),
                Some(text) if place < last && !self.columns.is_clear(text) => {
                    let how = match text.contains(separator) {
                        true => "contains",
                        false => "ends like",
                    };
                    return Some(format!(
                        "the key's column `{name}` {how} the separator `{separator}`: `{}`",
                        shortened(text)
                    ));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// The values that an id stands for; none when no row can have it.
    pub(crate) fn plain(&self, id: &ProductId) -> Option<KeyValues> {
        if !self.columns.is_composite() {
            let part = self.parts.first()?;
            return Some(KeyValues(vec![Some(part.key.parameter(id)?)]));
        }
        let ProductId::Text(text) = id else {
            return None;
        };
        let texts = self.columns.split(text)?;
        let values = self.parts.iter().zip(texts);
        let values = values.map(|(part, text)| Some(Some(part.key.of_text_form(text)?)));
        Some(KeyValues(values.collect::<Option<_>>()?))
    }

    /// The values of a row that cannot be sent, if the id is what is [`shown`](Self::shown) of them.
    pub(crate) fn odd(&self, id: &ProductId) -> Option<KeyValues> {
        let ProductId::Text(text) = id else {
            return None;
        };
        let values = match self.columns.is_composite() {
            false => (text == NULL).then(|| KeyValues(vec![None]))?,
            true => {
                let texts = parsed(text)?;
                if texts.len() != self.width() {
                    return None;
                }
                let values = self.parts.iter().zip(texts);
                let values = values.map(|(part, text)| match text {
                    Some(text) => Some(Some(part.key.of_text_form(&text)?)),
                    None => Some(None),
                });
                KeyValues(values.collect::<Option<_>>()?)
            }
        };
        let (shown, problem) = self.shown(&values);
        let is_possible = self.may_be_null || !values.has_null();
        (is_possible && problem.is_some() && shown == *id).then_some(values)
    }

    /// The id whose only value is converted from this text of another column's value.
    pub(crate) fn converted(&self, text: &str) -> Option<ProductId> {
        let part = self
            .parts
            .first()
            .filter(|_| !self.columns.is_composite())?;
        part.key.converted(text).map(ProductId::from)
    }

    /// The condition for a row of which a part before the last is not clear, as [`KeyColumns::is_clear`] has it; none for
    /// a key of one column.
    pub(crate) fn is_unclear(&self, row: &str) -> Option<String> {
        let (_, before) = self.parts.split_last()?;
        let separator = literal_text(self.columns.separator());
        let each = before.iter().map(|part| {
            let text = part.key.as_text(&part.column(row));
            // Behind the text: spaces at its end would not count.
            format!("CHARINDEX({separator}, {text} + {separator}) < LEN({text} + N'.')")
        });
        let each: Vec<_> = each.collect();
        (!each.is_empty()).then(|| each.join(" OR "))
    }

    /// Any key.
    pub(crate) fn any(&self) -> KeyValues {
        let any = self.parts.iter().map(|part| Some(part.key.any()));
        KeyValues(any.collect())
    }

    /// The key of a row that has NULL in each column.
    pub(crate) fn null(&self) -> KeyValues {
        KeyValues(vec![None; self.width()])
    }

    /// How the values of a table of keys are named.
    fn names_of_values(&self) -> Vec<String> {
        match self.width() {
            1 => vec!["id".to_owned()],
            width => (1..=width).map(|n| format!("id{n}")).collect(),
        }
    }
}

impl Part {
    /// The column's name, quoted for T-SQL.
    pub(crate) fn name(&self) -> String {
        identifier(&self.name)
    }

    /// The column in a row of this alias.
    pub(crate) fn column(&self, row: &str) -> String {
        format!("{row}.{}", self.name())
    }

    /// The expression that selects it of a row of this alias.
    pub(crate) fn selected(&self, row: &str) -> String {
        self.key.selected(&self.column(row))
    }
}

impl KeyValues {
    pub(crate) fn has_null(&self) -> bool {
        self.0.contains(&None)
    }

    /// The values that are not NULL, as parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &dyn ToSql> {
        let values = self.0.iter().flatten();
        values.map(|value| value as &dyn ToSql)
    }

    /// How many parameters it has.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// A column that is compared with a value; none for NULL.
struct Compared {
    column: String,
    value: Option<String>,
}

impl Compared {
    fn same(&self) -> String {
        match &self.value {
            Some(value) => format!("{} = {value}", self.column),
            None => format!("{} IS NULL", self.column),
        }
    }

    fn up_to(&self) -> String {
        match &self.value {
            Some(value) => format!("{} <= {value}", self.column),
            None => format!("{} IS NULL", self.column),
        }
    }

    /// None when nothing is on that side.
    fn strictly(&self, side: Side) -> Option<String> {
        match (side, &self.value) {
            (Side::After, Some(value)) => Some(format!("{} > {value}", self.column)),
            (Side::After, None) => Some(format!("{} IS NOT NULL", self.column)),
            (Side::Before | Side::UpTo, Some(value)) => Some(format!("{} < {value}", self.column)),
            (Side::Before | Side::UpTo, None) => None,
        }
    }
}

/// The id of a row whose key is NULL.
const NULL: &str = "NULL";

/// The id of a row whose parts make no id: `('3-4', 'A', NULL)`.
fn literal(texts: &[Option<String>]) -> String {
    let quoted = texts.iter().map(|text| match text {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => NULL.to_owned(),
    });
    format!("({})", quoted.collect::<Vec<_>>().join(", "))
}

/// The parts that a [`literal`] is made of.
fn parsed(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut parts = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(NULL) {
            parts.push(None);
            rest = behind;
        } else {
            let mut part = String::new();
            rest = rest.strip_prefix('\'')?;
            loop {
                let (before, behind) = rest.split_once('\'')?;
                part.push_str(before);
                rest = behind;
                match rest.strip_prefix('\'') {
                    Some(behind) => {
                        part.push('\'');
                        rest = behind;
                    }
                    None => break,
                }
            }
            parts.push(Some(part));
        }
        match rest.strip_prefix(", ") {
            Some(behind) => rest = behind,
            None => return rest.is_empty().then_some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts;

    const C: &str = "COLLATE Latin1_General_CI_AS";

    /// `Company int`, `Item nvarchar(10)`, `Lot varchar(5)`, as many of them as are asked for.
    fn key(width: usize, kind: Kind) -> ProductKey {
        let columns = ["Item", "Name", "Price"];
        let mut table = texts::table("dbo", "Products", columns, ("nvarchar", 20, 0));
        table.kind = kind;
        let all = [
            ("Company", "int", 4),
            ("Item", "nvarchar", 20),
            ("Lot", "varchar", 5),
        ];
        let mut all = all.into_iter().map(|(name, data_type, bytes)| {
            let key = (data_type, bytes, 10);
            texts::table("dbo", "x", [name, "y", "z"], key).id
        });
        if width > 1 {
            table.id = all.next().unwrap();
            table.more_ids = all.take(width - 1).collect();
        }
        let more = table.more_ids.iter().map(|column| column.name.clone());
        let columns = KeyColumns::several(table.id.name.clone(), more.collect(), "-");
        ProductKey::of(&columns, &table).unwrap()
    }

    fn text(text: &str) -> ProductId {
        ProductId::Text(text.to_owned())
    }

    #[test]
    fn one_column_is_compared_alone() {
        let key = key(1, Kind::View);
        let at = key.plain(&text("a")).unwrap();
        let value = format!("CAST(@P3 AS nvarchar(10)) {C}");
        let beside = |side| key.beside("p", side, &at, 3).unwrap();
        assert_eq!(beside(Side::After), format!("p.[Item] > {value}"));
        assert_eq!(beside(Side::Before), format!("p.[Item] < {value}"));
        assert_eq!(beside(Side::UpTo), format!("p.[Item] <= {value}"));
        let null = key.null();
        let beside = |side| key.beside("p", side, &null, 1);
        assert_eq!(beside(Side::After).unwrap(), "p.[Item] IS NOT NULL");
        assert_eq!(beside(Side::Before), None);
        assert_eq!(beside(Side::UpTo).unwrap(), "p.[Item] IS NULL");
    }

    #[test]
    fn several_columns_are_compared_part_by_part() {
        let key = key(3, Kind::Table);
        let at = key.plain(&text("3-A-x-1")).unwrap();
        let company = "CAST(@P1 AS int)";
        let item = format!("CAST(@P2 AS nvarchar(10)) {C}");
        let lot = format!("CAST(@P3 {C} AS varchar(5)) {C}");
        assert_eq!(
            key.beside("p", Side::After, &at, 1).unwrap(),
            format!(
                "p.[Company] >= {company} AND (p.[Company] > {company} OR (p.[Company] = {company} AND \
                 (p.[Item] > {item} OR (p.[Item] = {item} AND p.[Lot] > {lot}))))"
            )
        );
        assert_eq!(
            key.beside("p", Side::UpTo, &at, 1).unwrap(),
            format!(
                "p.[Company] <= {company} AND (p.[Company] < {company} OR (p.[Company] = {company} AND \
                 (p.[Item] < {item} OR (p.[Item] = {item} AND p.[Lot] <= {lot}))))"
            )
        );
        assert_eq!(key.listed("p"), "p.[Company], p.[Item], p.[Lot]");
        assert_eq!(
            key.same("p"),
            "p.[Company] = k.id1 AND p.[Item] = k.id2 AND p.[Lot] = k.id3"
        );
        assert_eq!(key.numbered_columns(), "n, id1, id2, id3");
        assert!(key.numbered(2).contains("(2, CAST(@P4 AS int), "));
        assert_eq!(
            key.read_back(),
            "0,\n    0,\n    CAST(k.id3 AS nvarchar(5))"
        );
    }

    #[test]
    fn null_comes_before_every_value() {
        let key = key(2, Kind::View);
        let beside = |values: &[Option<i64>; 2], side| {
            let part = |value: &Option<i64>, text: bool| {
                value.map(|value| match text {
                    true => KeyParameter::Text(value.to_string()),
                    false => KeyParameter::Integer(value),
                })
            };
            let values = KeyValues(vec![part(&values[0], false), part(&values[1], true)]);
            key.beside("p", side, &values, 1)
        };
        let company = "CAST(@P1 AS int)";
        assert_eq!(
            beside(&[Some(3), None], Side::After).unwrap(),
            format!(
                "p.[Company] >= {company} AND (p.[Company] > {company} OR (p.[Company] = {company} AND p.[Item] IS NOT NULL))"
            )
        );
        assert_eq!(
            beside(&[None, Some(1)], Side::After).unwrap(),
            format!(
                "(p.[Company] IS NOT NULL OR (p.[Company] IS NULL AND p.[Item] > CAST(@P1 AS nvarchar(10)) {C}))"
            )
        );
        assert_eq!(
            beside(&[Some(3), None], Side::Before).unwrap(),
            format!("p.[Company] <= {company} AND (p.[Company] < {company})")
        );
        assert_eq!(beside(&[None, None], Side::Before), None);
    }

    #[test]
    fn an_id_is_the_parts_of_its_row() {
        let one = key(1, Kind::Table);
        let two = key(2, Kind::Table);
        for (key, id, expected) in [
            (&one, text("a-b"), Some(vec!["a-b"])),
            (&one, ProductId::Integer(7), None),
            (&two, text("3-A-1"), Some(vec!["3", "A-1"])),
            (&two, text("-5"), None),
            (&two, text("03-A"), None),
            (&two, text("+3-A"), None),
            (&two, text("99999999999-A"), None),
            (&two, text("3-A1234567890"), None),
            (&two, text("3"), None),
            (&two, ProductId::Integer(3), None),
        ] {
            let values = key.plain(&id);
            let parts = values.as_ref().map(|values| {
                let parts = values.0.iter().flatten().cloned().map(ProductId::from);
                parts.map(|part| part.to_string()).collect::<Vec<_>>()
            });
            let expected = expected.map(|parts| parts.into_iter().map(str::to_owned).collect());
            assert_eq!(parts, expected, "{id}");
            if let Some(values) = values {
                assert_eq!(key.shown(&values), (id, None));
            }
        }
    }

    #[test]
    fn a_key_that_makes_no_id_is_shown_and_found_again() {
        let integer = |number| Some(KeyParameter::Integer(number));
        let part = |part: &str| Some(KeyParameter::Text(part.to_owned()));
        let null = (vec![None], "NULL", "the key is NULL");
        let (one, two, three) = (key(1, Kind::View), key(2, Kind::View), key(3, Kind::View));
        for (key, (values, id, words)) in [
            (&one, null),
            (
                &two,
                (vec![integer(3), None], "('3', NULL)", "`Item` is NULL"),
            ),
            (
                &two,
                (
                    vec![None, part("it's")],
                    "(NULL, 'it''s')",
                    "`Company` is NULL",
                ),
            ),
            (
                &two,
                (
                    vec![integer(-3), part("A")],
                    "('-3', 'A')",
                    "`Company` contains the separator `-`: `-3`",
                ),
            ),
            (
                &three,
                (
                    vec![integer(3), part("A-', '"), part("-x")],
                    "('3', 'A-'', ''', '-x')",
                    "`Item` contains the separator `-`",
                ),
            ),
        ] {
            let values = KeyValues(values);
            let (shown, problem) = key.shown(&values);
            assert_eq!(shown, text(id));
            let problem = problem.unwrap().to_string();
            assert!(problem.contains(words), "{problem}");
            assert_eq!(key.odd(&shown), Some(values));
        }
        // What is no such key is not taken for one.
        for id in [
            "NULL",
            "('3', 'A')",
            "(NULL)",
            "('3', NULL",
            "('x', NULL)",
            "3-A",
        ] {
            assert_eq!(two.odd(&text(id)), None, "{id}");
        }
        // No row of a table has NULL in its key.
        assert_eq!(key(1, Kind::Table).odd(&text("NULL")), None);
        assert_eq!(key(2, Kind::Table).odd(&text("('3', NULL)")), None);
        assert!(key(2, Kind::Table).odd(&text("('-3', 'A')")).is_some());
    }
}
