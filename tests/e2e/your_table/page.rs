//! The examples of a page: each section is a script, in the order in which a person reads it.
//!
//! A section with a command is an example. Its parts are found by their form alone:
//!
//! | on the page | what it is |
//! |---|---|
//! | a block of `sql` | what the shop has, or the view that is created beside it |
//! | a block of `console` | one command |
//! | a table under `id`, `name`, `price` | all that Digible has then |
//! | a table under `change`, `at Digible` | statements of the shop's program, and what each of them leads to |

/// A section, from its heading to the next one.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    pub heading: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Statements of the shop's administrator.
    Sql(String),
    /// A command's arguments, without the program.
    Command(Vec<String>),
    /// All that Digible has.
    Products(Vec<Effect>),
    /// What happens in the shop, one after the other.
    Changes(Vec<Change>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The statement; none for what happens by itself.
    pub sql: Option<String>,
    /// What it leads to; empty for nothing.
    pub effects: Vec<Effect>,
}

/// What becomes of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Has {
        id: String,
        name: String,
        price: String,
    },
    Gone(String),
    Refused(String),
}

const PRODUCTS: [&str; 3] = ["id", "name", "price"];
const CHANGES: [&str; 2] = ["change", "at Digible"];
/// An effect of a change that has none.
const NOTHING: &str = "nothing changes";

impl Section {
    /// Whether there is something to try.
    pub fn is_example(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Command(_)))
    }
}

impl Effect {
    pub fn has(id: &str, name: &str, price: &str) -> Self {
        Self::Has {
            id: id.to_owned(),
            name: name.to_owned(),
            price: price.to_owned(),
        }
    }
}

/// The sections of a page, without what stands above the first of them.
pub fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = heading(line) {
            sections.push(Section {
                heading: heading.to_owned(),
                steps: Vec::new(),
            });
            continue;
        }
        let step = if let Some(language) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            block_step(language, &block)
        } else if line.starts_with('|') {
            let rows: Vec<_> = lines
                .by_ref()
                .take_while(|line| line.starts_with('|'))
                .skip(1)
                .map(cells)
                .collect();
            table_step(&cells(line), &rows)
        } else {
            None
        };
        if let Some(step) = step {
            let section = sections.last_mut();
            section
                .expect("an example needs a heading")
                .steps
                .push(step);
        }
    }
    sections
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("### ").or(line.strip_prefix("## "))
}

fn block_step(language: &str, lines: &[&str]) -> Option<Step> {
    let text = lines.join("\n");
    match language {
        "sql" => Some(Step::Sql(text)),
        "console" => Some(Step::Command(command(&text))),
        _ => None,
    }
}

/// The arguments of `$ shopmasterctl …`, which may go on after a backslash.
fn command(text: &str) -> Vec<String> {
    let line = text.replace("\\\n", " ");
    let arguments = line.strip_prefix("$ shopmasterctl ");
    let arguments = arguments.filter(|rest| !rest.contains('\n'));
    words(arguments.unwrap_or_else(|| panic!("not one command: {text}")))
}

/// The words of a line as a shell finds them; double quotes do not occur.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        match place % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// The cells of a row. A cell cannot have a `|`.
fn cells(row: &str) -> Vec<&str> {
    let row = row.trim().trim_matches('|');
    row.split('|').map(str::trim).collect()
}

fn table_step(head: &[&str], rows: &[Vec<&str>]) -> Option<Step> {
    if head == PRODUCTS {
        return Some(Step::Products(
            rows.iter().map(|row| product(row)).collect(),
        ));
    }
    (head == CHANGES).then(|| Step::Changes(rows.iter().map(|row| change(row)).collect()))
}

/// `` `P1` ``, its name and its price, or that it is refused.
fn product(row: &[&str]) -> Effect {
    match row {
        [id, "*refused*", ""] => Effect::Refused(code(id)),
        [id, name, price] => Effect::has(&code(id), name, price),
        _ => panic!("not a product: {row:?}"),
    }
}

fn change(row: &[&str]) -> Change {
    let [what, effects] = row else {
        panic!("not a change: {row:?}");
    };
    Change {
        sql: what.starts_with('`').then(|| code(what)),
        effects: match *effects {
            NOTHING => Vec::new(),
            effects => effects.split("; ").map(effect).collect(),
        },
    }
}

/// `` `P1`: tea, 1.50 ``, `` `P1` is gone from the shop ``, `` `P1` is refused ``.
fn effect(text: &str) -> Effect {
    let end = text.rfind('`').unwrap_or_default();
    let (id, what) = text.split_at(end + 1);
    let id = code(id);
    match what {
        " is gone from the shop" => Effect::Gone(id),
        " is refused" => Effect::Refused(id),
        what => {
            let product = what.strip_prefix(": ").and_then(|it| it.rsplit_once(", "));
            let (name, price) = product.unwrap_or_else(|| panic!("not an effect: {text}"));
            Effect::has(&id, name, price)
        }
    }
}

/// What stands between back-ticks.
fn code(text: &str) -> String {
    let inner = text.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
    inner
        .unwrap_or_else(|| panic!("not in back-ticks: {text}"))
        .to_owned()
}

#[test]
fn a_section_is_read_as_a_script() {
    let page = "# Page\n\n## One\n\nSome words.\n\n```sql\nCREATE TABLE T (a INT);\n```\n\n```console\n$ shopmasterctl configure --table T \\\n    --only 'A = 1'\n```\n\n| id | name | price |\n|---|---|---|\n| `1` | black tea | 1.50 |\n| `2` | *refused* | |\n\n| change | at Digible |\n|---|---|\n| `DELETE FROM T` | `1` is gone from the shop; `2`: a, b, 2 |\n| midnight | nothing changes |\n\n### Two\n\n| what | else |\n|---|---|\n| a | b |\n";
    let sections = sections(page);
    let headings: Vec<_> = sections.iter().map(|it| it.heading.as_str()).collect();
    assert_eq!(headings, ["One", "Two"]);
    assert!(sections[0].is_example() && !sections[1].is_example());
    let [sql, command, products, changes] = sections[0].steps.as_slice() else {
        panic!("{sections:?}");
    };
    assert_eq!(*sql, Step::Sql("CREATE TABLE T (a INT);".to_owned()));
    let words = ["configure", "--table", "T", "--only", "A = 1"];
    assert_eq!(*command, Step::Command(words.map(str::to_owned).to_vec()));
    let refused = Effect::Refused("2".to_owned());
    let expected = vec![Effect::has("1", "black tea", "1.50"), refused];
    assert_eq!(*products, Step::Products(expected));
    let gone = Change {
        sql: Some("DELETE FROM T".to_owned()),
        effects: vec![Effect::Gone("1".to_owned()), Effect::has("2", "a, b", "2")],
    };
    let midnight = Change {
        sql: None,
        effects: Vec::new(),
    };
    assert_eq!(*changes, Step::Changes(vec![gone, midnight]));
}
