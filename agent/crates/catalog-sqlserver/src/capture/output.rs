//! Finds statements that return the rows that they wrote.
//!
//! `UPDATE … OUTPUT inserted.x …` without `INTO` fails (error 334) once its table has a trigger for what the
//! statement does. Source: <https://learn.microsoft.com/en-us/sql/t-sql/queries/output-clause-transact-sql>.

use std::{collections::HashSet, ops::Range};

use super::{
    actions::Actions,
    targets::{Dotted, Targets},
};
use crate::lexer::{Token, tokens};

#[cfg(test)]
mod tests;

/// The words that begin a new statement. A branch of a MERGE begins in the same way.
const STARTS: [&str; 16] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "EXEC", "EXECUTE", "IF", "ELSE", "WHILE", "BEGIN",
    "DECLARE", "RETURN", "PRINT", "COMMIT", "ROLLBACK", "GO",
];
/// The words that end an OUTPUT clause.
const BEHIND: [&str; 8] = [
    "INTO", "VALUES", "SELECT", "WHERE", "FROM", "DEFAULT", "OPTION", "OUTPUT",
];
/// The words after which `OUTPUT` is the name of a column.
const BEFORE_A_NAME: [&str; 26] = [
    "SET", "SELECT", "DISTINCT", "WHERE", "AND", "OR", "NOT", "ON", "BY", "LIKE", "IN", "BETWEEN",
    "IS", "AS", "WHEN", "THEN", "ELSE", "CASE", "FROM", "JOIN", "INTO", "USING", "INSERT",
    "UPDATE", "DELETE", "MERGE",
];
/// The words after which a table is named.
const SOURCES: [&str; 6] = ["FROM", "JOIN", "APPLY", "USING", "INTO", "MERGE"];
/// The words that can stand in the place of an alias, but are not aliases.
const NO_ALIAS: [&str; 27] = [
    "AS", "WHERE", "SET", "ON", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "JOIN", "WITH",
    "GROUP", "ORDER", "HAVING", "OUTPUT", "FROM", "UNION", "EXCEPT", "WHEN", "OPTION", "USING",
    "VALUES", "SELECT", "DEFAULT", "EXEC", "EXECUTE",
];

/// What the statements of `text` do to the table while they return what they wrote.
///
/// `is_here` says that the text runs in the table's own database, so that a name without a database refers to
/// this database.
pub(crate) fn breaking(text: &str, targets: &Targets, is_here: bool) -> Actions {
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

/// A name that a statement defines.
struct Binding {
    /// The position of the name.
    at: usize,
    name: String,
    source: Source,
    /// Whether it is `WITH name AS (…)`, which stands before its statement.
    is_expression: bool,
}

enum Source {
    Named(Dotted),
    /// A query in parentheses: the range of its tokens.
    Query(Range<usize>),
}

impl Text<'_> {
    /// What the statement whose verb is at `at` does, if a trigger breaks it.
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

    /// Whether a target is the table, by one of its names, by an alias, or through a query that names it.
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

/// What a verb does; the inner value is none for MERGE, whose branches decide.
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

/// Where the statement whose verb is at `at` ends.
fn end(tokens: &[Token], at: usize) -> usize {
    let is_merge = tokens[at].is("MERGE");
    let (mut depth, mut cases) = (0_usize, 0_usize);
    for (place, token) in tokens.iter().enumerate().skip(at + 1) {
        match token {
            Token::Sign('(') => depth += 1,
            // The statement itself is in parentheses.
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

/// What follows `TOP (n) PERCENT`, `INTO` and `FROM`.
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

/// The tokens outside parentheses, including the opening parentheses.
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

/// Whether an `OUTPUT` is a clause, and not a column with that name.
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

/// Every name that the text defines.
fn bindings(tokens: &[Token]) -> Vec<Binding> {
    let expressions = (0..tokens.len()).filter_map(|at| expression(tokens, at));
    let aliases = (0..tokens.len()).filter_map(|at| alias(tokens, at));
    expressions.chain(aliases).collect()
}

/// The name that `name AS (…)` or `name (columns) AS (…)` defines at `at`.
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

/// The alias that `FROM Products AS p` or `JOIN (…) p` defines; `at` is the position of the first word.
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

/// The range of the tokens in the parentheses that open at `at`.
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
