//! No secret is in what an agent writes. Whenever a world ends, this is looked at, so every end-to-end test does.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::World;

/// Shorter ones may be part of any word.
const SHORTEST: usize = 8;
/// How each token and each invitation's secret begins.
const PREFIXES: [&str; 2] = ["smt_", "smi_"];

impl World {
    /// The lines of the agent's output and logs that have a secret of this world in them.
    pub(super) fn leaks(&self) -> Vec<String> {
        let secrets = self.secrets();
        let mut texts = vec![self.stderr()];
        texts.extend(files(&self.folders.log));
        texts.extend(files(&self.folders.data.join("remote")).filter(|text| !is_document(text)));
        let leaks = |line: &&str| secrets.iter().any(|secret| line.contains(secret.as_str()));
        let lines = texts.iter().flat_map(|text| text.lines()).filter(leaks);
        lines.map(str::to_owned).collect()
    }

    /// What is stored in files, and what the agent got in its environment.
    fn secrets(&self) -> BTreeSet<String> {
        let stored = [
            self.folders.data.join("secrets.json"),
            self.home().join("data/agent-tokens.json"),
        ];
        let stored = stored.iter().filter_map(|path| fs::read(path).ok());
        let stored = stored.filter_map(|text| serde_json::from_slice::<Value>(&text).ok());
        let stored = stored.flat_map(|value| {
            let values = value.as_object().into_iter().flatten();
            let texts = values.filter_map(|(_, value)| value.as_str().map(str::to_owned));
            texts.collect::<Vec<_>>()
        });
        let given = self.environment.iter();
        let given = given.filter(|(name, _)| name.ends_with("PASSWORD"));
        let given = given.map(|(_, value)| value.clone());
        let long = |secret: &String| secret.len() >= SHORTEST;
        let known = stored.chain(given).filter(long);
        known.chain(PREFIXES.map(str::to_owned)).collect()
    }
}

/// Keys and certificates are in a folder with logs.
fn is_document(text: &str) -> bool {
    text.starts_with("-----BEGIN")
}

fn files(folder: &Path) -> impl Iterator<Item = String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read(file.path()).ok().map(lossy))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
