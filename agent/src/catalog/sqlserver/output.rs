//! Finds statements that give back the rows that they wrote.
//!
//! `UPDATE … OUTPUT inserted.x …` without `INTO` is refused (error 334) as soon as its table has a trigger
//! for what the statement does.
//! Source: <https://learn.microsoft.com/en-us/sql/t-sql/queries/output-clause-transact-sql>.

use std::{collections::HashSet, ops::Range};

use super::{
    actions::Actions,
    targets::{Dotted, Targets},
    tokens::{Token, tokens},
};

/// What begins another statement. A branch of a MERGE begins like one.
const STARTS: [&str; 16] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "EXEC", "EXECUTE", "IF", "ELSE", "WHILE", "BEGIN",
    "DECLARE", "RETURN", "PRINT", "COMMIT", "ROLLBACK", "GO",
];
/// What ends an OUTPUT clause.
const BEHIND: [&str; 8] = [
    "INTO", "VALUES", "SELECT", "WHERE", "FROM", "DEFAULT", "OPTION", "OUTPUT",
];
/// Behind these `OUTPUT` is a column's name.
const BEFORE_A_NAME: [&str; 26] = [
    "SET", "SELECT", "DISTINCT", "WHERE", "AND", "OR", "NOT", "ON", "BY", "LIKE", "IN", "BETWEEN",
    "IS", "AS", "WHEN", "THEN", "ELSE", "CASE", "FROM", "JOIN", "INTO", "USING", "INSERT",
    "UPDATE", "DELETE", "MERGE",
];
/// What a table is named behind.
const SOURCES: [&str; 6] = ["FROM", "JOIN", "APPLY", "USING", "INTO", "MERGE"];
/// What stands where an alias would, and is none.
const NO_ALIAS: [&str; 27] = [
    "AS", "WHERE", "SET", "ON", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "JOIN", "WITH",
    "GROUP", "ORDER", "HAVING", "OUTPUT", "FROM", "UNION", "EXCEPT", "WHEN", "OPTION", "USING",
    "VALUES", "SELECT", "DEFAULT", "EXEC", "EXECUTE",
];

/// What statements of `text` do to the table while they give back what they wrote.
///
/// `is_here` tells that the text runs in the table's own database, so that a name without a database is
/// one of this database.
pub(super) fn breaking(text: &str, targets: &Targets, is_here: bool) -> Actions {
    let tokens = tokens(text);
    let text = Text {
        bindings: bindings(&tokens),
        tokens: &tokens,
        targets,
        is_here,
    };
    (0..tokens.len()).fold(Actions::default(), |found, at| {
        found.or(text.breaking_at(at).unwrap_or_default())
    })
}

struct Text<'a> {
    tokens: &'a [Token],
    bindings: Vec<Binding>,
    targets: &'a Targets,
    is_here: bool,
}

/// A name that a statement gives to something.
struct Binding {
    /// Where the name stands.
    at: usize,
    name: String,
    source: Source,
    /// `WITH name AS (…)`, which stands before its statement.
    is_expression: bool,
}

enum Source {
    Named(Dotted),
    /// What is in the parentheses.
    Query(Range<usize>),
}

impl Text<'_> {
    /// What the statement does whose verb stands at `at`, if it is one that a trigger breaks.
    fn breaking_at(&self, at: usize) -> Option<Actions> {
        let actions = verb(&self.tokens[at])?;
        let end = end(self.tokens, at);
        let statement = &self.tokens[at + 1..end];
        if !has_bare_output(statement) {
            return None;
        }
        let (target, _) = Dotted::read(behind_top(statement))?;
        self.is_table(target, at..end).then(|| match actions {
            Some(actions) => actions,
            None => branches(statement),
        })
    }

    /// Whether a target is the table, by a name of its own, by an alias, or through a query that names it.
    fn is_table(&self, target: Dotted, statement: Range<usize>) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![target];
        while let Some(name) = open.pop() {
            if self.targets.are(&name, self.is_here) {
                return true;
            }
            // An alias has one part.
            let Some(name) = name.single().filter(|name| seen.insert((*name).to_owned())) else {
                continue;
            };
            for binding in self.bindings.iter().filter(|binding| binding.name == name) {
                let is_in_reach = match binding.is_expression {
                    true => binding.at < statement.start,
                    false => statement.contains(&binding.at),
                };
                match &binding.source {
                    _ if !is_in_reach => {}
                    Source::Named(source) => open.push(source.clone()),
                    Source::Query(query) => {
                        let query = &self.tokens[query.clone()];
                        if self.targets.are_named_in(query) {
                            return true;
                        }
                        open.extend(query.iter().filter_map(Dotted::of));
                    }
                }
            }
        }
        false
    }
}

