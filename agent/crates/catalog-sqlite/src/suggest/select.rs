//! The structure of a SELECT, as far as it says where the values in its columns come from.

use super::tokens::{Token, closing, split};

/// A SELECT, of one part or several with UNION and the like between them.
#[derive(Debug, Default)]
pub(super) struct Select {
    /// The tables that WITH defines.
    pub(super) with: Vec<Defined>,
    pub(super) parts: Vec<Part>,
}

/// A table that WITH defines.
#[derive(Debug)]
pub(super) struct Defined {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) select: Select,
}

/// One part.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) columns: Vec<Output>,
    pub(super) sources: Vec<Source>,
    /// Columns that have the same value in each row.
    pub(super) equal: Vec<(Reference, Reference)>,
    /// SELECTs in its expressions. The reference has the same value as the first column.
    pub(super) nested: Vec<(Option<Reference>, Select)>,
}

/// A column of a SELECT.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// All columns of a source, or of all sources.
    All(Option<String>),
    /// An expression, and its name if it has one.
    Value(Option<Reference>, Option<String>),
}

/// What is read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) from: From,
    /// The columns that have the same value as those of the sources before.
    pub(super) shared: Shared,
}

/// Where a source's rows come from.
#[derive(Debug)]
pub(super) enum From {
    Table(String),
    Select(Select),
    /// A function, which reads no table.
    Function,
}

/// The columns that two sources share.
#[derive(Debug, Default)]
pub(super) enum Shared {
    #[default]
    None,
    Using(Vec<String>),
    /// All of the same name.
    Natural,
}

/// The name of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) source: Option<String>,
    pub(super) column: String,
}

/// What begins the parts of a SELECT after its columns.
const CLAUSES: [&str; 6] = ["FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT"];
/// What stands between two sources.
const JOINS: [&str; 8] = [
    "JOIN", "NATURAL", "LEFT", "RIGHT", "FULL", "OUTER", "INNER", "CROSS",
];
/// What follows a source and is not its name.
const AFTER_SOURCE: [&str; 4] = ["ON", "USING", "INDEXED", "NOT"];
/// Words after which an expression goes on.
const OPERATORS: [&str; 16] = [
    "AND", "OR", "NOT", "IS", "IN", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN", "ESCAPE",
    "COLLATE", "CASE", "WHEN", "THEN", "ELSE",
];
const BETWEEN_PARTS: [&str; 3] = ["UNION", "INTERSECT", "EXCEPT"];

/// The SELECT of a CREATE VIEW, and the names that it gives to the columns.
pub(super) fn of_view(tokens: &[Token]) -> (Vec<String>, Select) {
    // `CREATE VIEW name (a, b) AS SELECT`: nothing before the first AS but names.
    let Some(at) = tokens.iter().position(|token| token.is("AS")) else {
        return (Vec::new(), Select::default());
    };
    let columns = tokens[..at].iter().position(|it| *it == Token::Symbol('('));
    let columns = columns.map_or_else(Vec::new, |open| listed(&tokens[open + 1..at]));
    (columns, select(&tokens[at + 1..]))
}

fn select(tokens: &[Token]) -> Select {
    let (with, rest) = with(tokens);
    let parts = split(rest, |token| token.is_any(&BETWEEN_PARTS));
    let parts = parts.into_iter().map(part);
    Select {
        with,
        parts: parts.collect(),
    }
}

/// The tables that WITH defines, and what follows.
fn with(tokens: &[Token]) -> (Vec<Defined>, &[Token]) {
    let mut defined = Vec::new();
    if !tokens.first().is_some_and(|token| token.is("WITH")) {
        return (defined, tokens);
    }
    let mut rest = &tokens[1..];
    if rest.first().is_some_and(|token| token.is("RECURSIVE")) {
        rest = &rest[1..];
    }
    loop {
        let Some(name) = rest.first().and_then(Token::name) else {
            return (defined, rest);
        };
        let mut columns = Vec::new();
        rest = &rest[1..];
        if rest.first() == Some(&Token::Symbol('(')) {
            let end = closing(rest, 0);
            columns = listed(&rest[1..end]);
            rest = &rest[(end + 1).min(rest.len())..];
        }
        // `AS NOT MATERIALIZED (`.
        let Some(open) = rest.iter().position(|it| *it == Token::Symbol('(')) else {
            return (defined, rest);
        };
        let end = closing(rest, open);
        defined.push(Defined {
            name: name.to_owned(),
            columns,
            select: select(&rest[open + 1..end]),
        });
        rest = &rest[(end + 1).min(rest.len())..];
        match rest.first() {
            Some(Token::Symbol(',')) => rest = &rest[1..],
            _ => return (defined, rest),
        }
    }
}

