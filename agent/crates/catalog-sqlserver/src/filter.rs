//! The conditions under which a row is a product that is sold, as T-SQL over the row `p`.
//!
//! Values are part of the text, so that there is one plan, quoted and cast here to the column's own type: a column
//! is never converted, and a value that would be rounded or cut by the cast is refused.

use shopmaster_catalog::{
    CatalogError, Condition, Mapping, Scalar, Test,
    decimal::{plain, shortened},
};
use shopmaster_product::Price;

use super::{
    column::Column,
    data_type::DataType,
    quote::{identifier, literal},
    schema::TableSchema,
};

/// What a row must meet to be sold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter(Option<String>);

/// How a column is compared with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A number with so many digits after the decimal point, from the first to the second value in units of them.
    Number(u8, i128, i128),
    /// Text of at most this many characters; `true` for a code page, which lacks some characters.
    Text(usize, bool),
    Guid,
}

/// A type whose values can be compared with values of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparable {
    form: Form,
    /// The declared type: `varchar(25)`.
    declared: String,
    /// ` COLLATE Latin1_General_CI_AS`, or an empty string.
    collate: String,
}

impl Filter {
    /// # Errors
    ///
    /// [`CatalogError::UnfitCondition`] when a condition's column is missing, or its type or a value does not fit.
    pub(crate) fn new(mapping: &Mapping, table: &TableSchema) -> Result<Self, CatalogError> {
        let mut all = Vec::new();
        for (condition, column) in mapping.only.iter().zip(&table.only) {
            let column = column.as_ref().ok_or_else(|| {
                "the table has no such column, or this login may not see it".to_owned()
            });
            let text = column.and_then(|column| tested(condition, column));
            all.push(text.map_err(|reason| CatalogError::UnfitCondition {
                table: mapping.table.clone(),
                column: condition.column.clone(),
                reason,
            })?);
        }
        Ok(Self((!all.is_empty()).then(|| all.join(" AND "))))
    }

    /// Whether every row is sold.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The whole condition; none when every row is sold.
    pub(crate) fn condition(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The whole condition as a clause of its own: `⏎WHERE …`, or an empty string.
    pub(crate) fn clause(&self) -> String {
        self.after("\nWHERE ")
    }

    /// The whole condition behind another one: ` AND …`, or an empty string.
    pub(crate) fn and(&self) -> String {
        self.after(" AND ")
    }

    /// A further column that says whether the row is sold, or an empty string.
    pub(crate) fn column(&self) -> String {
        match &self.0 {
            Some(text) => format!(",\n    CASE WHEN {text} THEN 1 ELSE 0 END"),
            None => String::new(),
        }
    }

    fn after(&self, lead: &str) -> String {
        match &self.0 {
            Some(text) => format!("{lead}{text}"),
            None => String::new(),
        }
    }
}

/// One condition over the row `p`, or why it does not fit the column, for people.
fn tested(condition: &Condition, column: &Column) -> Result<String, String> {
    let own = format!("p.{}", identifier(&column.name));
    let (values, is_in) = match &condition.test {
        Test::IsNull => return Ok(format!("{own} IS NULL")),
        Test::NotNull => return Ok(format!("{own} IS NOT NULL")),
        Test::Is(values) => (values, true),
        Test::IsNot(values) => (values, false),
    };
    let own_type = Comparable::of(&column.data_type)?;
    let (value, comparable) = match values.iter().all(|value| own_type.holds(value)) {
        true => (own.clone(), own_type),
        // Characters that the code page lacks are compared as what they are.
        false => {
            let wide = own_type.in_unicode();
            (wide.cast(&own), wide)
        }
    };
    let texts = values.iter().map(|value| comparable.value(value));
    let texts = texts.collect::<Result<Vec<_>, _>>()?.join(", ");
    Ok(match (values.is_empty(), is_in) {
        (true, true) => "1 = 0".to_owned(),
        (true, false) => "1 = 1".to_owned(),
        (false, true) => format!("{value} IN ({texts})"),
        (false, false) => format!("({own} IS NULL OR {value} NOT IN ({texts}))"),
    })
}

impl Comparable {
    /// The type of a condition's column, or why its values cannot be compared, for people.
    fn of(column: &DataType) -> Result<Self, String> {
        let name = column.name.as_str();
        let powers = |digits: u8| 10_i128.pow(digits.into()) - 1;
        let number = |form, declared: String| {
            Ok(Self {
                form,
                declared,
                collate: String::new(),
            })
        };
        let plainly = |scale, least: i64, most: i64| {
            let form = Form::Number(scale, least.into(), most.into());
            number(form, name.to_owned())
        };
        match name {
            "bit" => plainly(0, 0, 1),
            "tinyint" => plainly(0, 0, 255),
            "smallint" => plainly(0, i16::MIN.into(), i16::MAX.into()),
            "int" => plainly(0, i32::MIN.into(), i32::MAX.into()),
            "bigint" => plainly(0, i64::MIN, i64::MAX),
            "smallmoney" => plainly(4, i32::MIN.into(), i32::MAX.into()),
            "money" => plainly(4, i64::MIN, i64::MAX),
            "decimal" | "numeric" => {
                let most = powers(column.precision.min(38));
                let declared = format!("{name}({},{})", column.precision, column.scale);
                number(Form::Number(column.scale, -most, most), declared)
            }
            "char" | "varchar" | "nchar" | "nvarchar" if column.max_length > 0 => {
                Ok(Self::of_text(column))
            }
            "char" | "varchar" | "nchar" | "nvarchar" => Err(unfit(&format!("{name}(max)"))),
            "uniqueidentifier" => number(Form::Guid, name.to_owned()),
            other => Err(unfit(other)),
        }
    }

