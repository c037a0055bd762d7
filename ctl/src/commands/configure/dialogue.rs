//! `configure` without arguments: a prompt for each setting that most shops need.

use shopmaster_proto::v1::{GetConfigResponse, Secrets, Settings};

use crate::{
    error::Error,
    prompt,
    settings::{Changes, FIELDS, Field},
};

const SQLITE: [&str; 2] = ["catalog.path", "catalog.table"];
const SQL_SERVER: [&str; 3] = ["catalog.server", "catalog.database", "catalog.table"];
const COLUMNS: [&str; 4] = [
    "catalog.columns.id",
    "catalog.columns.name",
    "catalog.columns.price",
    "catalog.price_digits",
];
/// The kind of database that most shops have, offered as the default.
const USUAL_KIND: &str = "sqlserver";

/// What is known before the first prompt.
pub struct Known {
    /// The configuration in use.
    pub current: GetConfigResponse,
    /// Passwords from the environment: the dialogue does not ask for them.
    pub environment: Secrets,
    /// The operating system of the agent; empty when the agent does not report it.
    pub platform: String,
}

/// Asks the user at the terminal for settings and passwords.
pub fn hold(known: Known) -> Result<Changes, Error> {
    prompt::say("Press Enter to keep the value in brackets");
    Dialogue {
        settings: known.current.settings.clone().unwrap_or_default(),
        known,
        changes: Changes::default(),
        person: Terminal,
    }
    .hold()
}

/// Where the answers come from: a terminal, or a test.
trait Person {
    fn line(&mut self, question: &str) -> Result<String, Error>;
    fn password(&mut self, question: &str) -> Result<String, Error>;
    fn say(&mut self, text: &str);
}

struct Terminal;

struct Dialogue<P> {
    known: Known,
    settings: Settings,
    changes: Changes,
    person: P,
}

impl Person for Terminal {
    fn line(&mut self, question: &str) -> Result<String, Error> {
        prompt::line(question)
    }

    fn password(&mut self, question: &str) -> Result<String, Error> {
        prompt::password(question)
    }

    fn say(&mut self, text: &str) {
        prompt::say(text);
    }
}

impl<P: Person> Dialogue<P> {
    fn hold(mut self) -> Result<Changes, Error> {
        self.ask("catalog.kind", USUAL_KIND)?;
        if self.value("catalog.kind") == "sqlite" {
            self.ask_all(&SQLITE)?;
        } else {
            self.ask_all(&SQL_SERVER)?;
            self.ask_login()?;
        }
        self.person.say(
            "A product's key is its id at Digible. Choose it before the first upload: with another key, every product is sent again, and the old ones stay at Digible",
        );
        self.ask_all(&COLUMNS)?;
        self.ask("digible.email", "")?;
        let set = self.known.current.secrets.clone().unwrap_or_default();
        self.changes.secrets.digible_password = match self.known.environment.digible_password.take()
        {
            Some(password) => Some(password),
            None => self.ask_password("Password of the Digible account", set.digible_password)?,
        };
        Ok(self.changes)
    }

    /// Asks how to log in to SQL Server. Windows logins need an agent that runs on Windows.
    fn ask_login(&mut self) -> Result<(), Error> {
        let has_windows = matches!(self.known.platform.as_str(), "windows" | "");
        if has_windows {
            self.ask("catalog.auth", "")?;
        } else if self.value("catalog.auth") != "sql" {
            self.set("catalog.auth", "sql");
        }
        if self.value("catalog.auth") != "sql" {
            return Ok(());
        }
        self.ask("catalog.username", "")?;
        let set = self.known.current.secrets.clone().unwrap_or_default();
        self.changes.secrets.sql_password = match self.known.environment.sql_password.take() {
            Some(password) => Some(password),
            None => self.ask_password("Password of the SQL login", set.sql_password)?,
        };
        Ok(())
    }

    fn ask_all(&mut self, paths: &[&str]) -> Result<(), Error> {
        paths.iter().try_for_each(|path| self.ask(path, ""))
    }

    /// Asks until the answer is valid. An empty answer keeps the value in use, or takes `usual` where there is none.
    fn ask(&mut self, path: &str, usual: &str) -> Result<(), Error> {
        let Some(field) = field(path) else {
            return Ok(());
        };
        let now = field.text(&self.settings);
        let offer = if now.is_empty() { usual } else { &now };
        loop {
            let answer = self.person.line(&question(field, offer))?;
            let answer = if answer.is_empty() { offer } else { &answer };
            if *answer == now {
                return Ok(());
            }
            match self.changes.set(field, answer) {
                Ok(()) => return Ok(()),
                Err(problem) => prompt::say(&problem),
            }
        }
    }

    fn ask_password(&mut self, question: &str, is_set: bool) -> Result<Option<String>, Error> {
        let keeps = if is_set { " [keep]" } else { "" };
        let answer = self.person.password(&format!("{question}{keeps}"))?;
        Ok(Some(answer).filter(|answer| !answer.is_empty()))
    }

    fn set(&mut self, path: &str, word: &str) {
        if let Some(field) = field(path) {
            // The field accepts its own words.
            let _ = self.changes.set(field, word);
        }
    }

    fn value(&self, path: &str) -> String {
        let text = |field| self.changes.get(field);
        field(path)
            .map(|field| text(field).unwrap_or_else(|| field.text(&self.settings)))
            .unwrap_or_default()
    }
}

fn question(field: &Field, offer: &str) -> String {
    let words = match field.words() {
        [] => String::new(),
        words => format!(" ({})", words.join(" or ")),
    };
    let offer = match offer {
        "" => String::new(),
        offer => format!(" [{offer}]"),
    };
    format!("{}{words}{offer}", field.help)
}

fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{CatalogSettings, SecretsSet};

    use super::*;

    const KIND: &str = "Kind of the shop's database (sqlserver or sqlite) [sqlserver]";

    /// Answers in this order, and then keeps everything.
    struct Script {
        answers: Vec<&'static str>,
        asked: Vec<String>,
    }

    impl Person for &mut Script {
        fn line(&mut self, question: &str) -> Result<String, Error> {
            self.asked.push(question.to_owned());
            let answer = match self.answers.is_empty() {
                true => "",
                false => self.answers.remove(0),
            };
            Ok(answer.to_owned())
        }

        fn password(&mut self, question: &str) -> Result<String, Error> {
            self.line(question)
        }

        fn say(&mut self, _text: &str) {}
    }

    fn known(platform: &str) -> Known {
        let catalog = CatalogSettings {
            table: "dbo.Products".to_owned(),
            auth: "windows".to_owned(),
            ..CatalogSettings::default()
        };
        Known {
            current: GetConfigResponse {
                settings: Some(Settings {
                    catalog: Some(catalog),
                    ..Settings::default()
                }),
                secrets: Some(SecretsSet {
                    digible_password: true,
                    ..SecretsSet::default()
                }),
                ..GetConfigResponse::default()
            },
            environment: Secrets::default(),
            platform: platform.to_owned(),
        }
    }

    /// The questions that were asked, and what changes.
    fn hold(known: Known, answers: &[&'static str]) -> (Vec<String>, Changes) {
        let mut script = Script {
            answers: answers.to_vec(),
            asked: Vec::new(),
        };
        let dialogue = Dialogue {
            settings: known.current.settings.clone().unwrap(),
            known,
            changes: Changes::default(),
            person: &mut script,
        };
        let changes = dialogue.hold().unwrap();
        (script.asked, changes)
    }

    fn paths(changes: Changes) -> Vec<String> {
        changes.into_request().update_mask.unwrap().paths
    }

    #[test]
    fn on_windows_a_shop_with_a_windows_login_is_the_default() {
        let (asked, changes) = hold(known("windows"), &[]);
        assert_eq!(
            asked,
            [
                KIND,
                r"SQL Server: host, host\instance or host,port",
                "SQL Server: the database",
                "The product table, with its schema where it has one [dbo.Products]",
                "SQL Server: how to log in (windows or sql) [windows]",
                "Column of the product's key, or several that are unique together, such as A,B",
                "Column of the product's name",
                "Column of the product's price",
                "Decimal places of every price, 0 to 10; empty for as many as the column has",
                "Email of the Digible account",
                "Password of the Digible account [keep]",
            ]
        );
        assert_eq!(changes.secrets, Secrets::default());
        assert_eq!(paths(changes), ["catalog.kind"]);
    }

    #[test]
    fn elsewhere_only_sql_logins_are_offered() {
        let (asked, changes) = hold(known("linux"), &["", "srv", "db", "", "shop", " secret "]);
        assert_eq!(
            asked[4..6],
            ["SQL Server: the login's name", "Password of the SQL login"]
        );
        assert_eq!(changes.secrets.sql_password.as_deref(), Some(" secret "));
        assert_eq!(
            paths(changes),
            [
                "catalog.kind",
                "catalog.server",
                "catalog.database",
                "catalog.auth",
                "catalog.username"
            ]
        );
    }

    #[test]
    fn a_sql_login_can_be_chosen_on_windows_and_on_an_agent_that_does_not_tell() {
        for platform in ["windows", ""] {
            let (asked, changes) = hold(known(platform), &["", "srv", "db", "", "sql", "shop"]);
            assert_eq!(asked[6], "Password of the SQL login");
            assert!(paths(changes).contains(&"catalog.username".to_owned()));
        }
    }

    #[test]
    fn a_sqlite_shop_has_a_file_and_no_login() {
        let (asked, changes) = hold(known("linux"), &["sqlite", "/shop.db", "Products"]);
        assert_eq!(asked[1], "SQLite: the database file");
        assert_eq!(asked.len(), 9);
        assert_eq!(
            paths(changes),
            ["catalog.kind", "catalog.path", "catalog.table"]
        );
    }

    #[test]
    fn digits_of_prices_are_asked_for_and_kept() {
        let answers = ["sqlite", "/shop.db", "Products", "", "", "", "two", "2"];
        let (asked, changes) = hold(known("linux"), &answers);
        assert_eq!(asked[6], asked[7]);
        let digits = changes.get(field("catalog.price_digits").unwrap());
        assert_eq!(digits.as_deref(), Some("2"));

        let mut known = known("linux");
        let settings = known.current.settings.as_mut().unwrap();
        settings.catalog.as_mut().unwrap().price_digits = Some(2);
        let (asked, changes) = hold(known, &answers[..3]);
        assert!(asked[6].ends_with("[2]"), "{}", asked[6]);
        assert!(!paths(changes).contains(&"catalog.price_digits".to_owned()));
    }

    #[test]
    fn passwords_of_the_environment_are_not_asked_for() {
        let mut known = known("linux");
        known.environment.sql_password = Some("one".to_owned());
        known.environment.digible_password = Some("two".to_owned());
        let (asked, changes) = hold(known, &[]);
        assert!(!asked.iter().any(|question| question.contains("Password")));
        assert_eq!(changes.secrets.sql_password.as_deref(), Some("one"));
        assert_eq!(changes.secrets.digible_password.as_deref(), Some("two"));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_asked_again() {
        let (asked, changes) = hold(known("linux"), &["oracle", "sqlite"]);
        assert_eq!(asked[0], asked[1]);
        assert_eq!(paths(changes), ["catalog.kind"]);
    }
}
