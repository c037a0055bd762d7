//! The old program's `.env`: `key=value` lines, with values unquoted as the program writes them, or with spaces and
//! quotes around them as people write them by hand.

use super::{Changes, FIELDS, lines::unquoted};

/// What the old program's file says.
pub struct OldProgram {
    /// The settings that correspond to it.
    pub changes: Changes,
    /// What was left out and why, for people.
    pub notes: Vec<String>,
}

/// Reads the old program's `.env`. Unknown keys are named in the notes.
pub fn read(text: &str) -> OldProgram {
    let mut file = OldProgram {
        changes: Changes::default(),
        notes: Vec::new(),
    };
    let mut password = None;
    file.set("catalog.kind", "sqlserver");
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // The line is not quoted, because it may be part of a password.
            file.note("a line without `=` was ignored".to_owned());
            continue;
        };
        let key = name.trim();
        let lower = key.to_ascii_lowercase();
        // A password may begin and end with spaces, unless the line is written with spaces anyway.
        let is_exact = lower == "password" && !name.ends_with(char::is_whitespace);
        let value = if is_exact { value } else { value.trim() };
        let value = unquoted(unquoted(value, '"'), '\'');
        match lower.as_str() {
            _ if value.is_empty() => {}
            "server_name" => file.set("catalog.server", value),
            "db_name" => file.set("catalog.database", value),
            "local_table" => file.set("catalog.table", value),
            "username" => file.set("catalog.username", value),
            "email" => file.set("digible.email", value),
            "password" => password = Some(value.to_owned()),
            "security" => file.security(value),
            "access_token" => file.note(
                "`access_token` was ignored: the agent logs in with email and password".to_owned(),
            ),
            _ => file.note(format!("unknown key `{key}` was ignored")),
        }
    }
    file.guess_security(password.is_some());
    file.keep_password(password);
    file
}

impl OldProgram {
    fn security(&mut self, value: &str) {
        match value.to_ascii_lowercase().as_str() {
            "windows authentication" => self.set("catalog.auth", "windows"),
            "password" => self.set("catalog.auth", "sql"),
            _ => self.note(format!("unknown `security` value `{value}` was ignored")),
        }
    }

    /// A file with a name and a password, but without `security`, means a SQL login.
    fn guess_security(&mut self, has_password: bool) {
        let is_said = self.value("catalog.auth").is_some();
        if !is_said && has_password && self.value("catalog.username").is_some() {
            self.set("catalog.auth", "sql");
            self.note(
                "`security` is missing: assumed a SQL login, because there are a name and a password"
                    .to_owned(),
            );
        }
    }

    fn keep_password(&mut self, password: Option<String>) {
        if password.is_none() {
            return;
        }
        if self.value("catalog.auth").as_deref() == Some("windows") {
            self.note("`password` was ignored: Windows authentication needs none".to_owned());
            return;
        }
        self.changes.secrets.sql_password = password;
    }

    fn value(&self, path: &str) -> Option<String> {
        let field = FIELDS.iter().find(|field| field.path == path)?;
        self.changes.get(field)
    }

    fn set(&mut self, path: &str, value: &str) {
        let Some(field) = FIELDS.iter().find(|field| field.path == path) else {
            return;
        };
        if let Err(problem) = self.changes.set(field, value) {
            self.note(format!("`{path}`: {problem}"));
        }
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_old_program_is_understood() {
        let file = read(
            "\u{feff}server_name=DESKTOP\\SQLEXPRESS\r\ndb_name='Products DB'\r\n\
             username=shop\npassword=a=b #\"c\nsecurity=Password\nlocal_table=dbo.Inventory\n\
             access_token=eyJ\nemail=a@b\ncolour=red\nbroken\n",
        );
        let shown: Vec<(&str, String)> = FIELDS
            .iter()
            .filter_map(|field| Some((field.path, file.changes.get(field)?)))
            .collect();
        let expected = [
            ("catalog.kind", "sqlserver"),
            ("catalog.server", "DESKTOP\\SQLEXPRESS"),
            ("catalog.database", "Products DB"),
            ("catalog.table", "dbo.Inventory"),
            ("catalog.auth", "sql"),
            ("catalog.username", "shop"),
            ("digible.email", "a@b"),
        ]
        .map(|(path, value)| (path, value.to_owned()));
        assert_eq!(shown, expected);
        assert_eq!(
            file.changes.secrets.sql_password.as_deref(),
            Some("a=b #\"c")
        );
        assert_eq!(file.changes.secrets.digible_password, None);
        assert_eq!(
            file.notes,
            [
                "`access_token` was ignored: the agent logs in with email and password",
                "unknown key `colour` was ignored",
                "a line without `=` was ignored",
            ]
        );
    }

    #[test]
    fn windows_authentication_needs_no_password() {
        let file = read("password=x\nusername=\nsecurity=Windows Authentication\n");
        assert_eq!(file.value("catalog.auth").unwrap(), "windows");
        assert_eq!(file.value("catalog.username"), None);
        assert_eq!(file.changes.secrets.sql_password, None);
        assert_eq!(
            file.notes,
            ["`password` was ignored: Windows authentication needs none"]
        );
    }

    #[test]
    fn spaces_and_quotes_of_a_person_are_no_part_of_values() {
        let file = read(
            "server_name = \"srv\\SHOP\" \n db_name= Products DB \nsecurity=password \n\
             username = 'shop'\npassword = secret \n",
        );
        assert_eq!(file.value("catalog.server").unwrap(), "srv\\SHOP");
        assert_eq!(file.value("catalog.database").unwrap(), "Products DB");
        assert_eq!(file.value("catalog.auth").unwrap(), "sql");
        assert_eq!(file.value("catalog.username").unwrap(), "shop");
        assert_eq!(file.changes.secrets.sql_password.as_deref(), Some("secret"));
        assert!(file.notes.is_empty(), "{:?}", file.notes);
    }

    #[test]
    fn spaces_of_a_password_stay() {
        let file = read("security=Password\npassword= a b \n");
        assert_eq!(file.changes.secrets.sql_password.as_deref(), Some(" a b "));
    }

    #[test]
    fn a_name_and_a_password_without_security_are_a_sql_login() {
        let file = read("username=shop\npassword=x\n");
        assert_eq!(file.value("catalog.auth").unwrap(), "sql");
        assert_eq!(file.notes.len(), 1);
        assert_eq!(read("username=shop\n").value("catalog.auth"), None);
    }

    #[test]
    fn an_unknown_security_is_named() {
        let file = read("security=Kerberos\n");
        assert_eq!(
            file.notes,
            ["unknown `security` value `Kerberos` was ignored"]
        );
    }
}
