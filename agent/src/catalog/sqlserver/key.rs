//! Keys between a column of SQL Server and the rest of the program.
//!
//! Every parameter is cast to the column's own type and collation, so that an index seek stays a seek, and
//! every text comes as `nvarchar`, so that it is the server that converts code pages.

use std::borrow::Cow;

use tiberius::{ColumnData, IntoSql, Row, ToSql};

use super::{
    facts::DataType,
    fault::{Fault, Work},
};
use crate::product::ProductId;

/// How the key column is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyType {
    form: Form,
    /// `varchar(25)`.
    declared: String,
    /// Of texts.
    collation: Option<String>,
    /// Bytes of the longest value.
    bytes: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Whole numbers from the first to the second.
    Integer(i64, i64),
    /// At most this many UTF-16 units.
    Unicode(usize),
    /// At most this many bytes of a code page.
    CodePage(usize),
    /// `6F9619FF-8B86-D011-B42D-00C04FC964FF`.
    Guid,
}

/// A key as a parameter. Never NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyParameter {
    Integer(i64),
    Text(String),
}

impl KeyType {
    /// The type of a key column, or why it cannot be the key, for people.
    pub(super) fn of(column: &DataType) -> Result<Self, String> {
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
            "decimal" | "numeric" => return Err("it has digits behind the point".to_owned()),
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

    /// `varchar(25)`.
    pub(super) fn declared(&self) -> &str {
        &self.declared
    }

    /// ` COLLATE Latin1_General_CI_AS`, or nothing.
    pub(super) fn collate(&self) -> String {
        match &self.collation {
            Some(collation) => format!(" COLLATE {collation}"),
            None => String::new(),
        }
    }

    /// `varchar(25) COLLATE Latin1_General_CI_AS`: of a column that holds such keys.
    pub(super) fn column(&self) -> String {
        format!("{}{}", self.declared, self.collate())
    }

    /// A parameter as a value of the column.
    pub(super) fn cast(&self, parameter: &str) -> String {
        format!("CAST({parameter} AS {}){}", self.declared, self.collate())
    }

    /// A value of the column as it is read, see [`read`](Self::read).
    pub(super) fn selected(&self, value: &str) -> String {
        match self.form {
            Form::Integer(..) => format!("CAST({value} AS bigint)"),
            Form::Guid => format!("CAST({value} AS nvarchar(36))"),
            Form::Unicode(length) | Form::CodePage(length) if length <= 4_000 => {
                format!("CAST({value} AS nvarchar({length}))")
            }
            Form::Unicode(_) | Form::CodePage(_) => format!("CAST({value} AS nvarchar(max))"),
        }
    }

    /// A value of the column as something that is equal only byte for byte.
    pub(super) fn exact(&self, value: &str) -> String {
        match self.form {
            Form::Integer(..) | Form::Guid => value.to_owned(),
            Form::Unicode(_) | Form::CodePage(_) => {
                format!("CAST({value} AS varbinary({}))", self.bytes)
            }
        }
    }

    /// Whether a text may become another one when it is cast to the column's type: characters that the code
    /// page lacks. Then what it became is to be read back and compared.
    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.form, Form::CodePage(_))
    }

    /// Whether `read_back` is what `asked` becomes without loss; `char` pads with spaces.
    pub(super) fn survives(&self, asked: &ProductId, read_back: &ProductId) -> bool {
        let trimmed = |id: &ProductId| id.to_string().trim_end_matches(' ').to_owned();
        !self.is_lossy() || trimmed(asked) == trimmed(read_back)
    }

    /// The parameter for `id`; none when no value of the column can be it. A text of a number is not a
    /// number: `007` and `7` are two products.
    pub(super) fn parameter(&self, id: &ProductId) -> Option<KeyParameter> {
        match (self.form, id) {
            (Form::Integer(least, most), ProductId::Integer(number)) => (least..=most)
                .contains(number)
                .then_some(KeyParameter::Integer(*number)),
            (Form::Integer(..), ProductId::Text(_))
            | (Form::Unicode(_) | Form::CodePage(_) | Form::Guid, ProductId::Integer(_)) => None,
            (Form::Unicode(length), ProductId::Text(text)) => {
                (text.encode_utf16().count() <= length).then(|| KeyParameter::Text(text.clone()))
            }
            // A character of a code page is at least a byte, and at most one UTF-16 unit longer.
            (Form::CodePage(length), ProductId::Text(text)) => {
                (text.chars().count() <= length).then(|| KeyParameter::Text(text.clone()))
            }
            (Form::Guid, ProductId::Text(text)) => {
                is_guid(text).then(|| KeyParameter::Text(text.clone()))
            }
        }
    }

    /// Some value of the column, where any will do.
    pub(super) fn any(&self) -> KeyParameter {
        match self.form {
            Form::Integer(..) => KeyParameter::Integer(0),
            Form::Unicode(_) | Form::CodePage(_) => KeyParameter::Text(String::new()),
            Form::Guid => KeyParameter::Text("00000000-0000-0000-0000-000000000000".to_owned()),
        }
    }

    /// The key in a column that was [`selected`](Self::selected); none for NULL.
    pub(super) fn read(&self, row: &Row, index: usize) -> Work<Option<ProductId>> {
        let read = match self.form {
            Form::Integer(..) => row.try_get(index).map(|key| key.map(ProductId::Integer)),
            Form::Unicode(_) | Form::CodePage(_) | Form::Guid => row
                .try_get::<&str, _>(index)
                .map(|key| key.map(|key| ProductId::Text(key.to_owned()))),
        };
        read.map_err(Fault::from)
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

impl<'a> IntoSql<'a> for KeyParameter {
    fn into_sql(self) -> ColumnData<'a> {
        match self {
            Self::Integer(number) => ColumnData::I64(Some(number)),
            Self::Text(text) => ColumnData::String(Some(Cow::Owned(text))),
        }
    }
}

/// What the server takes for a `uniqueidentifier`; anything else fails the whole statement.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
