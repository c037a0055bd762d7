//! The list of known agents: `agents.toml` in the user's configuration folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use shopmaster_base::exclusive_file::ExclusiveFile;
use shopmaster_proto::{
    ClientFolders, NetworkAgent,
    remote::{AgentName, NetworkAddress, Pin},
    v1,
};

use super::AgentsError;

/// The file's name.
const FILE: &str = "agents.toml";
/// How many of the known names an error lists at most.
const MOST_SIMILAR: usize = 3;
/// How similar a name must be to be meant, as by Jaro and Winkler.
const SIMILAR: f64 = 0.8;

/// The known agents.
#[derive(Debug)]
pub struct KnownAgents {
    path: PathBuf,
    agents: BTreeMap<AgentName, KnownAgent>,
}

/// An agent that this client may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownAgent {
    /// Its name here.
    #[serde(with = "text")]
    pub name: AgentName,
    /// Where it is, best first.
    #[serde(with = "texts")]
    pub addresses: Vec<NetworkAddress>,
    /// Its key.
    #[serde(with = "text")]
    pub key: Pin,
    /// The name of this client there.
    pub client: String,
    /// What this client may do there.
    pub role: Role,
    /// The agent's instance there.
    pub instance: String,
}

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads the status, runs and products
    Viewer,
    /// Also starts and cancels runs, pauses, and retries or dismisses refused products
    Operator,
    /// Also changes the configuration, capture and who may use the agent, and stops the agent
    Admin,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, rename = "agent")]
    agents: Vec<KnownAgent>,
}

impl KnownAgents {
    /// The agents that this user's client knows; none when there is no file.
    pub fn open() -> Result<Self, AgentsError> {
        Self::read(&ClientFolders::find()?.config.join(FILE))
    }

    /// Changes the list: reads it, calls `change`, and writes it, all under a lock, so that two programs do not undo each
    /// other's changes.
    pub fn change<T>(
        change: impl FnOnce(&mut Self) -> Result<T, AgentsError>,
    ) -> Result<T, AgentsError> {
        Self::change_at(&ClientFolders::find()?.config.join(FILE), change)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The agents, by name.
    pub fn agents(&self) -> impl Iterator<Item = &KnownAgent> {
        self.agents.values()
    }

    /// The agent of this name.
    pub fn find(&self, name: &AgentName) -> Result<&KnownAgent, AgentsError> {
        self.agents.get(name).ok_or_else(|| AgentsError::Unknown {
            name: name.clone(),
            similar: self.similar(name),
        })
    }

    /// Adds an agent. One of the same name is replaced if it is the same agent.
    pub fn add(&mut self, agent: KnownAgent) -> Result<(), AgentsError> {
        self.check_free(&agent.name, agent.key)?;
        self.agents.insert(agent.name.clone(), agent);
        Ok(())
    }

    /// Fails when the name belongs to an agent with another key.
    pub fn check_free(&self, name: &AgentName, key: Pin) -> Result<(), AgentsError> {
        match self.agents.get(name) {
            Some(known) if known.key != key => Err(AgentsError::Taken(name.clone())),
            _ => Ok(()),
        }
    }

    /// Removes an agent.
    pub fn remove(&mut self, name: &AgentName) -> Result<KnownAgent, AgentsError> {
        self.find(name)?;
        self.agents
            .remove(name)
            .ok_or_else(|| AgentsError::Unknown {
                name: name.clone(),
                similar: Vec::new(),
            })
    }

    fn similar(&self, name: &AgentName) -> Vec<AgentName> {
        let wanted = name.as_str().to_lowercase();
        let mut all: Vec<_> = self
            .agents
            .keys()
            .map(|known| {
                let spelled = known.as_str().to_lowercase();
                (strsim::jaro_winkler(&wanted, &spelled), known)
            })
            .filter(|(similarity, _)| *similarity >= SIMILAR)
            .collect();
        all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let best = all.into_iter().take(MOST_SIMILAR);
        best.map(|(_, known)| known.clone()).collect()
    }

    pub(crate) fn read(path: &Path) -> Result<Self, AgentsError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(failed(path, source)),
        };
        let damaged = |problem: String| AgentsError::Damaged {
            path: path.to_owned(),
            problem,
        };
        let document: Document =
            toml::from_str(&text).map_err(|error| damaged(one_line(&error.to_string())))?;
        let mut agents = BTreeMap::new();
        for agent in document.agents {
            let name = agent.name.clone();
            if agents.insert(name.clone(), agent).is_some() {
                return Err(damaged(format!("it has two agents `{name}`")));
            }
        }
        let path = path.to_owned();
        Ok(Self { path, agents })
    }

    pub(crate) fn change_at<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, AgentsError>,
    ) -> Result<T, AgentsError> {
        let file = ExclusiveFile::lock(path).map_err(|source| failed(path, source))?;
        let mut known = Self::read(path)?;
        let result = change(&mut known)?;
        known.write(&file)?;
        Ok(result)
    }

    fn write(&self, file: &ExclusiveFile) -> Result<(), AgentsError> {
        let document = Document {
            agents: self.agents.values().cloned().collect(),
        };
        let text = toml::to_string(&document)
            .map_err(|error| failed(&self.path, io::Error::other(error)))?;
        let text = format!(
            "# The agents that `shopmasterctl --agent NAME` reaches. Their tokens are kept elsewhere.\n\n{text}"
        );
        let written = file.write(text.as_bytes());
        written.map_err(|source| failed(&self.path, source))
    }
}

