//! Converts keys between a column of SQL Server and the rest of the program.
//!
//! Every parameter is cast to the column's own type and collation, so that an index seek stays a seek, and
//! every text is read as `nvarchar`, so that the server converts code pages.

use std::borrow::Cow;

use shopmaster_product::ProductId;
use tiberius::{ColumnData, IntoSql, Row, ToSql};

use super::{
    data_type::DataType,
    error::{QueryError, QueryResult},
};

/// How the key column is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyType {
    form: Form,
    /// The declared type: `varchar(25)`.
    declared: String,
    /// The collation of a text type.
    collation: Option<String>,
    /// How many bytes the longest value has.
    bytes: i32,
}

/// The collation of keys that are kept as text: every server knows it.
pub(crate) const BINARY: &str = "Latin1_General_BIN2";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Whole numbers, from the first to the second value.
    Integer(i64, i64),
    /// Text of at most this many UTF-16 units.
    Unicode(usize),
    /// Text of at most this many bytes in a code page.
    CodePage(usize),
    /// A GUID: `6F9619FF-8B86-D011-B42D-00C04FC964FF`.
    Guid,
}

/// A key as a parameter. Never NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyParameter {
    Integer(i64),
    Text(String),
}

impl KeyType {
    /// The type of a key column, or why it cannot be the key, for people.
    pub(crate) fn of(column: &DataType) -> Result<Self, String> {
        let (form, declared, bytes) = match column.name.as_str() {
            "tinyint" => (Form::Integer(0, 255), "tinyint".to_owned(), 1),
            "smallint" => (
                Form::Integer(i16::MIN.into(), i16::MAX.into()),
                "smallint".to_owned(),
                2,
            ),
            "int" => (
                Form::Integer(i32::MIN.into(), i32::MAX.into()),
                "int".to_owned(),
                4,
            ),
            "bigint" => (Form::Integer(i64::MIN, i64::MAX), "bigint".to_owned(), 8),
            "decimal" | "numeric" if column.scale == 0 && column.precision <= 18 => {
                let most = 10_i64.pow(column.precision.into()) - 1;
                let declared = format!("{}({},0)", column.name, column.precision);
                (Form::Integer(-most, most), declared, 17)
            }
            "decimal" | "numeric" if column.scale == 0 => {
                return Err("it has more than 18 digits".to_owned());
            }
            "decimal" | "numeric" => return Err("it has digits after the decimal point".to_owned()),
            "char" | "varchar" | "nchar" | "nvarchar" => return Self::of_text(column),
            "uniqueidentifier" => (Form::Guid, "uniqueidentifier".to_owned(), 16),
            other => return Err(format!("its type is {other}")),
        };
        Ok(Self {
            form,
            declared,
            collation: None,
            bytes,
        })
    }

