//! The query of a view, and the queries of the views in it.

use super::{
    error::QueryResult,
    lexer::{Token, tokens},
    row::text,
    schema::TableSchema,
    session::Session,
};

/// The words of a view's query, and of the queries of the views in it.
pub(crate) struct Query {
    tokens: Vec<Token>,
    /// The texts, the view's own first.
    texts: Vec<String>,
    /// Whether some of it cannot be read, or it selects all columns: then it may name anything.
    is_open: bool,
}

impl Query {
    pub(crate) async fn of(session: &mut Session, view: &TableSchema) -> QueryResult<Self> {
        let rows = session
            .rows(include_str!("sql/view_queries.sql"), &[])
            .await?;
        let mut query = Self {
            tokens: Vec::new(),
            texts: Vec::new(),
            is_open: false,
        };
        let mut left = Vec::new();
        for row in &rows {
            let (schema, name) = (text(row, 0)?, text(row, 1)?);
            let definition: Option<&str> = row.try_get(2)?;
            if schema == view.schema && name == view.name {
                query.take(definition);
            } else {
                left.push((name, definition));
            }
        }
        loop {
            let (met, unmet): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(name, _)| query.has(name));
            if met.is_empty() {
                return Ok(query);
            }
            met.into_iter().for_each(|(_, text)| query.take(text));
            left = unmet;
        }
    }

    fn take(&mut self, definition: Option<&str>) {
        let text = definition.unwrap_or_default();
        let tokens = tokens(text);
        self.texts.push(text.to_owned());
        self.is_open |= tokens.is_empty() || tokens.iter().any(|token| token.is_sign('*'));
        self.tokens.extend(tokens);
    }

    /// All words.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Whether it has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| token.names(name))
    }

    /// Whether the query may return something with this name.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.is_open || self.has(name)
    }

    /// A number that changes with the texts, the same at every start of the program.
    pub(crate) fn digest(&self) -> String {
        // FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
        let bytes = self.texts.iter().flat_map(|text| text.bytes().chain([0]));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}