fn part(tokens: &[Token]) -> Part {
    let mut part = Part::default();
    let mut clauses = clauses(tokens).into_iter();
    let columns = clauses.next().unwrap_or_default();
    let skipped = columns
        .iter()
        .take_while(|token| token.is_any(&["ALL", "SELECT", "DISTINCT"]))
        .count();
    for column in split(&columns[skipped..], is_comma) {
        part.columns.push(output(column));
        part.look_into(column);
    }
    for clause in clauses {
        match clause.first() {
            Some(token) if token.is("FROM") => part.read_from(&clause[1..]),
            Some(token) if token.is("WHERE") => part.conditions(&clause[1..]),
            _ => part.look_into(clause),
        }
    }
    part
}

/// The columns, and each clause with its keyword.
fn clauses(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut clauses, mut begin, mut index) = (Vec::new(), 0, 0);
    while index < tokens.len() {
        // `IS NOT DISTINCT FROM` is no clause.
        let is_operator = index > 1
            && tokens[index - 1].is("DISTINCT")
            && tokens[index - 2].is_any(&["IS", "NOT"]);
        if tokens[index] == Token::Symbol('(') {
            index = closing(tokens, index);
        } else if tokens[index].is_any(&CLAUSES) && !is_operator {
            clauses.push(&tokens[begin..index]);
            begin = index;
        }
        index += 1;
    }
    clauses.push(&tokens[begin..]);
    clauses
}

fn output(tokens: &[Token]) -> Output {
    if let [Token::Symbol('*')] = tokens {
        return Output::All(None);
    }
    if let [source, Token::Symbol('.'), Token::Symbol('*')] = tokens {
        return Output::All(source.name().map(str::to_owned));
    }
    let is_name = |token: &Token| token.name().is_some() || matches!(token, Token::Text(_));
    let (value, name) = match tokens {
        [value @ .., keyword, name] if keyword.is("AS") && is_name(name) => (value, Some(name)),
        // A name may follow without AS.
        [value @ .., name] if is_name(name) && !name.is("END") && ends_value(value) => {
            (value, Some(name))
        }
        _ => (tokens, None),
    };
    let reference = reference(value);
    let name = match name {
        Some(Token::Text(name)) => Some(name.clone()),
        Some(token) => token.name().map(str::to_owned),
        None => reference.as_ref().map(|it| it.column.clone()),
    };
    Output::Value(reference, name)
}

/// Whether an expression may end here.
fn ends_value(tokens: &[Token]) -> bool {
    match tokens.last() {
        None => false,
        Some(Token::Symbol(symbol)) => *symbol == ')',
        Some(token) => !token.is_any(&OPERATORS),
    }
}

/// The column whose value this is: as it is, in brackets, with a collation, or as another type.
fn reference(tokens: &[Token]) -> Option<Reference> {
    match tokens {
        [Token::Symbol('('), inner @ .., Token::Symbol(')')] => reference(inner),
        [inner @ .., keyword, _] if keyword.is("COLLATE") => reference(inner),
        [cast, Token::Symbol('('), inner @ .., Token::Symbol(')')] if cast.is("CAST") => {
            let at = inner.iter().position(|token| token.is("AS"))?;
            reference(&inner[..at])
        }
        [column] => Some(Reference {
            source: None,
            column: column.name()?.to_owned(),
        }),
        // With or without the name of the schema.
        [.., source, Token::Symbol('.'), column] if tokens.len() == 3 || tokens.len() == 5 => {
            Some(Reference {
                source: Some(source.name()?.to_owned()),
                column: column.name()?.to_owned(),
            })
        }
        _ => None,
    }
}