    fn of_text(column: &DataType) -> Self {
        let bytes = usize::try_from(column.max_length).unwrap_or_default();
        let is_code_page = !column.name.starts_with('n');
        let length = if is_code_page { bytes } else { bytes / 2 };
        Self {
            form: Form::Text(length, is_code_page),
            declared: format!("{}({length})", column.name),
            collate: match &column.collation {
                Some(collation) => format!(" COLLATE {collation}"),
                None => String::new(),
            },
        }
    }

    /// Whether the type has every character of the value, whatever its code page.
    fn holds(&self, value: &Scalar) -> bool {
        let is_code_page = matches!(self.form, Form::Text(_, true));
        !is_code_page || value.text().is_none_or(|text| text.is_ascii())
    }

    /// The same text in Unicode.
    fn in_unicode(&self) -> Self {
        let length = match self.form {
            Form::Text(length, _) => length,
            Form::Number(..) | Form::Guid => return self.clone(),
        };
        Self {
            form: Form::Text(length, false),
            declared: match length {
                0..=4_000 => format!("nvarchar({length})"),
                _ => "nvarchar(max)".to_owned(),
            },
            collate: self.collate.clone(),
        }
    }

    /// A value of a condition as T-SQL of this type, or why it does not fit, for people.
    fn value(&self, value: &Scalar) -> Result<String, String> {
        let declared = &self.declared;
        let shown = || shortened(&value.to_string());
        match self.form {
            Form::Number(scale, least, most) => {
                let number = value.number().and_then(|number| plain(&number).ok());
                let Some(number) = number else {
                    return Err(format!(
                        "{} is not a number, and its type is {declared}",
                        shown()
                    ));
                };
                let units = in_units(number, scale).filter(|units| (least..=most).contains(units));
                match units.and_then(|units| Price::new(units, scale)) {
                    Some(number) => Ok(self.cast(&number.to_string())),
                    None => Err(format!("{} is not a value of its type {declared}", shown())),
                }
            }
            Form::Text(length, is_code_page) => {
                let Some(text) = value.text() else {
                    return Err(format!(
                        "{} is not text, and its type is {declared}",
                        shown()
                    ));
                };
                if text.encode_utf16().count() > length {
                    return Err(format!(
                        "{} is longer than its type {declared} allows",
                        shown()
                    ));
                }
                // The server converts to a narrow string with the code page of the collation before the cast.
                let before = if is_code_page { &self.collate } else { "" };
                Ok(self.cast(&format!("{}{before}", literal(&text))))
            }
            Form::Guid => match value.text().filter(|text| crate::key::is_guid(text)) {
                Some(text) => Ok(self.cast(&literal(&text))),
                None => Err(format!("{} is not a value of its type {declared}", shown())),
            },
        }
    }

    fn cast(&self, value: &str) -> String {
        format!("CAST({value} AS {}){}", self.declared, self.collate)
    }
}

/// Whether values of the type can be compared with values of a condition.
pub(crate) fn is_comparable(column: &DataType) -> bool {
    Comparable::of(column).is_ok()
}

fn unfit(data_type: &str) -> String {
    format!("its type is {data_type}, which can only be compared with NULL")
}

/// The number in units of so many digits after the decimal point; none when it has more digits.
fn in_units(number: Price, scale: u8) -> Option<i128> {
    let (mut units, mut own) = (number.units(), number.scale());
    while own > scale && units % 10 == 0 {
        (units, own) = (units / 10, own - 1);
    }
    let missing = scale.checked_sub(own)?;
    units.checked_mul(10_i128.checked_pow(missing.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, max_length: i32, precision: u8, scale: u8) -> Column {
        Column {
            column_id: 9,
            name: "c]d".to_owned(),
            data_type: DataType {
                name: name.to_owned(),
                max_length,
                precision,
                scale,
                collation: name.ends_with("char").then(|| "Greek_CI_AS".to_owned()),
            },
            is_nullable: true,
            is_computed: false,
            is_identity: false,
            is_unique: false,
        }
    }

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.to_owned())
    }

