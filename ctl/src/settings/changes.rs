//! A set of changes to the configuration.

use prost_types::FieldMask;
use shopmaster_proto::v1::{ConfigureRequest, Secrets, Settings};

use super::Field;

/// New values, and which fields they are for.
#[derive(Clone, Default)]
pub struct Changes {
    /// The new values; only the fields in `paths` count.
    settings: Settings,
    /// The fields to take from it.
    paths: Vec<String>,
    /// Passwords to store; an empty one removes the stored one.
    pub secrets: Secrets,
}

impl Changes {
    /// Changes of passwords only.
    pub fn with_secrets(secrets: Secrets) -> Self {
        Self {
            secrets,
            ..Self::default()
        }
    }

    /// Gives a field a value as the user typed it. The last one wins.
    ///
    /// # Errors
    ///
    /// If the value is not valid: what is wrong with it, for people.
    pub fn set(&mut self, field: &Field, text: &str) -> Result<(), String> {
        field.set(&mut self.settings, text)?;
        if !self.paths.iter().any(|path| path == field.path) {
            self.paths.push(field.path.to_owned());
        }
        Ok(())
    }

    /// The new value of a field; none when it stays as it is.
    pub fn get(&self, field: &Field) -> Option<String> {
        self.paths
            .iter()
            .any(|path| path == field.path)
            .then(|| field.text(&self.settings))
    }

    /// Adds others, which win over these.
    pub fn merge(&mut self, others: &Self) {
        for field in &super::FIELDS {
            if let Some(text) = others.get(field) {
                // `others` has accepted the value before.
                let _ = self.set(field, &text);
            }
        }
        let theirs = others.secrets.clone();
        let ours = &mut self.secrets;
        ours.digible_password = theirs.digible_password.or(ours.digible_password.take());
        ours.sql_password = theirs.sql_password.or(ours.sql_password.take());
    }

    /// Takes the fields of a mask as they are.
    pub fn of(settings: Settings, mask: FieldMask) -> Self {
        Self {
            settings,
            paths: mask.paths,
            secrets: Secrets::default(),
        }
    }

    /// Makes relative paths absolute, for an agent on this computer.
    ///
    /// # Errors
    ///
    /// If there is no such path.
    pub fn make_paths_absolute(&mut self) -> Result<(), String> {
        for field in &super::FIELDS {
            if self.paths.iter().any(|path| path == field.path) {
                field.make_absolute(&mut self.settings)?;
            }
        }
        Ok(())
    }

    /// Whether a field of the shop's database is among them.
    pub fn names_shop(&self) -> bool {
        self.paths.iter().any(|path| path.starts_with("catalog."))
    }

    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.secrets == Secrets::default()
    }

    /// The request that makes them.
    pub fn into_request(self) -> ConfigureRequest {
        ConfigureRequest {
            settings: Some(self.settings),
            update_mask: Some(FieldMask { paths: self.paths }),
            secrets: Some(self.secrets),
            ..ConfigureRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::FIELDS, *};

    fn field(path: &str) -> &'static Field {
        FIELDS.iter().find(|field| field.path == path).unwrap()
    }

    #[test]
    fn the_mask_names_just_what_was_set() {
        let mut changes = Changes::default();
        assert!(changes.is_empty());
        changes.set(field("catalog.kind"), "sqlite").unwrap();
        changes.set(field("digible.email"), "a@b").unwrap();
        changes.set(field("digible.email"), "c@d").unwrap();
        changes.set(field("catalog.kind"), "oracle").unwrap_err();
        let request = changes.into_request();
        assert_eq!(
            request.update_mask.unwrap().paths,
            ["catalog.kind", "digible.email"]
        );
        let settings = request.settings.unwrap();
        assert_eq!(settings.catalog.unwrap().kind, "sqlite");
        assert_eq!(settings.digible.unwrap().email, "c@d");
    }

    #[test]
    fn a_relative_path_is_one_of_this_folder() {
        let mut changes = Changes::default();
        changes.set(field("catalog.path"), "pos.db").unwrap();
        changes.set(field("catalog.table"), "Products").unwrap();
        assert_eq!(changes.get(field("catalog.path")).unwrap(), "pos.db");
        changes.make_paths_absolute().unwrap();
        let expected = std::env::current_dir().unwrap().join("pos.db");
        let path = changes.get(field("catalog.path")).unwrap();
        assert_eq!(std::path::Path::new(&path), expected);
        assert_eq!(changes.get(field("catalog.table")).unwrap(), "Products");
        changes.set(field("catalog.path"), "").unwrap();
        changes.make_paths_absolute().unwrap();
        assert_eq!(changes.get(field("catalog.path")).unwrap(), "");
    }

    #[test]
    fn later_sources_win() {
        let mut changes = Changes::default();
        changes.set(field("catalog.table"), "Products").unwrap();
        changes.set(field("digible.email"), "a@b").unwrap();
        changes.secrets.digible_password = Some("one".to_owned());
        let mut flags = Changes::default();
        flags.set(field("digible.email"), "c@d").unwrap();
        flags.secrets.sql_password = Some("two".to_owned());
        changes.merge(&flags);
        assert_eq!(changes.get(field("catalog.table")).unwrap(), "Products");
        assert_eq!(changes.get(field("digible.email")).unwrap(), "c@d");
        assert_eq!(changes.secrets.digible_password.unwrap(), "one");
        assert_eq!(changes.secrets.sql_password.unwrap(), "two");
    }
}
