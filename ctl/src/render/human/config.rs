//! The configuration as text for people.

use shopmaster_proto::v1::{ConfigureResponse, GetConfigResponse, Secrets, SecretsSet};

use super::{Text, check, table};
use crate::settings::FIELDS;

/// All values, which secrets are set, and where both are kept.
pub fn configuration(answer: &GetConfigResponse) -> Text {
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
pub fn configured(answer: &ConfigureResponse, sent: &Secrets) -> Text {
    let mut text = Text::default();
    if !answer.changed.is_empty() {
        text.line(format!("Changed `{}`", answer.changed.join("`, `")));
    }
    let store = answer.secrets.clone().unwrap_or_default();
    text.extend(secret(
        "Digible password",
        sent.digible_password.as_deref(),
        &store,
    ));
    text.extend(secret("SQL password", sent.sql_password.as_deref(), &store));
    if text.is_empty() {
        return Text::of("Nothing changed");
    }
    text.with(&effect(answer))
        .with(&check::list(&answer.warnings))
}

/// What a change would mean.
pub fn would_configure(answer: &ConfigureResponse) -> Text {
    if answer.changed.is_empty() {
        return Text::of("Nothing would change");
    }
    let mut text = Text::of(format!("Would change `{}`", answer.changed.join("`, `")));
    text.extend(answer.new_journal.iter().map(|it| Text::of(&it.text)));
    text.with(&effect(answer))
        .with(&check::list(&answer.warnings))
}

/// What the change means for the products that were sent before, and some of those that stay at Digible.
fn effect(answer: &ConfigureResponse) -> Text {
    let Some(effect) = &answer.effect else {
        return Text::default();
    };
    let mut text = Text::of(&effect.text);
    if !effect.gone_ids.is_empty() {
        let more = if effect.gone > effect.gone_ids.len() as u64 {
            ", …"
        } else {
            ""
        };
        text.line(format!(
            "Staying at Digible: {}{more}",
            effect.gone_ids.join(", ")
        ));
    }
    text
}

fn secret(name: &str, sent: Option<&str>, kept: &SecretsSet) -> Option<Text> {
    let line = match sent? {
        "" => format!("Removed the {name}"),
        _ if kept.store == "file" => {
            format!("Stored the {name} in a file that only this user can read")
        }
        _ => format!("Stored the {name} in the operating system's credential store"),
    };
    Some(Text::of(line))
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
            "Nothing changed\n"
        );
    }
}
