//! New settings and passwords from flags, standard input, the environment and the old program's file.

use std::{
    env, fs,
    io::{self, BufRead},
    path::Path,
};

use shopmaster_proto::v1::Secrets;

use super::Args;
use crate::{
    error::Error,
    settings::{Changes, OldProgram, read_env_file, read_lines},
};

/// The values from all sources.
pub struct Given {
    /// The settings and passwords.
    pub changes: Changes,
    /// What was left out of the old program's file, for people.
    pub notes: Vec<String>,
}

/// Gathers the values. Flags win over standard input, standard input over the environment, and the environment over
/// the old program's file.
pub fn gather(args: &Args, stdin: &mut impl BufRead) -> Result<Given, Error> {
    let mut given = Given {
        changes: Changes::default(),
        notes: Vec::new(),
    };
    if let Some(path) = &args.from_env {
        let OldProgram { changes, notes } = read_env_file(&read_file(path)?);
        given.changes = changes;
        given.notes = notes;
    }
    given.changes.merge(&Changes::with_secrets(environment()));
    if args.stdin {
        let text = io::read_to_string(&mut *stdin).map_err(Error::Input)?;
        let changes = read_lines(&text).map_err(|problem| Error::Usage {
            message: format!("standard input: {problem}"),
            remedy:
                "write one `key = value` per line, with the keys that `configure --show` prints"
                    .to_owned(),
        })?;
        given.changes.merge(&changes);
    }
    given.changes.merge(&args.flags.0);
    if args.digible_password_stdin {
        given.changes.secrets.digible_password = Some(password(stdin, "Digible")?);
    }
    if args.sql_password_stdin {
        given.changes.secrets.sql_password = Some(password(stdin, "SQL")?);
    }
    Ok(given)
}

/// Passwords from the environment. An empty variable counts as not set.
pub fn environment() -> Secrets {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    Secrets {
        digible_password: variable("SHOPMASTER_DIGIBLE_PASSWORD"),
        sql_password: variable("SHOPMASTER_SQL_PASSWORD"),
    }
}

fn read_file(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::ReadFile {
        path: path.to_owned(),
        source,
    })
}

/// Reads a password: a whole line, including its spaces. An empty line is an error, because it is probably a
/// script's mistake.
fn password(stdin: &mut impl BufRead, whose: &str) -> Result<String, Error> {
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(Error::Input)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::Usage {
            message: format!("standard input has no line for the {whose} password"),
            remedy: "to remove a password, write `digible.password =` or `catalog.password =` to \
                     `configure --stdin`"
                .to_owned(),
        });
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::settings::FIELDS;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn given(flags: &[&str], mut stdin: &[u8]) -> Result<Given, Error> {
        let line = [&["configure"], flags].concat();
        gather(&Line::parse_from(line).args, &mut stdin)
    }

    fn value(given: &Given, path: &str) -> Option<String> {
        let field = FIELDS.iter().find(|field| field.path == path).unwrap();
        given.changes.get(field)
    }

    #[test]
    fn flags_win_over_standard_input() {
        let given = given(
            &["--stdin", "--table", "Items", "--automatic", "false"],
            b"catalog.table = Products\ndigible.email = a@b\ndigible.password = x\n",
        )
        .unwrap();
        assert_eq!(value(&given, "catalog.table").unwrap(), "Items");
        assert_eq!(value(&given, "digible.email").unwrap(), "a@b");
        assert_eq!(value(&given, "sync.automatic").unwrap(), "false");
        assert_eq!(given.changes.secrets.digible_password.unwrap(), "x");
    }

    #[test]
    fn two_passwords_are_two_lines() {
        let both = ["--sql-password-stdin", "--digible-password-stdin"];
        let secrets = given(&both, b" one \r\ntwo").unwrap().changes.secrets;
        assert_eq!(secrets.digible_password.unwrap(), " one ");
        assert_eq!(secrets.sql_password.unwrap(), "two");
    }

    #[test]
    fn a_missing_or_empty_password_is_a_mistake() {
        for stdin in [&b""[..], b"\n", b"one\n\n"] {
            let flags = ["--digible-password-stdin", "--sql-password-stdin"];
            let error = given(&flags, stdin).err().unwrap();
            assert!(matches!(error, Error::Usage { .. }), "{error}");
        }
    }

    #[test]
    fn a_bad_line_is_a_usage_error() {
        let error = given(&["--stdin"], b"colour = red\n").err().unwrap();
        assert_eq!(
            error.message(),
            "standard input: line 1: unknown setting `colour`"
        );
        assert!(matches!(error, Error::Usage { .. }));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = given(&["--from-env", "no/such/.env"], b"").err().unwrap();
        assert!(
            error.message().starts_with("cannot read `no/such/.env`: "),
            "{}",
            error.message()
        );
    }
}