/// What a verb does; none within for MERGE, whose branches tell.
fn verb(token: &Token) -> Option<Option<Actions>> {
    let Token::Word(word) = token else {
        return None;
    };
    match word.as_str() {
        "INSERT" => Some(Some(Actions::INSERT)),
        "UPDATE" => Some(Some(Actions::UPDATE)),
        "DELETE" => Some(Some(Actions::DELETE)),
        "MERGE" => Some(None),
        _ => None,
    }
}

/// What the branches of a MERGE do.
fn branches(statement: &[Token]) -> Actions {
    let done = statement
        .windows(2)
        .filter(|pair| pair[0].is("THEN"))
        .filter_map(|pair| verb(&pair[1])?)
        .fold(Actions::default(), Actions::or);
    match done.is_none() {
        true => Actions::ALL,
        false => done,
    }
}

/// Where the statement ends whose verb stands at `at`.
fn end(tokens: &[Token], at: usize) -> usize {
    let is_merge = tokens[at].is("MERGE");
    let (mut depth, mut cases) = (0_usize, 0_usize);
    for (place, token) in tokens.iter().enumerate().skip(at + 1) {
        match token {
            Token::Sign('(') => depth += 1,
            // It stands in parentheses itself.
            Token::Sign(')') if depth == 0 => return place,
            Token::Sign(')') => depth -= 1,
            _ if depth > 0 => {}
            Token::Sign(';') => return place,
            token if token.is("CASE") => cases += 1,
            token if token.is("END") && cases > 0 => cases -= 1,
            token if token.is("END") => return place,
            token if cases == 0 && !is_merge && token.is_one_of(&STARTS) => return place,
            _ => {}
        }
    }
    tokens.len()
}

/// What is behind `TOP (n) PERCENT`, `INTO` and `FROM`.
fn behind_top(statement: &[Token]) -> &[Token] {
    let mut rest = statement;
    if rest.first().is_some_and(|token| token.is("TOP")) {
        rest = match query(rest, 1) {
            Some(within) => &rest[within.end + 1..],
            None => rest.get(2..).unwrap_or_default(),
        };
    }
    while let Some((first, behind)) = rest.split_first() {
        if !first.is_one_of(&["PERCENT", "INTO", "FROM"]) {
            break;
        }
        rest = behind;
    }
    rest
}

fn has_bare_output(statement: &[Token]) -> bool {
    let outside: Vec<_> = outside(statement).collect();
    outside.iter().enumerate().any(|(place, token)| {
        let before = place.checked_sub(1).map(|before| outside[before]);
        let behind = &outside[place + 1..];
        if !token.is("OUTPUT") || !is_clause(before, behind) {
            return false;
        }
        let end = behind.iter().find(|token| token.is_one_of(&BEHIND));
        !end.is_some_and(|end| end.is("INTO"))
    })
}

/// The tokens that are in no parentheses, with the opening ones.
fn outside(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let mut depth = 0_usize;
    tokens.iter().filter(move |token| match token {
        Token::Sign('(') => {
            depth += 1;
            depth == 1
        }
        Token::Sign(')') => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    })
}

/// Whether an `OUTPUT` is a clause, and not a column of that name.
fn is_clause(before: Option<&Token>, behind: &[&Token]) -> bool {
    let is_name = match before {
        None => true,
        Some(Token::Sign(sign)) => *sign != '(',
        Some(before) => before.is_one_of(&BEFORE_A_NAME),
    };
    let has_expression = match behind {
        [Token::Sign('-' | '+' | '~'), second, ..] => !second.is_sign('='),
        [Token::Sign(sign), ..] => *sign == '(',
        [first, ..] => !first.is_one_of(&BEHIND),
        [] => false,
    };
    !is_name && has_expression
}