    fn made(test: Test, column: &Column) -> Result<String, String> {
        let condition = Condition {
            column: column.name.clone(),
            test,
        };
        tested(&condition, column)
    }

    fn is(value: Scalar, column: &Column) -> Result<String, String> {
        made(Test::Is(vec![value]), column)
    }

    #[test]
    fn a_condition_compares_in_the_columns_own_type() {
        let of = |name: &str| column(name, 50, 9, 2);
        for (value, column, expected) in [
            (Scalar::Integer(0), of("bit"), "CAST(0 AS bit)"),
            (Scalar::Flag(true), of("bit"), "CAST(1 AS bit)"),
            (text("01"), of("int"), "CAST(1 AS int)"),
            (text("1.0"), of("int"), "CAST(1 AS int)"),
            (
                Scalar::Integer(i64::MIN),
                of("bigint"),
                "CAST(-9223372036854775808 AS bigint)",
            ),
            (text("1.5"), of("decimal"), "CAST(1.50 AS decimal(9,2))"),
            (Scalar::Integer(-3), of("money"), "CAST(-3.0000 AS money)"),
            (
                text("it's"),
                of("nvarchar"),
                "CAST(N'it''s' AS nvarchar(25)) COLLATE Greek_CI_AS",
            ),
            (
                Scalar::Integer(7),
                of("char"),
                "CAST(N'7' COLLATE Greek_CI_AS AS char(50)) COLLATE Greek_CI_AS",
            ),
            (
                text("6F9619FF-8B86-D011-B42D-00C04FC964FF"),
                of("uniqueidentifier"),
                "CAST(N'6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)",
            ),
        ] {
            let expected = format!("p.[c]]d] IN ({expected})");
            assert_eq!(is(value, &column).as_deref(), Ok(expected.as_str()));
        }
    }

    /// Otherwise `☃` would be `?`, and so would every other character that the code page lacks.
    #[test]
    fn a_text_that_a_code_page_may_lack_is_compared_in_unicode() {
        let narrow = column("varchar", 5, 0, 0);
        assert_eq!(
            is(text("☃"), &narrow).unwrap(),
            "CAST(p.[c]]d] AS nvarchar(5)) COLLATE Greek_CI_AS IN (CAST(N'☃' AS nvarchar(5)) COLLATE Greek_CI_AS)"
        );
        let long = column("varchar", 8_000, 0, 0);
        assert!(is(text("ä"), &long).unwrap().contains("AS nvarchar(max)"));
    }

    #[test]
    fn null_is_none_of_the_values() {
        let flag = column("bit", 1, 1, 0);
        for (test, expected) in [
            (Test::IsNull, "p.[c]]d] IS NULL"),
            (Test::NotNull, "p.[c]]d] IS NOT NULL"),
            (Test::Is(vec![]), "1 = 0"),
            (Test::IsNot(vec![]), "1 = 1"),
            (
                Test::IsNot(vec![Scalar::Flag(false), Scalar::Integer(1)]),
                "(p.[c]]d] IS NULL OR p.[c]]d] NOT IN (CAST(0 AS bit), CAST(1 AS bit)))",
            ),
        ] {
            assert_eq!(made(test, &flag).unwrap(), expected);
        }
    }

    #[test]
    fn a_value_that_the_column_cannot_have_is_refused() {
        let of = |name: &str| column(name, 4, 4, 2);
        for (value, column, words) in [
            (text("no"), of("int"), "'no' is not a number"),
            (text("yes"), of("bit"), "type is bit"),
            (Scalar::Integer(2), of("bit"), "is not a value of its type"),
            (Scalar::Integer(-1), of("tinyint"), "type tinyint"),
            (text("1.5"), of("int"), "is not a value of its type"),
            (Scalar::Integer(100), of("decimal"), "decimal(4,2)"),
            (text("0.001"), of("decimal"), "is not a value of its type"),
            (text("0.00001"), of("money"), "is not a value of its type"),
            (Scalar::Integer(300_000), of("smallmoney"), "smallmoney"),
            (Scalar::Flag(true), of("varchar"), "true is not text"),
            (text("abcde"), of("varchar"), "longer"),
            (text("abc"), of("nchar"), "nchar(2)"),
            (text("x"), of("uniqueidentifier"), "uniqueidentifier"),
            (Scalar::Integer(1), of("float"), "its type is float"),
            (text("2024-01-01"), of("date"), "its type is date"),
            (text("x"), of("varbinary"), "its type is varbinary"),
            (text("x"), of("xml"), "its type is xml"),
            (text("x"), column("nvarchar", -1, 0, 0), "nvarchar(max)"),
        ] {
            let reason = is(value.clone(), &column).unwrap_err();
            assert!(reason.contains(words), "{value}: {reason}");
        }
        for name in ["float", "date", "varbinary", "xml", "text"] {
            assert!(made(Test::IsNull, &of(name)).is_ok());
            assert!(made(Test::NotNull, &of(name)).is_ok());
        }
    }
}