impl Part {
    /// Reads what follows FROM.
    fn read_from(&mut self, tokens: &[Token]) {
        let mut rest = tokens;
        while !rest.is_empty() {
            let before = rest
                .iter()
                .take_while(|it| is_comma(it) || it.is_any(&JOINS))
                .count();
            let is_natural = rest[..before].iter().any(|token| token.is("NATURAL"));
            rest = &rest[before..];
            let taken = self.source(rest, is_natural);
            rest = &rest[taken..];
            // Up to the next source: its conditions.
            let mut end = 0;
            while end < rest.len() && !is_comma(&rest[end]) && !rest[end].is_any(&JOINS) {
                end = match rest[end] {
                    Token::Symbol('(') => (closing(rest, end) + 1).min(rest.len()),
                    _ => end + 1,
                };
            }
            self.constraint(&rest[..end]);
            rest = &rest[end..];
            if before + taken + end == 0 {
                return;
            }
        }
    }

    /// Reads one source with its name, and returns how many pieces it has.
    fn source(&mut self, tokens: &[Token], is_natural: bool) -> usize {
        let (from, mut name, mut end) = match tokens {
            [Token::Symbol('('), ..] => {
                let end = closing(tokens, 0);
                let inner = &tokens[1..end.max(1)];
                if !is_select(inner) {
                    self.read_from(inner);
                    return (end + 1).min(tokens.len());
                }
                let end = (end + 1).min(tokens.len());
                (From::Select(select(inner)), String::new(), end)
            }
            [schema, Token::Symbol('.'), table, ..] if schema.name().is_some() => {
                let table = table.name().unwrap_or_default().to_owned();
                (From::Table(table.clone()), table, 3)
            }
            [table, ..] if table.name().is_some() => {
                let table = table.name().unwrap_or_default().to_owned();
                (From::Table(table.clone()), table, 1)
            }
            _ => return 0,
        };
        let mut from = from;
        if matches!(from, From::Table(_)) && tokens.get(end) == Some(&Token::Symbol('(')) {
            let close = closing(tokens, end);
            self.look_into(&tokens[end..close]);
            from = From::Function;
            end = (close + 1).min(tokens.len());
        }
        let has_as = tokens.get(end).is_some_and(|token| token.is("AS"));
        let alias = tokens.get(end + usize::from(has_as));
        let is_alias =
            |token: &&Token| has_as || (!token.is_any(&JOINS) && !token.is_any(&AFTER_SOURCE));
        if let Some(alias) = alias.filter(is_alias).and_then(Token::name) {
            name = alias.to_owned();
            end += 1 + usize::from(has_as);
        }
        let shared = match is_natural {
            true => Shared::Natural,
            false => Shared::None,
        };
        self.sources.push(Source { name, from, shared });
        end
    }

    /// Reads what follows a source: `ON a = b`, `USING (a)`, `INDEXED BY a`.
    fn constraint(&mut self, tokens: &[Token]) {
        let Some(at) = tokens.iter().position(|it| it.is_any(&["ON", "USING"])) else {
            return;
        };
        if tokens[at].is("ON") {
            return self.conditions(&tokens[at + 1..]);
        }
        let end = closing(tokens, at + 1);
        if let (Some(source), Some(names)) = (self.sources.last_mut(), tokens.get(at + 2..end)) {
            source.shared = Shared::Using(listed(names));
        }
    }

    /// Reads conditions that are all met.
    fn conditions(&mut self, tokens: &[Token]) {
        for condition in split(tokens, |token| token.is("AND")) {
            if let [Token::Symbol('('), inner @ .., Token::Symbol(')')] = condition
                && closing(condition, 0) == condition.len() - 1
                && !is_select(inner)
                && split(inner, |token| token.is("OR")).len() == 1
            {
                self.conditions(inner);
                continue;
            }
            if split(condition, |token| token.is("OR")).len() > 1 {
                self.look_into(condition);
                continue;
            }
            self.condition(condition);
        }
    }