/// Every name that the text gives to something.
fn bindings(tokens: &[Token]) -> Vec<Binding> {
    let expressions = (0..tokens.len()).filter_map(|at| expression(tokens, at));
    let aliases = (0..tokens.len()).filter_map(|at| alias(tokens, at));
    expressions.chain(aliases).collect()
}

/// `name AS (…)` and `name (columns) AS (…)`.
fn expression(tokens: &[Token], at: usize) -> Option<Binding> {
    let is_first = at
        .checked_sub(1)
        .is_some_and(|before| tokens[before].is("WITH") || tokens[before].is_sign(','));
    let name = tokens[at].name().filter(|_| is_first)?;
    let behind = match query(tokens, at + 1) {
        Some(columns) => columns.end + 1,
        None => at + 1,
    };
    let is_named = tokens.get(behind).is_some_and(|token| token.is("AS"));
    let source = query(tokens, behind + 1).filter(|_| is_named)?;
    Some(Binding {
        at,
        name,
        source: Source::Query(source),
        is_expression: true,
    })
}

/// `FROM Products AS p` and `JOIN (…) p`; `at` is where the first word stands.
fn alias(tokens: &[Token], at: usize) -> Option<Binding> {
    let is_source = tokens[at].is_sign(',') || tokens[at].is_one_of(&SOURCES);
    let source = at + 1;
    let (source, behind) = match query(tokens, source).filter(|_| is_source) {
        Some(within) => {
            let behind = within.end + 1;
            (Source::Query(within), behind)
        }
        None => {
            let (name, length) = Dotted::read(tokens.get(source..)?).filter(|_| is_source)?;
            (Source::Named(name), source + length)
        }
    };
    let has_word = tokens.get(behind).is_some_and(|token| token.is("AS"));
    let at = behind + usize::from(has_word);
    let token = tokens.get(at).filter(|token| !token.is_one_of(&NO_ALIAS))?;
    Some(Binding {
        at,
        name: token.name()?,
        source,
        is_expression: false,
    })
}