    fn of_text(column: &DataType) -> Result<Self, String> {
        let bytes = usize::try_from(column.max_length)
            .ok()
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| format!("its type is {}(max)", column.name))?;
        let (form, length) = match column.name.starts_with('n') {
            true => (Form::Unicode(bytes / 2), bytes / 2),
            false => (Form::CodePage(bytes), bytes),
        };
        Ok(Self {
            form,
            declared: format!("{}({length})", column.name),
            collation: column.collation.clone(),
            bytes: column.max_length,
        })
    }

    /// The declared type: `varchar(25)`.
    pub(crate) fn declared(&self) -> &str {
        &self.declared
    }

    /// The collation clause, ` COLLATE Latin1_General_CI_AS`, or an empty string.
    pub(crate) fn collate(&self) -> String {
        match &self.collation {
            Some(collation) => format!(" COLLATE {collation}"),
            None => String::new(),
        }
    }

    /// The type of a column that can hold such keys: `varchar(25) COLLATE Latin1_General_CI_AS`.
    pub(crate) fn column(&self) -> String {
        format!("{}{}", self.declared, self.collate())
    }

    /// Casts a parameter to a value of the column.
    ///
    /// For text, the collation is also given before the cast: the server uses its code page for converting to a
    /// narrow string, and otherwise the database's.
    ///
    /// Source: <https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql>.
    pub(crate) fn cast(&self, parameter: &str) -> String {
        let collate = self.collate();
        let before = match self.is_lossy() {
            true => collate.as_str(),
            false => "",
        };
        format!("CAST({parameter}{before} AS {}){collate}", self.declared)
    }

    /// Casts the two parameters of a [`KeyOrNull`] to a value of the column, or NULL.
    pub(crate) fn cast_or_null(&self, is_there: &str, parameter: &str) -> String {
        format!("CASE WHEN {is_there} = 1 THEN {} END", self.cast(parameter))
    }

    /// The type of a variable that can hold any value of the column, whatever the database's own code page.
    pub(crate) fn variable(&self) -> String {
        match self.form {
            Form::CodePage(length) if length <= 4_000 => format!("nvarchar({length})"),
            Form::CodePage(_) => "nvarchar(max)".to_owned(),
            _ => self.declared.clone(),
        }
    }

    /// The expression that selects a value of the column; see [`read`](Self::read).
    pub(crate) fn selected(&self, value: &str) -> String {
        match self.form {
            Form::Integer(..) => format!("CAST({value} AS bigint)"),
            Form::Guid => format!("CAST({value} AS nvarchar(36))"),
            Form::Unicode(length) | Form::CodePage(length) if length <= 4_000 => {
                format!("CAST({value} AS nvarchar({length}))")
            }
            Form::Unicode(_) | Form::CodePage(_) => format!("CAST({value} AS nvarchar(max))"),
        }
    }

    /// An expression for a value of the column that compares byte for byte.
    pub(crate) fn exact(&self, value: &str) -> String {
        match self.form {
            Form::Integer(..) | Form::Guid => value.to_owned(),
            Form::Unicode(_) | Form::CodePage(_) => {
                format!("CAST({value} AS varbinary({}))", self.bytes)
            }
        }
    }

    /// Whether a text may change when it is cast to the column's type, because its code page lacks some
    /// characters. Then the result must be read back and compared.
    pub(crate) fn is_lossy(&self) -> bool {
        matches!(self.form, Form::CodePage(_))
    }

    /// Whether `read_back` is `asked` converted without loss; `char` pads with spaces.
    pub(crate) fn survives(&self, asked: &ProductId, read_back: &ProductId) -> bool {
        let trimmed = |id: &ProductId| id.to_string().trim_end_matches(' ').to_owned();
        !self.is_lossy() || trimmed(asked) == trimmed(read_back)
    }

    /// The parameter for `id`; none when no value of the column can equal it. The text of a number is not a
    /// number: `007` and `7` are two products.
    pub(crate) fn parameter(&self, id: &ProductId) -> Option<KeyParameter> {
        match (self.form, id) {
            (Form::Integer(least, most), ProductId::Integer(number)) => (least..=most)
                .contains(number)
                .then_some(KeyParameter::Integer(*number)),
            (Form::Integer(..), ProductId::Text(_))
            | (Form::Unicode(_) | Form::CodePage(_) | Form::Guid, ProductId::Integer(_)) => None,
            (Form::Unicode(length), ProductId::Text(text)) => {
                (text.encode_utf16().count() <= length).then(|| KeyParameter::Text(text.clone()))
            }
            // A character of a code page takes at least one byte, and at most one UTF-16 unit more than bytes.
            (Form::CodePage(length), ProductId::Text(text)) => {
                (text.chars().count() <= length).then(|| KeyParameter::Text(text.clone()))
            }
            (Form::Guid, ProductId::Text(text)) => {
                is_guid(text).then(|| KeyParameter::Text(text.clone()))
            }
        }
    }

    /// The value that has this text, where a key is one of several: the text of a number is the number.
    pub(crate) fn of_text_form(&self, text: &str) -> Option<KeyParameter> {
        let Form::Integer(..) = self.form else {
            return self.parameter(&ProductId::Text(text.to_owned()));
        };
        let number = text
            .parse::<i64>()
            .ok()
            .filter(|it| it.to_string() == text)?;
        self.parameter(&ProductId::Integer(number))
    }

    /// The value that this text of another column's value is converted to; none when the text is no such value.
    /// Spaces at the end of a text do not count, as in a comparison.
    pub(crate) fn converted(&self, text: &str) -> Option<KeyParameter> {
        match self.form {
            Form::Integer(..) => {
                let number = text.trim().parse().ok()?;
                self.parameter(&ProductId::Integer(number))
            }
            Form::Unicode(_) | Form::CodePage(_) => {
                let text =
                    match self.declared.starts_with("char") || self.declared.starts_with("nchar") {
                        true => text,
                        false => text.trim_end_matches(' '),
                    };
                self.parameter(&ProductId::Text(text.to_owned()))
                    .or_else(|| {
                        self.parameter(&ProductId::Text(text.trim_end_matches(' ').to_owned()))
                    })
            }
            Form::Guid => self.parameter(&ProductId::Text(text.trim_end_matches(' ').to_owned())),
        }
    }

    /// Whether some value of the other type may be a value of this one.
    pub(crate) fn may_equal(&self, other: &Self) -> bool {
        let is_integer = |key: &Self| matches!(key.form, Form::Integer(..));
        let is_guid = |key: &Self| key.form == Form::Guid;
        !(is_integer(self) && is_guid(other) || is_guid(self) && is_integer(other))
    }

    /// Whether it is text, of whatever type.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.form, Form::Unicode(_) | Form::CodePage(_))
    }

    /// The same text, compared as the other column's.
    pub(crate) fn collated_as(&self, other: &Self) -> Self {
        Self {
            collation: other.collation.clone(),
            ..self.clone()
        }
    }

    /// How many characters the longest value has as text.
    pub(crate) fn length(&self) -> usize {
        match self.form {
            Form::Integer(..) => 20,
            Form::Unicode(length) | Form::CodePage(length) => length,
            Form::Guid => 36,
        }
    }

    /// An expression for a value of the column as text, which cannot fail, and which compares byte for byte.
    pub(crate) fn as_text(&self, value: &str) -> String {
        format!(
            "CAST({value} AS nvarchar({})) COLLATE {BINARY}",
            self.length()
        )
    }

    /// Any value of the column, where the value does not matter.
    pub(crate) fn any(&self) -> KeyParameter {
        match self.form {
            Form::Integer(..) => KeyParameter::Integer(0),
            Form::Unicode(_) | Form::CodePage(_) => KeyParameter::Text(String::new()),
            Form::Guid => KeyParameter::Text("00000000-0000-0000-0000-000000000000".to_owned()),
        }
    }

    /// The key in a column that was [`selected`](Self::selected); none for NULL.
    pub(crate) fn read(&self, row: &Row, index: usize) -> QueryResult<Option<ProductId>> {
        let read = match self.form {
            Form::Integer(..) => row.try_get(index).map(|key| key.map(ProductId::Integer)),
            Form::Unicode(_) | Form::CodePage(_) | Form::Guid => row
                .try_get::<&str, _>(index)
                .map(|key| key.map(|key| ProductId::Text(key.to_owned()))),
        };
        read.map_err(QueryError::from)
    }
}

