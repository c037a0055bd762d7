//! The shops: `fleet.toml`.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use shopmaster_proto::{ClientFolders, FoldersError};

use crate::{agents::one_line, target::AgentAddress};

/// The file's name in the folder of the known agents.
const FILE: &str = "fleet.toml";

/// A shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Its name in lists.
    pub name: String,
    /// Its agent.
    pub agent: AgentAddress,
    /// The group that it belongs to.
    pub group: Option<String>,
}

/// Why there is no list of shops.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The user's folders cannot be determined.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// The file is not there.
    #[error("there is no list of shops at `{0}`")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is not valid.
    #[error("`{path}` is not valid: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, on one line.
        problem: String,
    },
    /// No shop belongs to the group.
    #[error("no shop belongs to the group `{group}`; there {groups}")]
    NoGroup {
        /// The group.
        group: String,
        /// The groups that there are, for people.
        groups: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, rename = "shop")]
    shops: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    agent: Option<String>,
    group: Option<String>,
}

impl FleetError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folders(_) => "BAD_ADDRESS",
            Self::Missing(_) | Self::Read { .. } | Self::Damaged { .. } => "BAD_FLEET_FILE",
            Self::NoGroup { .. } => "USAGE",
        }
    }

    /// What to do about it, for people.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Folders(_) | Self::NoGroup { .. } => None,
            Self::Read { .. } => Some("check that this user may read the file".to_owned()),
            Self::Missing(_) | Self::Damaged { .. } => Some(
                "for each shop, write `[[shop]]`, and below it `name = \"NAME\"`, and where they are needed `agent = \"AGENT\"` (as for `--agent`; the name of the shop if it is absent) and `group = \"GROUP\"`"
                    .to_owned(),
            ),
        }
    }
}

/// The shops in the file, or those of one group of them.
pub fn read(file: Option<&Path>, group: Option<&str>) -> Result<Vec<Shop>, FleetError> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => ClientFolders::find()?.config.join(FILE),
    };
    let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => FleetError::Missing(path.clone()),
        _ => FleetError::Read {
            path: path.clone(),
            source,
        },
    })?;
    let shops = parse(&text).map_err(|problem| FleetError::Damaged { path, problem })?;
    match group {
        Some(group) => of_group(shops, group),
        None => Ok(shops),
    }
}

fn of_group(shops: Vec<Shop>, group: &str) -> Result<Vec<Shop>, FleetError> {
    let (chosen, others): (Vec<_>, Vec<_>) = shops
        .into_iter()
        .partition(|shop| shop.group.as_deref() == Some(group));
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let names: BTreeSet<_> = others.iter().filter_map(|it| it.group.clone()).collect();
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let groups = match names.is_empty() {
        true => "are no groups".to_owned(),
        false => format!("are {}", names.join(", ")),
    };
    let group = group.to_owned();
    Err(FleetError::NoGroup { group, groups })
}

fn parse(text: &str) -> Result<Vec<Shop>, String> {
    let document: Document = toml::from_str(text).map_err(|error| one_line(&error.to_string()))?;
    let mut names = BTreeSet::new();
    let mut shops = Vec::new();
    for Entry { name, agent, group } in document.shops {
        if name.trim().is_empty() {
            return Err("a shop has no name".to_owned());
        }
        if !names.insert(name.clone()) {
            return Err(format!("it has two shops `{name}`"));
        }
        let agent = agent.as_deref().unwrap_or(&name).parse();
        let agent = agent.map_err(|error| format!("shop `{name}`: {error}"))?;
        shops.push(Shop { name, agent, group });
    }
    match shops.is_empty() {
        true => Err("it has no shop".to_owned()),
        false => Ok(shops),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A shop without a group.
    pub fn shop(name: &str) -> Shop {
        Shop {
            name: name.to_owned(),
            agent: name.parse().unwrap(),
            group: None,
        }
    }

    const FLEET: &str = r#"
        [[shop]]
        name = "ikeja"
        group = "lagos"

        [[shop]]
        name = "Victoria Island"
        agent = "ssh://till@vi.example.org/till-2"
        group = "lagos"

        [[shop]]
        name = "wuse"
        group = "abuja"
    "#;

    #[test]
    fn the_agent_of_a_shop_has_its_name_unless_another_is_given() {
        let shops = parse(FLEET).unwrap();
        let shown: Vec<_> = shops
            .iter()
            .map(|shop| (shop.name.as_str(), shop.agent.to_string()))
            .collect();
        assert_eq!(
            shown,
            [
                ("ikeja", "ikeja".to_owned()),
                (
                    "Victoria Island",
                    "ssh://till@vi.example.org/till-2".to_owned()
                ),
                ("wuse", "wuse".to_owned()),
            ]
        );
    }

    #[test]
    fn a_group_is_chosen_by_its_name() {
        let group = |name| of_group(parse(FLEET).unwrap(), name);
        assert_eq!(group("lagos").unwrap().len(), 2);
        assert_eq!(
            group("kano").unwrap_err().to_string(),
            "no shop belongs to the group `kano`; there are `abuja`, `lagos`"
        );
        let none = of_group(vec![shop("a")], "kano").unwrap_err();
        assert!(none.to_string().ends_with("; there are no groups"));
    }

    #[test]
    fn what_is_wrong_with_the_list_is_said() {
        for (text, expected) in [
            ("", "it has no shop"),
            ("[[shop]]\nname = \"\"\nagent = \"a\"", "a shop has no name"),
            (
                "[[shop]]\nname = \"a\"\n[[shop]]\nname = \"a\"",
                "it has two shops `a`",
            ),
            (
                "[[shop]]\nname = \"a b\"",
                "shop `a b`: `a b` cannot be an agent's name",
            ),
            (
                "[[shop]]\nname = \"a\"\nagnet = \"b\"",
                "unknown field `agnet`",
            ),
            ("[[shop]]\ngroup = \"a\"", "missing field `name`"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
            assert!(!problem.contains('\n'), "{problem}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Some(Path::new("/nowhere/fleet.toml")), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no list of shops at `/nowhere/fleet.toml`"
        );
        assert!(error.remedy().unwrap().contains("`[[shop]]`"));
    }
}
