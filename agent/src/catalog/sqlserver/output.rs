//! Finds statements that give back the rows that they wrote.
//!
//! `UPDATE … OUTPUT inserted.x …` without `INTO` is refused (error 334) as soon as its table has a trigger.
//! Source: <https://learn.microsoft.com/en-us/sql/t-sql/queries/output-clause-transact-sql>.

use std::iter::Peekable;

use super::tokens::{Token, tokens};

/// What a statement is, or may be, that ends the one before.
const STARTS: [&str; 16] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "EXEC", "EXECUTE", "IF", "WHILE", "BEGIN", "END",
    "DECLARE", "RETURN", "PRINT", "COMMIT", "ROLLBACK", "GO",
];
/// What ends an OUTPUT clause.
const BEHIND: [&str; 7] = [
    "INTO", "VALUES", "SELECT", "WHERE", "FROM", "DEFAULT", "OPTION",
];

/// Whether `definition` holds a statement that writes `table` and uses OUTPUT without INTO.
pub(super) fn returns_rows(definition: &str, table: &str) -> bool {
    let tokens = tokens(definition);
    (0..tokens.len()).any(|start| {
        let writes = ["INSERT", "UPDATE", "DELETE", "MERGE"]
            .iter()
            .any(|word| tokens[start].is(word));
        writes && statement_returns_rows(&tokens[start..], table)
    })
}

fn statement_returns_rows(tokens: &[Token], table: &str) -> bool {
    let is_merge = tokens[0].is("MERGE");
    let end = tokens[1..].iter().position(|token| {
        // The branches of a MERGE begin like statements of their own.
        let starts = STARTS.iter().any(|word| token.is(word)) && !is_merge;
        starts || *token == Token::Sign(';')
    });
    let statement = &tokens[1..end.map_or(tokens.len(), |end| end + 1)];
    writes(statement, table, tokens[0].is("INSERT")) && has_bare_output(statement)
}

/// Whether the statement's target is `table`, by its name or by an alias.
fn writes(statement: &[Token], table: &str, is_insert: bool) -> bool {
    let mut rest = statement
        .iter()
        .skip_while(|token| {
            ["TOP", "INTO", "FROM", "PERCENT"]
                .iter()
                .any(|word| token.is(word))
                || token.is_number_or_parenthesis()
        })
        .peekable();
    let Some(target) = dotted(&mut rest) else {
        return false;
    };
    if target.names(table) {
        return true;
    }
    // `UPDATE p … FROM Products AS p`
    !is_insert
        && (0..statement.len()).any(|place| {
            let behind = statement.get(place + 1..).unwrap_or_default();
            let alias = match behind {
                [first, second, ..] if first.is("AS") => Some(second),
                [first, ..] => Some(first),
                [] => None,
            };
            statement[place].names(table) && alias.is_some_and(|alias| alias.names_same(target))
        })
}

/// The last part of a dotted name.
fn dotted<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a Token>>) -> Option<&'a Token> {
    let mut name = tokens.next()?;
    while tokens
        .next_if(|token| **token == Token::Sign('.'))
        .is_some()
    {
        // `db..Products`
        name = match tokens.peek() {
            Some(Token::Sign('.')) => continue,
            _ => tokens.next()?,
        };
    }
    Some(name)
}

fn has_bare_output(statement: &[Token]) -> bool {
    statement
        .split(|token| token.is("OUTPUT"))
        .skip(1)
        .any(|clause| {
            let end = clause
                .iter()
                .position(|token| BEHIND.iter().any(|word| token.is(word)));
            let goes_into = end.is_some_and(|end| clause[end].is("INTO"));
            let shown = &clause[..end.unwrap_or(clause.len())];
            let is_clause = shown.iter().any(|token| {
                token.names("inserted") || token.names("deleted") || token.is("$ACTION")
            });
            is_clause && !goes_into
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_without_into_is_found() {
        for text in [
            "UPDATE Products SET SellPrice = 1 OUTPUT inserted.ProductID WHERE ProductID = 'x'",
            "create procedure p as begin update dbo.[products] set a = 1 output deleted.* end",
            "INSERT INTO [dbo].[Products] (a) OUTPUT inserted.a VALUES (1)",
            "INSERT Products OUTPUT 1, INSERTED.a SELECT 1",
            "DELETE FROM Products OUTPUT deleted.a",
            "DELETE TOP (5) FROM dbo.Products OUTPUT deleted.a",
            "UPDATE p SET a = 1 OUTPUT inserted.a FROM dbo.Products AS p WHERE p.a = 2",
            "UPDATE p SET a = 1 OUTPUT inserted.a FROM Products p",
            "DELETE p OUTPUT deleted.a FROM Products p INNER JOIN x ON x.a = p.a",
            "MERGE Products AS t USING x AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET t.b = s.b OUTPUT $action, inserted.a;",
            "MERGE INTO Products t USING x s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a) OUTPUT inserted.a;",
            "SELECT 1 UPDATE ProductsDB..Products SET a = 1 OUTPUT inserted.a",
            "DECLARE @x int; UPDATE Products SET a = 1 OUTPUT inserted.a; SELECT 2",
            "UPDATE Products SET a = 'it''s' /* no INTO here */ OUTPUT inserted.a -- INTO @x",
        ] {
            assert!(returns_rows(text, "Products"), "{text}");
        }
    }

    #[test]
    fn what_is_harmless_is_left_alone() {
        for text in [
            "",
            "UPDATE Products SET SellPrice = 1",
            "UPDATE Products SET a = 1 OUTPUT inserted.a INTO @changed WHERE b = 2",
            "CREATE PROCEDURE p @found int OUTPUT AS SELECT @found = COUNT(*) FROM Products",
            "EXEC p @found OUTPUT UPDATE Products SET a = 1",
            "UPDATE Products SET a = 1 EXEC p @inserted OUTPUT",
            "UPDATE Others SET a = 1 OUTPUT inserted.a FROM Others WHERE EXISTS (SELECT 1 FROM Products)",
            "INSERT INTO Log (a) OUTPUT inserted.a SELECT a FROM Products",
            "-- UPDATE Products SET a = 1 OUTPUT inserted.a",
            "/* /* x */ UPDATE Products SET a = 1 OUTPUT inserted.a */",
            "SELECT 'UPDATE Products SET a = 1 OUTPUT inserted.a'",
            "CREATE TRIGGER t ON Products AFTER INSERT, UPDATE AS INSERT INTO Log SELECT a FROM inserted",
            "UPDATE [Products of us] SET a = 1 OUTPUT inserted.a",
            "UPDATE",
            "DELETE FROM",
            "INSERT .",
            "/* open",
            "'open",
        ] {
            assert!(!returns_rows(text, "Products"), "{text}");
        }
    }

    #[test]
    fn odd_names_are_found() {
        assert!(returns_rows(
            "UPDATE [a]]b.c] SET a = 1 OUTPUT inserted.a",
            "A]b.c"
        ));
        assert!(returns_rows(
            "UPDATE \"Größen\" SET a = 1 OUTPUT inserted.a",
            "Größen"
        ));
    }
}