impl From<KeyParameter> for ProductId {
    fn from(value: KeyParameter) -> Self {
        match value {
            KeyParameter::Integer(number) => Self::Integer(number),
            KeyParameter::Text(text) => Self::Text(text),
        }
    }
}

impl From<ProductId> for KeyParameter {
    fn from(value: ProductId) -> Self {
        match value {
            ProductId::Integer(number) => Self::Integer(number),
            ProductId::Text(text) => Self::Text(text),
        }
    }
}

impl ToSql for KeyParameter {
    fn to_sql(&self) -> ColumnData<'_> {
        match self {
            Self::Integer(number) => ColumnData::I64(Some(*number)),
            Self::Text(text) => ColumnData::String(Some(Cow::Borrowed(text))),
        }
    }
}

/// A key, or NULL, as two parameters: not every engine takes NULL for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyOrNull {
    is_there: i32,
    key: KeyParameter,
}

impl KeyOrNull {
    /// NULL, where a value would be of this type.
    pub(crate) fn null(key: &KeyType) -> Self {
        Self {
            is_there: 0,
            key: key.any(),
        }
    }

    pub(crate) fn new(key: KeyParameter) -> Self {
        Self { is_there: 1, key }
    }

    /// The two parameters, for [`KeyType::cast_or_null`].
    pub(crate) fn parameters(&self) -> [&dyn ToSql; 2] {
        [&self.is_there, &self.key]
    }
}

impl<'a> IntoSql<'a> for KeyParameter {
    fn into_sql(self) -> ColumnData<'a> {
        match self {
            Self::Integer(number) => ColumnData::I64(Some(number)),
            Self::Text(text) => ColumnData::String(Some(Cow::Owned(text))),
        }
    }
}

