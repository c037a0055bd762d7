//! The configuration as text for people.

use shopmaster_proto::v1::{ConfigureResponse, GetConfigResponse, Secrets, SecretsSet};

use super::{check, plain, table};
use crate::settings::FIELDS;

/// All values, which secrets are set, and where both are kept.
pub fn configuration(answer: &GetConfigResponse) -> String {
    let settings = answer.settings.clone().unwrap_or_default();
    let secrets = answer.secrets.clone().unwrap_or_default();
    let mut lines: Vec<(&str, String)> = FIELDS
        .iter()
        .map(|field| {
            let mut value = field.text(&settings);
            if answer.overridden.iter().any(|path| path == field.path) {
                value += " (from the environment)";
            }
            (field.path, value)
        })
        .collect();
    let set = |is_set: bool| if is_set { "set" } else { "not set" }.to_owned();
    lines.extend([
        ("digible.password", set(secrets.digible_password)),
        ("catalog.password", set(secrets.sql_password)),
        ("file", answer.file.clone()),
    ]);
    table::pairs(&lines)
}

/// The result of a change, and the warnings about it.
pub fn configured(answer: &ConfigureResponse, sent: &Secrets) -> String {
    let mut text = String::new();
    if !answer.changed.is_empty() {
        text += &format!("Changed `{}`\n", answer.changed.join("`, `"));
    }
    let store = answer.secrets.clone().unwrap_or_default();
    text += &secret("Digible password", sent.digible_password.as_deref(), &store);
    text += &secret("SQL password", sent.sql_password.as_deref(), &store);
    if text.is_empty() {
        return NOTHING_CHANGED.to_owned();
    }
    text + &effect(answer) + &check::list(&answer.warnings)
}

/// What a change would mean.
pub fn would_configure(answer: &ConfigureResponse) -> String {
    if answer.changed.is_empty() {
        return "Nothing would change\n".to_owned();
    }
    let keys = answer.changed.join("`, `");
    let new_journal = answer.new_journal.iter();
    let new_journal: String = new_journal
        .map(|it| format!("{}\n", plain(&it.text)))
        .collect();
    format!(
        "Would change `{keys}`\n{new_journal}{}{}",
        effect(answer),
        check::list(&answer.warnings)
    )
}

/// What the change means for the products that were sent before, and some of those that stay at Digible.
fn effect(answer: &ConfigureResponse) -> String {
    let Some(effect) = &answer.effect else {
        return String::new();
    };
    let mut text = format!("{}\n", plain(&effect.text));
    if !effect.gone_ids.is_empty() {
        let more = if effect.gone > effect.gone_ids.len() as u64 {
            ", …"
        } else {
            ""
        };
        text += &format!(
            "Staying at Digible: {}{more}\n",
            plain(&effect.gone_ids.join(", "))
        );
    }
    text
}

/// The result when nothing differs.
pub const NOTHING_CHANGED: &str = "Nothing changed\n";

fn secret(name: &str, sent: Option<&str>, kept: &SecretsSet) -> String {
    match sent {
        None => String::new(),
        Some("") => format!("Removed the {name}\n"),
        Some(_) if kept.store == "file" => {
            format!("Stored the {name} in a file that only this user can read\n")
        }
        Some(_) => format!("Stored the {name} in the operating system's credential store\n"),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{CatalogSettings, Check, Settings, Verdict};

    use super::*;

    #[test]
    fn values_from_the_environment_are_marked() {
        let answer = GetConfigResponse {
            settings: Some(Settings {
                catalog: Some(CatalogSettings {
                    kind: "sqlite".to_owned(),
                    ..CatalogSettings::default()
                }),
                ..Settings::default()
            }),
            file: "/etc/config.toml".to_owned(),
            overridden: vec!["catalog.kind".to_owned()],
            ..GetConfigResponse::default()
        };
        let text = configuration(&answer);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("catalog.kind").ends_with("sqlite (from the environment)"));
        assert!(line("digible.password").ends_with("not set"));
        assert!(line("file").ends_with("/etc/config.toml"));
    }

    #[test]
    fn a_change_names_its_keys_and_secrets() {
        let answer = ConfigureResponse {
            changed: vec!["catalog.kind".to_owned(), "catalog.path".to_owned()],
            secrets: Some(SecretsSet {
                store: "file".to_owned(),
                ..SecretsSet::default()
            }),
            ..ConfigureResponse::default()
        };
        let sent = Secrets {
            digible_password: Some("secret".to_owned()),
            sql_password: Some(String::new()),
        };
        assert_eq!(
            configured(&answer, &sent),
            "Changed `catalog.kind`, `catalog.path`\n\
             Stored the Digible password in a file that only this user can read\n\
             Removed the SQL password\n"
        );
        let warned = ConfigureResponse {
            changed: vec!["catalog.columns.price".to_owned()],
            warnings: vec![Check {
                name: "catalog.price_type".to_owned(),
                verdict: Verdict::Warning.into(),
                text: "no digits".to_owned(),
                remedy: "set them".to_owned(),
                ..Check::default()
            }],
            ..ConfigureResponse::default()
        };
        assert_eq!(
            configured(&warned, &Secrets::default()),
            "Changed `catalog.columns.price`\n\
             warn  catalog.price_type  no digits\n\
             hint: set them\n"
        );
        assert_eq!(
            configured(&ConfigureResponse::default(), &Secrets::default()),
            NOTHING_CHANGED
        );
    }
}