    fn condition(&mut self, tokens: &[Token]) {
        let is_equal = |token: &Token| *token == Token::Symbol('=') || token.is("IS");
        let sides = split(tokens, is_equal);
        let sides: Vec<_> = sides.into_iter().filter(|side| !side.is_empty()).collect();
        if let [left, right] = sides[..]
            && let (Some(left), Some(right)) = (reference(left), reference(right))
        {
            self.equal.push((left, right));
            return;
        }
        if let Some(at) = tokens.iter().position(|token| token.is("IN"))
            && let [Token::Symbol('('), inner @ .., Token::Symbol(')')] = &tokens[at + 1..]
            && is_select(inner)
        {
            let is_negated = at > 0 && tokens[at - 1].is("NOT");
            let value = reference(&tokens[..at - usize::from(is_negated)]);
            self.nested.push((value, select(inner)));
            return;
        }
        self.look_into(tokens);
    }

    /// Finds the SELECTs in an expression.
    fn look_into(&mut self, tokens: &[Token]) {
        let mut index = 0;
        while index < tokens.len() {
            if tokens[index] == Token::Symbol('(') && is_select(&tokens[index + 1..]) {
                let end = closing(tokens, index);
                self.nested.push((None, select(&tokens[index + 1..end])));
                index = end;
            }
            index += 1;
        }
    }
}

fn is_select(tokens: &[Token]) -> bool {
    tokens
        .first()
        .is_some_and(|token| token.is_any(&["SELECT", "WITH", "VALUES"]))
}

fn is_comma(token: &Token) -> bool {
    *token == Token::Symbol(',')
}

