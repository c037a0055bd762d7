//! How the agent reaches the shop.

/// The name, up to its hash, of the test program that runs the same tests over TDS.
const OVER_TDS: &str = "e2e_sqlserver";

/// How the agent reaches the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShopKind {
    /// The agent reads and writes the shop's file.
    Sqlite,
    /// The agent speaks TDS with a stand-in that reads and writes the shop's file.
    SqlServer,
}

impl ShopKind {
    /// The kind that this test program is for, according to its own name: two programs with the same source run the same
    /// tests, one for each kind, without a mention in the tests.
    #[must_use]
    pub fn of_this_program() -> Self {
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(|path| path.file_stem());
        match name.and_then(|name| name.to_str()) {
            Some(name) if name.starts_with(OVER_TDS) => Self::SqlServer,
            _ => Self::Sqlite,
        }
    }
}