/// What is in the parentheses that open at `at`.
fn query(tokens: &[Token], at: usize) -> Option<Range<usize>> {
    if !tokens.get(at)?.is_sign('(') {
        return None;
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') if depth == 1 => return Some(at + 1..place),
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, table: &str) -> Actions {
        breaking(text, &Targets::of("ShopDB", "dbo", table), true)
    }

    #[test]
    fn output_without_into_is_found() {
        for (text, actions) in [
            (
                "UPDATE Products SET SellPrice = 1 OUTPUT inserted.ProductID WHERE ProductID = 'x'",
                Actions::UPDATE,
            ),
            (
                "create procedure p as begin update dbo.[products] set a = 1 output deleted.* end",
                Actions::UPDATE,
            ),
            (
                "INSERT INTO [dbo].[Products] (a) OUTPUT inserted.a VALUES (1)",
                Actions::INSERT,
            ),
            (
                "INSERT Products OUTPUT 1, INSERTED.a SELECT 1",
                Actions::INSERT,
            ),
            ("DELETE FROM Products OUTPUT deleted.a", Actions::DELETE),
            (
                "DELETE TOP (5) FROM dbo.Products OUTPUT deleted.a",
                Actions::DELETE,
            ),
            (
                "DELETE TOP (@n + 1) PERCENT FROM Products OUTPUT deleted.a",
                Actions::DELETE,
            ),
            ("DELETE TOP 5 Products OUTPUT deleted.a", Actions::DELETE),
            (
                "UPDATE p SET a = 1 OUTPUT inserted.a FROM dbo.Products AS p WHERE p.a = 2",
                Actions::UPDATE,
            ),
            (
                "UPDATE p SET a = 1 OUTPUT inserted.a FROM Products p",
                Actions::UPDATE,
            ),
            (
                "UPDATE p SET a = 1 OUTPUT inserted.a FROM x, Products p",
                Actions::UPDATE,
            ),
            (
                "DELETE p OUTPUT deleted.a FROM Products p INNER JOIN x ON x.a = p.a",
                Actions::DELETE,
            ),
            (
                "DELETE p OUTPUT deleted.a FROM x INNER JOIN Products p ON x.a = p.a",
                Actions::DELETE,
            ),
            (
                "SELECT 1 UPDATE ShopDB..Products SET a = 1 OUTPUT inserted.a",
                Actions::UPDATE,
            ),
            (
                "DECLARE @x int; UPDATE Products SET a = 1 OUTPUT inserted.a; SELECT 2",
                Actions::UPDATE,
            ),
            (
                "UPDATE Products SET a = 'it''s' /* no INTO here */ OUTPUT inserted.a -- INTO @x",
                Actions::UPDATE,
            ),
            (
                "UPDATE Products SET a = 1 OUTPUT inserted.a INTO @t OUTPUT inserted.b",
                Actions::UPDATE,
            ),
            (
                "IF 1 = 1 UPDATE x SET a = 1 ELSE UPDATE Products SET a = 1 OUTPUT inserted.a",
                Actions::UPDATE,
            ),
            (
                "INSERT INTO x SELECT a FROM (UPDATE Products SET b = 1 OUTPUT inserted.a WHERE c = 2) AS d",
                Actions::UPDATE,
            ),
        ] {
            assert_eq!(found(text, "Products"), actions, "{text}");
        }
    }

    #[test]
    fn a_merge_does_what_its_branches_do() {
        let insert_or_update = Actions::INSERT.or(Actions::UPDATE);
        for (text, actions) in [
            (
                "MERGE Products AS t USING x AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET t.b = s.b OUTPUT $action, inserted.a;",
                Actions::UPDATE,
            ),
            (
                "MERGE INTO Products t USING x s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a) OUTPUT inserted.a;",
                Actions::INSERT,
            ),
            (
                "MERGE TOP (1) INTO dbo.Products USING x AS s ON 1 = 0 WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1) OUTPUT 1;",
                insert_or_update,
            ),
        ] {
            assert_eq!(found(text, "Products"), actions, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_case_is_not_the_end_of_the_statement() {
        for text in [
            "UPDATE Products SET SellPrice = CASE WHEN a = 1 THEN 2 ELSE 3 END OUTPUT inserted.ProductID WHERE b = 2",
            "UPDATE Products SET a = CASE WHEN b = 1 THEN CASE c WHEN 1 THEN 2 END ELSE 3 END, d = 1 OUTPUT inserted.a",
            "BEGIN UPDATE Products SET a = (CASE WHEN b = 1 THEN 2 END) OUTPUT inserted.a END",
            "BEGIN IF @x = CASE WHEN @y = 1 THEN 2 END BEGIN UPDATE Products SET a = 1 OUTPUT inserted.a END END",
        ] {
            assert_eq!(found(text, "Products"), Actions::UPDATE, "{text}");
        }
    }

    #[test]
    fn what_programs_send_is_found() {
        for (text, actions) in [
            (
                "SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT ON; UPDATE [Products] SET [SellPrice] = @p0 OUTPUT 1 WHERE [ProductID] = @p1;",
                Actions::UPDATE,
            ),
            (
                "SET NOCOUNT ON; DELETE FROM [Products] OUTPUT 1 WHERE [ProductID] = @p0;",
                Actions::DELETE,
            ),
            (
                "(@p0 int)INSERT INTO [Products] ([a]) OUTPUT INSERTED.[ProductID] VALUES (@p0);",
                Actions::INSERT,
            ),
            (
                "MERGE [Products] USING ( VALUES (@p0, 0), (@p1, 1)) AS i ([a], _Position) ON 1=0 WHEN NOT MATCHED THEN INSERT ([a]) VALUES (i.[a]) OUTPUT INSERTED.[ProductID], i._Position;",
                Actions::INSERT,
            ),
            (
                "UPDATE Products SET a = 1 OUTPUT 'changed' WHERE b = 2",
                Actions::UPDATE,
            ),
            (
                "UPDATE Products SET a = 1 OUTPUT GETDATE()",
                Actions::UPDATE,
            ),
            ("UPDATE Products SET a = 1 OUTPUT (1)", Actions::UPDATE),
            ("UPDATE Products SET a = 1 OUTPUT -1", Actions::UPDATE),
        ] {
            assert_eq!(found(text, "Products"), actions, "{text}");
        }
    }

    #[test]
    fn the_table_is_found_behind_queries_and_aliases_of_aliases() {
        for text in [
            ";WITH c AS (SELECT a FROM Products) UPDATE c SET a = 1 OUTPUT inserted.a",
            "WITH c (x) AS (SELECT a FROM dbo.Products WHERE b = 1) UPDATE c SET x = 1 OUTPUT inserted.x",
            "WITH b AS (SELECT a FROM Products), c AS (SELECT a FROM b) UPDATE c SET a = 1 OUTPUT 1",
            "WITH c AS (SELECT a FROM Products) UPDATE t SET a = 1 OUTPUT 1 FROM c AS t",
            "UPDATE d SET a = 1 OUTPUT inserted.a FROM (SELECT a FROM Products) AS d",
            "UPDATE d SET a = 1 OUTPUT inserted.a FROM (SELECT a FROM (SELECT a FROM Products) x) d",
            "UPDATE d SET a = 1 OUTPUT inserted.a FROM y CROSS APPLY (SELECT a FROM Products) AS d",
        ] {
            assert_eq!(found(text, "Products"), Actions::UPDATE, "{text}");
        }
    }

    #[test]
    fn what_is_harmless_is_left_alone() {
        for text in [
            "",
            "UPDATE Products SET SellPrice = 1",
            "UPDATE Products SET a = 1 OUTPUT inserted.a INTO @changed WHERE b = 2",
            "UPDATE Products SET a = CASE WHEN 1 = 1 THEN 1 END OUTPUT CASE WHEN inserted.a = 1 THEN 1 END INTO @t",
            "UPDATE Products SET a = 1 OUTPUT 1 INTO @t (x) WHERE b = 2",
            "CREATE PROCEDURE p @found int OUTPUT AS SELECT @found = COUNT(*) FROM Products",
            "EXEC p @found OUTPUT UPDATE Products SET a = 1",
            "UPDATE Products SET a = 1 EXEC p @inserted OUTPUT",
            "UPDATE Products SET a = 1 EXEC p @inserted OUTPUT, @b",
            "UPDATE Others SET a = 1 OUTPUT inserted.a FROM Others WHERE EXISTS (SELECT 1 FROM Products)",
            "UPDATE o SET a = 1 OUTPUT inserted.a FROM Others AS o INNER JOIN Products AS p ON p.a = o.a",
            "WITH c AS (SELECT a FROM Products) UPDATE o SET a = 1 OUTPUT inserted.a FROM Others AS o INNER JOIN c ON c.a = o.a",
            "INSERT INTO Log (a) OUTPUT inserted.a SELECT a FROM Products",
            "UPDATE Products SET Output = 1 WHERE b = 2",
            "UPDATE Products SET a = Output, Output += 1",
            "UPDATE Products SET a = 1 WHERE Output > 1 AND [Output] = 1",
            "-- UPDATE Products SET a = 1 OUTPUT inserted.a",
            "/* /* x */ UPDATE Products SET a = 1 OUTPUT inserted.a */",
            "SELECT 'UPDATE Products SET a = 1 OUTPUT inserted.a'",
            "CREATE TRIGGER t ON Products AFTER INSERT, UPDATE AS IF UPDATE(Products) INSERT INTO Log SELECT a FROM inserted",
            "UPDATE [Products of us] SET a = 1 OUTPUT inserted.a",
            "UPDATE OtherDB.dbo.Products SET a = 1 OUTPUT inserted.a",
            "UPDATE Server.ShopDB.dbo.Products SET a = 1 OUTPUT inserted.a",
            "UPDATE stock.Products SET a = 1 OUTPUT inserted.a",
            "UPDATE",
            "UPDATE TOP (",
            "DELETE FROM",
            "INSERT .",
            "WITH c AS (",
            "/* open",
            "'open",
        ] {
            assert_eq!(found(text, "Products"), Actions::default(), "{text}");
        }
    }

    #[test]
    fn a_text_of_another_database_names_this_one() {
        let targets = Targets::of("ShopDB", "dbo", "Products");
        let found = |text| !breaking(text, &targets, false).is_none();
        assert!(found("UPDATE ShopDB.dbo.Products SET a = 1 OUTPUT 1"));
        assert!(!found("UPDATE dbo.Products SET a = 1 OUTPUT 1"));
    }

    #[test]
    fn odd_names_are_found() {
        for (text, table) in [
            ("UPDATE [a]]b.c] SET a = 1 OUTPUT inserted.a", "A]b.c"),
            ("UPDATE \"Größen\" SET a = 1 OUTPUT inserted.a", "Größen"),
        ] {
            assert_eq!(found(text, table), Actions::UPDATE, "{text}");
        }
    }
}