impl KnownAgent {
    /// Where it is on the network, and its key.
    pub fn network(&self) -> NetworkAgent {
        NetworkAgent {
            addresses: self.addresses.clone(),
            pin: self.key,
        }
    }
}

impl Role {
    /// The role in the contract.
    pub fn to_proto(self) -> v1::Role {
        match self {
            Self::Viewer => v1::Role::Viewer,
            Self::Operator => v1::Role::Operator,
            Self::Admin => v1::Role::Admin,
        }
    }

    /// The contract's role; none for one that this version does not know.
    pub fn from_proto(role: v1::Role) -> Option<Self> {
        match role {
            v1::Role::Viewer => Some(Self::Viewer),
            v1::Role::Operator => Some(Self::Operator),
            v1::Role::Admin => Some(Self::Admin),
            v1::Role::Unspecified => None,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

fn failed(path: &Path, source: io::Error) -> AgentsError {
    AgentsError::File {
        path: path.to_owned(),
        source,
    }
}

/// An error of the TOML parser without its drawing.
pub fn one_line(text: &str) -> String {
    let is_drawing = |line: &&str| line.contains('|') || line.is_empty();
    let lines = text.lines().map(str::trim);
    let kept: Vec<&str> = lines.filter(|line| !is_drawing(line)).collect();
    kept.join(": ")
}

/// A value as its text.
mod text {
    use super::*;

    pub fn serialize<T: ToString, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.to_string())
    }

    pub fn deserialize<'d, T, D>(from: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'d>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Values as their texts.
mod texts {
    use super::*;

    pub fn serialize<T: ToString, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(ToString::to_string))
    }

    pub fn deserialize<'d, T, D>(from: D) -> Result<Vec<T>, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'d>,
    {
        let texts = Vec::<String>::deserialize(from)?;
        let values = texts.iter().map(|text| text.parse());
        values.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn agent(name: &str, key: &[u8]) -> KnownAgent {
        KnownAgent {
            name: name.parse().unwrap(),
            addresses: ["shop-7.example.org:7443", "10.0.0.7:7443"]
                .map(|it| it.parse().unwrap())
                .to_vec(),
            key: Pin::of_key(key),
            client: "support-7".to_owned(),
            role: Role::Operator,
            instance: "default".to_owned(),
        }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config").join(FILE);
        (folder, path)
    }

    #[test]
    fn what_is_added_is_read_back() {
        let (_folder, path) = file();
        assert_eq!(KnownAgents::read(&path).unwrap().agents().count(), 0);
        for name in ["shop-7", "abuja"] {
            KnownAgents::change_at(&path, |known| known.add(agent(name, b"k"))).unwrap();
        }
        let known = KnownAgents::read(&path).unwrap();
        let names: Vec<_> = known.agents().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["abuja", "shop-7"]);
        let name = "shop-7".parse().unwrap();
        assert_eq!(known.find(&name).unwrap(), &agent("shop-7", b"k"));
        KnownAgents::change_at(&path, |known| known.remove(&name)).unwrap();
        assert!(KnownAgents::read(&path).unwrap().find(&name).is_err());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("key = \"sha256:"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let (_folder, path) = file();
        KnownAgents::change_at(&path, |known| known.add(agent("shop-7", b"k"))).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_name_is_one_agent() {
        let (_folder, path) = file();
        let add =
            |key: &[u8]| KnownAgents::change_at(&path, |known| known.add(agent("shop-7", key)));
        add(b"k").unwrap();
        add(b"k").unwrap();
        assert!(matches!(add(b"other"), Err(AgentsError::Taken(_))));
        let key = KnownAgents::read(&path)
            .unwrap()
            .agents()
            .next()
            .unwrap()
            .key;
        assert_eq!(key, Pin::of_key(b"k"));
    }

    #[test]
    fn an_unknown_name_lists_those_like_it() {
        let (_folder, path) = file();
        for name in ["lagos-1", "lagos-2", "abuja"] {
            KnownAgents::change_at(&path, |known| known.add(agent(name, b"k"))).unwrap();
        }
        let known = KnownAgents::read(&path).unwrap();
        let error = known.find(&"Lagos1".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no agent `Lagos1` is known here; did you mean `lagos-1` or `lagos-2`?"
        );
        assert!(
            error
                .remedy()
                .unwrap()
                .contains("`shopmasterctl remote add Lagos1`")
        );
        let error = known.find(&"zaria".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "no agent `zaria` is known here");
    }

    #[test]
    fn a_file_that_is_not_valid_is_named_and_left_as_it_is() {
        let (_folder, path) = file();
        KnownAgents::change_at(&path, |known| known.add(agent("shop-7", b"k"))).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let twice = good.replace("# ", "#") + &good;
        for text in [
            good.replace("operator", "owner"),
            good.replace("sha256:", "sha1:"),
            good.replace("10.0.0.7:7443", "10.0.0.7:0"),
            good.replace("client", "klient"),
            twice,
        ] {
            fs::write(&path, &text).unwrap();
            let error =
                KnownAgents::change_at(&path, |known| known.add(agent("abuja", b"k"))).unwrap_err();
            assert!(matches!(error, AgentsError::Damaged { .. }), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
