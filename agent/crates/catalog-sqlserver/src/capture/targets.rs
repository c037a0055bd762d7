//! The names through which the product table is written: its own, and those of its synonyms and views.

use crate::lexer::{Token, tokens};

/// How many names are searched for, at most.
const MAX_NAMES: usize = 64;

/// A name with one to four parts: server, database, schema and name, all in upper case. A part that is omitted
/// between dots is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dotted(Vec<String>);

/// The names of one table.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    /// The table's database, in upper case like the names.
    database: String,
    names: Vec<(String, String)>,
}

impl Dotted {
    /// The name that `tokens` begin with, and how many tokens it has.
    pub(crate) fn read(tokens: &[Token]) -> Option<(Self, usize)> {
        let mut parts = vec![tokens.first()?.name()?];
        let mut length = 1;
        while tokens.get(length).is_some_and(|token| token.is_sign('.')) {
            let part = tokens.get(length + 1)?;
            match part.name() {
                Some(name) => {
                    parts.push(name);
                    length += 2;
                }
                // `ShopDB..Products`
                None if part.is_sign('.') => {
                    parts.push(String::new());
                    length += 1;
                }
                None => return None,
            }
        }
        Some((Self(parts), length))
    }

    /// A name with one part.
    pub(crate) fn of(token: &Token) -> Option<Self> {
        Some(Self(vec![token.name()?]))
    }

    /// The parts, in their order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name, if it has only one part.
    pub(crate) fn single(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl Targets {
    pub(crate) fn of(database: &str, schema: &str, table: &str) -> Self {
        Self {
            database: database.to_uppercase(),
            names: vec![(schema.to_uppercase(), table.to_uppercase())],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are more names than are searched for.
    pub(crate) fn is_cut(&self) -> bool {
        self.names.len() >= MAX_NAMES
    }

    /// The names without their schemas.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.names.iter().map(|(_, name)| name.as_str()).collect()
    }

    /// For each name, the part that appears in any text, however the name is quoted there.
    pub(crate) fn needles(&self) -> Vec<&str> {
        let pieces = self.names().into_iter().map(|name| name.split([']', '"']));
        let longest = pieces.filter_map(|pieces| pieces.max_by_key(|piece| piece.len()));
        longest.collect()
    }

    /// Adds a synonym, if it stands for one of the names.
    pub(crate) fn add_synonym(&mut self, schema: &str, name: &str, base: &str) {
        let base = Dotted::read(&tokens(base));
        if base.is_some_and(|(base, _)| self.are(&base, true)) {
            self.add(schema, name);
        }
    }

    /// Adds a view, if its query contains one of the names.
    pub(crate) fn add_view(&mut self, schema: &str, name: &str, definition: &str) {
        let tokens = tokens(definition);
        // The view's own name and its columns' names come before the query.
        let query = tokens.iter().position(|token| token.is("AS"));
        if query.is_some_and(|query| self.are_named_in(&tokens[query..])) {
            self.add(schema, name);
        }
    }

    fn add(&mut self, schema: &str, name: &str) {
        let name = (schema.to_uppercase(), name.to_uppercase());
        if !self.names.contains(&name) && !self.is_cut() {
            self.names.push(name);
        }
    }

    /// Whether `name` is one of the names; `is_here` says whether it is used in this database.
    pub(crate) fn are(&self, name: &Dotted, is_here: bool) -> bool {
        let mut parts = name.0.iter().rev().map(String::as_str);
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (name, schema, database, server) = (part(), part(), part(), part());
        let is_in_database = match database {
            Some(database) => database == self.database,
            None => is_here,
        };
        let is_named = |(own_schema, own): &(String, String)| {
            name == Some(own) && schema.is_none_or(|schema| schema == own_schema)
        };
        server.is_none() && is_in_database && self.names.iter().any(is_named)
    }

    /// Whether one of the names occurs in `tokens`.
    pub(crate) fn are_named_in(&self, tokens: &[Token]) -> bool {
        tokens
            .iter()
            .filter_map(Token::name)
            .any(|name| self.names.iter().any(|(_, own)| *own == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Dotted {
        Dotted::read(&tokens(text)).unwrap().0
    }

    #[test]
    fn synonyms_and_views_are_names_of_the_table() {
        let mut targets = Targets::of("ShopDB", "dbo", "Products");
        targets.add_synonym("dbo", "Goods", "[ShopDB].[dbo].[Products]");
        targets.add_synonym("dbo", "Elsewhere", "[OtherDB].[dbo].[Products]");
        targets.add_view("web", "Sold", "CREATE VIEW web.Sold AS SELECT a FROM Goods");
        targets.add_view(
            "stock",
            "Products",
            "CREATE VIEW stock.Products AS SELECT a FROM Stock",
        );
        targets.add_synonym("dbo", "Web", "web.Sold");
        assert_eq!(targets.names(), ["PRODUCTS", "GOODS", "SOLD", "WEB"]);
        assert!(targets.are(&name("web.sold"), true));
        assert!(!targets.are(&name("dbo.sold"), true));
        assert!(!targets.are(&name("stock.Products"), true));
        assert!(!targets.are(&name("Products"), false));
        assert!(targets.are(&name("SHOPDB..Products"), false));
    }

    #[test]
    fn what_is_looked_for_stands_in_quoted_names_too() {
        assert_eq!(Targets::of("d", "s", "a]bcd\"e").needles(), ["BCD"]);
    }

    #[test]
    fn there_is_an_end_of_names() {
        let mut targets = Targets::of("d", "s", "t");
        for n in 0..100 {
            targets.add("s", &n.to_string());
        }
        assert!(targets.is_cut());
        assert_eq!(targets.len(), MAX_NAMES);
    }
}
