//! Statements, values and results, and the [`Model`] that answers statements.

/// One statement, as a client sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its name from the first line, `/* shopmaster NAME */`; none without such a line.
    pub name: Option<String>,
    /// The whole text.
    pub text: String,
    /// The values of `@P1` and so on.
    pub parameters: Vec<Value>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// `bit`.
    Bit(bool),
    /// `int`, and what is smaller.
    Int(i32),
    /// `bigint`.
    BigInt(i64),
    /// `float`.
    Float(f64),
    /// `decimal`, in units of its column's scale.
    Decimal(i128),
    /// `datetime`, in milliseconds since 1970.
    DateTime(i64),
    /// `uniqueidentifier`, in the order of the wire.
    Guid([u8; 16]),
    /// `nvarchar`.
    Text(String),
    /// `varbinary`.
    Binary(Vec<u8>),
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `bit`.
    Bit,
    /// `int`.
    Int,
    /// `bigint`.
    BigInt,
    /// `float`.
    Float,
    /// `decimal`.
    Decimal {
        /// All digits.
        precision: u8,
        /// Those behind the point.
        scale: u8,
    },
    /// `datetime`.
    DateTime,
    /// `uniqueidentifier`.
    Guid,
    /// `nvarchar(4000)`.
    Text,
    /// `nvarchar(max)`.
    LongText,
    /// `varbinary(8000)`.
    Binary,
}

/// Rows with their columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultSet {
    /// The names and types.
    pub columns: Vec<(String, ColumnType)>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// What a statement gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Its results.
    pub results: Vec<ResultSet>,
    /// How many rows it changed.
    pub affected: u64,
}

/// An error, as SQL Server numbers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// Its number: 208, 1205, 18456.
    pub number: u32,
    /// Its state, which distinguishes causes of the same number.
    pub state: u8,
    /// Its severity; from 20 on the connection ends.
    pub class: u8,
    /// Its text.
    pub message: String,
}

/// Answers statements.
pub trait Model: Send + Sync + 'static {
    /// Answers a statement of a session. It may block for a short time.
    ///
    /// # Errors
    ///
    /// The error that the client gets.
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError>;

    /// A session ended: its locks are free, its transaction is rolled back.
    fn end(&self, session: u64);
}

impl Statement {
    /// A statement with its name read from its first line.
    #[must_use]
    pub fn new(text: String, parameters: Vec<Value>) -> Self {
        let named = text.trim_start().strip_prefix("/* shopmaster ");
        let name = named.and_then(|rest| rest.split_once("*/"));
        Self {
            name: name.map(|(name, _)| name.trim().to_owned()),
            text,
            parameters,
        }
    }
}

impl SqlError {
    /// The number of the error for a statement that the model does not know: a user-defined one (from 50000), so that it
    /// is not mistaken for an error of the server.
    pub const UNKNOWN_STATEMENT: u32 = 59_999;

    /// The model does not know this statement.
    #[must_use]
    pub fn unknown(statement: &Statement) -> Self {
        let name = statement.name.as_deref().unwrap_or("without a name");
        Self::number(Self::UNKNOWN_STATEMENT).message(format!(
            "The stand-in is not a T-SQL engine and does not know the statement {name}: {}",
            statement.text
        ))
    }

    /// An error with the text and severity that SQL Server gives it, where the stand-in knows them.
    #[must_use]
    pub fn number(number: u32) -> Self {
        let (class, message) = match number {
            207 => (16, "Invalid column name."),
            208 => (16, "Invalid object name."),
            229 => (14, "The permission was denied on the object."),
            596 => (
                21,
                "Cannot continue the execution because the session is in the kill state.",
            ),
            1205 => (
                13,
                "Transaction was deadlocked on lock resources with another process and has been \
                 chosen as the deadlock victim. Rerun the transaction.",
            ),
            1222 => (16, "Lock request time out period exceeded."),
            4060 => (
                11,
                "Cannot open database requested by the login. The login failed.",
            ),
            18_456 => (14, "Login failed for user."),
            _ => (16, "An error of the stand-in's script."),
        };
        Self {
            number,
            state: 1,
            class,
            message: message.to_owned(),
        }
    }

    /// The same with another state.
    #[must_use]
    pub fn state(mut self, state: u8) -> Self {
        self.state = state;
        self
    }

    /// The same with another text.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

impl ResultSet {
    /// No rows yet.
    #[must_use]
    pub fn new<const N: usize>(columns: [(&str, ColumnType); N]) -> Self {
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind));
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// The same with another row.
    #[must_use]
    pub fn row<const N: usize>(mut self, values: [Value; N]) -> Self {
        self.rows.push(values.into());
        self
    }
}

impl From<ResultSet> for Answer {
    fn from(result: ResultSet) -> Self {
        Self {
            affected: result.rows.len() as u64,
            results: vec![result],
        }
    }
}

impl Answer {
    /// No rows, with this many changed.
    #[must_use]
    pub const fn affected(rows: u64) -> Self {
        Self {
            results: Vec::new(),
            affected: rows,
        }
    }
}