/// The names in a list.
fn listed(tokens: &[Token]) -> Vec<String> {
    let names = split(tokens, is_comma);
    let first = names.into_iter().filter_map(|name| name.first()?.name());
    first.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tokens::read, *};

    fn parsed(sql: &str) -> Part {
        let (_, mut select) = of_view(&read(&format!("CREATE VIEW v AS {sql}")));
        assert_eq!(select.parts.len(), 1, "{sql}");
        select.parts.remove(0)
    }

    fn outputs(sql: &str) -> Vec<String> {
        let outputs = parsed(sql).columns.into_iter().map(|output| match output {
            Output::All(source) => format!("{}*", source.unwrap_or_default()),
            Output::Value(reference, name) => {
                let reference = reference.map(|it| shown(&it)).unwrap_or_default();
                format!("{reference} {}", name.unwrap_or_default())
            }
        });
        outputs.collect()
    }

    fn shown(reference: &Reference) -> String {
        let source = reference.source.as_deref().unwrap_or_default();
        format!("{source}.{}", reference.column)
    }

    #[test]
    fn each_column_says_where_its_value_comes_from() {
        assert_eq!(
            outputs(
                "SELECT DISTINCT g.Code, \"the id\" AS ID, main.g.x y, (g.Tax), CAST(g.No AS TEXT) AS 'No', g.a COLLATE NOCASE, g.b COLLATE NOCASE b2,
                 g.Net * 2 AS Price, rtrim(g.Title) Title, CASE WHEN 1 THEN 2 END, (SELECT p.Price FROM p) AS q, count(*), *, g.*"
            ),
            [
                "g.Code Code", ".the id ID", "g.x y", "g.Tax Tax", "g.No No", "g.a a", "g.b b2", " Price", " Title", " ",
                " q", " ", "*", "g*"
            ]
        );
    }

    #[test]
    fn each_source_is_found_with_its_name() {
        let of = |sql: &str| {
            let sources = parsed(sql)
                .sources
                .into_iter()
                .map(|source| match source.from {
                    From::Table(table) => format!("{table} {}", source.name),
                    From::Select(select) => format!("({}) {}", select.parts.len(), source.name),
                    From::Function => format!("() {}", source.name),
                });
            sources.collect::<Vec<_>>()
        };
        for (sql, expected) in [
            ("SELECT 1", &[][..]),
            ("SELECT a FROM t", &["t t"]),
            ("SELECT a FROM main.t AS \"u\", [w x] y", &["t u", "w x y"]),
            (
                "SELECT a FROM t LEFT OUTER JOIN u ON t.a = u.a CROSS JOIN w WHERE 1",
                &["t t", "u u", "w w"],
            ),
            (
                "SELECT a FROM t NATURAL JOIN u JOIN w USING (a, b) GROUP BY a",
                &["t t", "u u", "w w"],
            ),
            (
                "SELECT a FROM (t JOIN u ON 1) JOIN (SELECT 1 UNION ALL SELECT 2) AS n",
                &["t t", "u u", "(2) n"],
            ),
            (
                "SELECT a FROM t INDEXED BY i JOIN u x NOT INDEXED, json_each(t.a) j ORDER BY 1",
                &["t t", "u x", "() j"],
            ),
            ("SELECT a IS NOT DISTINCT FROM b AS c FROM t", &["t t"]),
        ] {
            assert_eq!(of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn equal_columns_are_found_where_all_rows_have_them() {
        let of = |sql: &str| {
            let equal = parsed(sql).equal.into_iter();
            let equal = equal.map(|(left, right)| format!("{} {}", shown(&left), shown(&right)));
            equal.collect::<Vec<_>>()
        };
        for (sql, expected) in [
            (
                "SELECT 1 FROM g JOIN p ON p.Code = g.Code AND p.List = 1",
                &["p.Code g.Code"][..],
            ),
            (
                "SELECT 1 FROM g JOIN p ON (p.a == g.a) JOIN q ON q.b IS g.b WHERE (c = g.c AND d = d)",
                &["p.a g.a", "q.b g.b", ".c g.c", ".d .d"],
            ),
            ("SELECT 1 FROM g, p WHERE p.a = g.a OR p.b = g.b", &[]),
            (
                "SELECT 1 FROM g, p WHERE p.a = g.a + 1 AND p.b > g.b AND p.c = 'x'",
                &[],
            ),
            (
                "SELECT 1 FROM g, p WHERE (p.a = g.a OR p.b = g.b) AND p.c = g.c",
                &["p.c g.c"],
            ),
        ] {
            assert_eq!(of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn selects_in_expressions_are_found() {
        for (sql, count) in [
            (
                "SELECT (SELECT max(x) FROM p) FROM g WHERE EXISTS (SELECT 1 FROM q) AND a IN (SELECT b FROM r)",
                3,
            ),
            (
                "SELECT coalesce((SELECT 1 FROM p WHERE x = (SELECT 1)), 0) FROM g JOIN h ON h.a > (SELECT 1)",
                2,
            ),
            (
                "SELECT a FROM g WHERE a NOT IN (1, 2) OR a IN (SELECT b FROM r) ORDER BY (SELECT 1)",
                2,
            ),
        ] {
            assert_eq!(parsed(sql).nested.len(), count, "{sql}");
        }
        let with = "CREATE VIEW v (x, [y z]) AS WITH RECURSIVE a (b) AS NOT MATERIALIZED (SELECT 1 FROM t), c AS (SELECT 2) SELECT * FROM a, c";
        let (columns, select) = of_view(&read(with));
        assert_eq!(columns, ["x", "y z"]);
        assert_eq!((select.with.len(), select.parts[0].sources.len()), (2, 2));
    }

    #[test]
    fn text_that_is_cut_off_ends() {
        let sql = "CREATE VIEW v (a) AS WITH c (d) AS (SELECT x, (SELECT y FROM z) q FROM (t JOIN u USING (a, b)) AS w NATURAL LEFT JOIN f(1) ON (a = b) WHERE e IN (SELECT g)) SELECT * FROM c UNION ALL SELECT h.* FROM h";
        let tokens = read(sql);
        for end in 0..tokens.len() {
            for begin in 0..=end {
                of_view(&tokens[begin..end]);
                select(&tokens[begin..end]);
            }
        }
    }
}