/// Whether the server accepts the text as a `uniqueidentifier`; anything else fails the whole statement.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, max_length: i32, precision: u8, scale: u8) -> DataType {
        let is_text = name.ends_with("char");
        DataType {
            name: name.to_owned(),
            max_length,
            precision,
            scale,
            collation: is_text.then(|| "Latin1_General_CI_AS".to_owned()),
        }
    }

    fn key(name: &str, max_length: i32, precision: u8) -> KeyType {
        KeyType::of(&column(name, max_length, precision, 0)).unwrap()
    }

    fn text(text: &str) -> ProductId {
        ProductId::Text(text.to_owned())
    }

    #[test]
    fn parameters_are_cast_to_the_columns_own_type() {
        for (key, cast) in [
            (key("int", 4, 10), "CAST(@P1 AS int)"),
            (key("numeric", 9, 18), "CAST(@P1 AS numeric(18,0))"),
            (
                key("varchar", 25, 0),
                "CAST(@P1 COLLATE Latin1_General_CI_AS AS varchar(25)) COLLATE Latin1_General_CI_AS",
            ),
            (
                key("nvarchar", 50, 0),
                "CAST(@P1 AS nvarchar(25)) COLLATE Latin1_General_CI_AS",
            ),
            (
                key("uniqueidentifier", 16, 0),
                "CAST(@P1 AS uniqueidentifier)",
            ),
        ] {
            assert_eq!(key.cast("@P1"), cast);
        }
        let key = key("nchar", 20, 0);
        assert_eq!(key.column(), "nchar(10) COLLATE Latin1_General_CI_AS");
        assert_eq!(key.selected("k"), "CAST(k AS nvarchar(10))");
        assert_eq!(key.exact("k"), "CAST(k AS varbinary(20))");
    }

    #[test]
    fn a_variable_knows_every_character() {
        for (key, variable) in [
            (key("int", 4, 10), "int"),
            (key("varchar", 25, 0), "nvarchar(25)"),
            (key("char", 8_000, 0), "nvarchar(max)"),
            (key("nchar", 20, 0), "nchar(10)"),
        ] {
            assert_eq!(key.variable(), variable);
        }
    }

    #[test]
    fn a_long_key_is_read_whole() {
        let selected = key("varchar", 8_000, 0).selected("k");
        assert_eq!(selected, "CAST(k AS nvarchar(max))");
    }

    #[test]
    fn other_types_are_no_keys() {
        for (column, reason) in [
            (column("float", 8, 53, 0), "its type is float"),
            (column("datetime", 8, 23, 3), "its type is datetime"),
            (column("varchar", -1, 0, 0), "its type is varchar(max)"),
            (column("nvarchar", -1, 0, 0), "its type is nvarchar(max)"),
            (column("decimal", 13, 19, 0), "it has more than 18 digits"),
            (
                column("decimal", 9, 18, 2),
                "it has digits after the decimal point",
            ),
            (
                column("sql_variant", 8_016, 0, 0),
                "its type is sql_variant",
            ),
        ] {
            assert_eq!(KeyType::of(&column).unwrap_err(), reason);
        }
    }

    #[test]
    fn what_no_value_of_the_column_can_be_is_not_asked_for() {
        let number = ProductId::Integer;
        for (key, fits, id) in [
            (key("tinyint", 1, 3), true, number(255)),
            (key("tinyint", 1, 3), false, number(256)),
            (key("tinyint", 1, 3), false, number(-1)),
            (key("int", 4, 10), false, number(1 << 31)),
            (key("bigint", 8, 19), true, number(i64::MIN)),
            (key("decimal", 5, 3), true, number(-999)),
            (key("decimal", 5, 3), false, number(1_000)),
            (key("int", 4, 10), false, text("7")),
            (key("varchar", 3, 0), false, number(7)),
            (key("varchar", 3, 0), true, text("äöü")),
            (key("varchar", 3, 0), false, text("abcd")),
            (key("nvarchar", 4, 0), true, text("😀")),
            (key("nvarchar", 2, 0), false, text("😀")),
            (
                key("uniqueidentifier", 16, 0),
                true,
                text("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            ),
            (
                key("uniqueidentifier", 16, 0),
                false,
                text("6f9619ff-8b86-d011-b42d-00c04fc964fg"),
            ),
            (
                key("uniqueidentifier", 16, 0),
                false,
                text("6f9619ff8b86d011b42d00c04fc964ff"),
            ),
        ] {
            assert_eq!(key.parameter(&id).is_some(), fits, "{key:?} {id}");
        }
    }

    #[test]
    fn a_text_that_the_code_page_lacks_is_another_text() {
        let narrow = key("char", 5, 0);
        assert!(narrow.survives(&text("P1"), &text("P1   ")));
        assert!(!narrow.survives(&text("P☃"), &text("P?")));
        assert!(!key("nchar", 10, 0).is_lossy());
    }
}
