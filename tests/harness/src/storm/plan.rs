//! A case as data.

use serde::{Deserialize, Serialize};
use shopmaster_standins::digible::{Fault, Told};

/// A whole case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is called: `seed 42`, or what it once showed.
    pub name: String,
    /// The seed of what the plan leaves to chance: which equal products are asked for.
    pub seed: u64,
    /// The shop.
    pub shop: ShopPlan,
    /// The agent.
    #[serde(default)]
    pub agent: AgentPlan,
    /// What happens, in this order, once everything is up to date.
    pub steps: Vec<Step>,
}

/// A shop's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopPlan {
    /// SQLite's journal.
    pub journal: Journal,
    /// The key.
    pub key: Key,
    /// Products at the beginning: those in the slots below this number.
    pub products: u32,
}

/// SQLite's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// Readers and a writer at once.
    Wal,
    /// Readers keep a writer from committing.
    Rollback,
}

/// What a product's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// `VARCHAR(25) NOT NULL PRIMARY KEY`.
    Text,
    /// `INTEGER NOT NULL PRIMARY KEY`.
    Integer,
    /// Text for which upper and lower case are one.
    Nocase,
}

/// How the agent is set up. Left out, a small and impatient one that syncs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentPlan {
    /// A request's deadline, in milliseconds.
    pub timeout_ms: u64,
    /// How long a request that was given up may still land, in milliseconds.
    pub late_window_ms: u64,
    /// Products in one batch.
    pub batch_size: u32,
    /// Requests at once.
    pub max_in_flight: u32,
    /// More updates than this go in batches.
    pub bulk_threshold: u32,
    /// Whether it syncs by itself.
    pub automatic: bool,
    /// Its data lie on a disk of a few megabytes.
    pub small_disk: bool,
    /// Its wall clock can jump.
    pub own_clock: bool,
    /// It is started again at the end, so that nothing waits any more; a case is over sooner.
    pub restart_at_end: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When.
    #[serde(default)]
    pub when: When,
    /// What.
    pub what: What,
}

/// When a step is taken, after the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// So many milliseconds later.
    After(u64),
    /// When so many more requests have arrived, if they come soon.
    Requests(u64),
    /// When so many more requests have taken effect, if they come soon.
    Applied(u64),
    /// When the agent says that it is up to date, if it does soon.
    UpToDate,
    /// When no late request is to land any more.
    Landed,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The till writes, in one transaction.
    Till(Vec<Write>),
    /// Another till reads first, waits so long, and writes in the same deferred transaction; the case
    /// goes on meanwhile.
    SlowTill(u64, Vec<Write>),
    /// The table is made anew in one transaction, without our triggers, and written to; capture is
    /// installed and everything uploaded later.
    Rebuild(Vec<Write>),
    /// Something goes wrong at Digible.
    Fault(Fault),
    /// The next request for products takes effect late.
    Late {
        /// What the client is told.
        told: Told,
        /// How late, in percent of the late window; at most 70.
        percent: u8,
        /// How many requests.
        times: u32,
    },
    /// Tokens become void.
    RevokeTokens,
    /// Each request takes so many milliseconds.
    Latency(u64),
    /// Each connection to Digible is cut at once. Its port stays open: another process would take it.
    Offline,
    /// What goes wrong at Digible ends, but for products that it refuses and how it tells a dead token.
    Calm,
    /// `kill -9`.
    Kill,
    /// The agent is started.
    Launch,
    /// The agent ends as asked, and is started again.
    Restart,
    /// The agent's process stands still for so many milliseconds.
    Freeze(u64),
    /// Syncing is paused.
    Pause,
    /// Syncing goes on.
    Resume,
    /// A sync starts.
    Sync,
    /// A sync is run to its end, at most five seconds.
    SyncToEnd,
    /// An upload starts.
    Upload,
    /// A verify starts.
    Verify,
    /// One starts whose questions are answered with yes.
    VerifyConfirmed,
    /// What is listed as removed is forgotten.
    Forget,
    /// What is refused is dismissed.
    Dismiss,
    /// What is refused is tried again.
    Retry,
    /// The agent's disk is full.
    DiskFull,
    /// The agent's disk has room again.
    DiskFree,
    /// The agent's wall clock is so many seconds off.
    Clock(i64),
}

/// What a till writes. A product is named by its slot, a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// A price in cents.
    Price(u32, u32),
    /// All prices rise by a cent.
    RaiseAll,
    /// A new name.
    Rename(u32, u32),
    /// A product with this price, or the price of the one that is there.
    Put(u32, u32),
    /// A product is deleted and inserted with this price.
    Replace(u32, u32),
    /// A product is deleted.
    Delete(u32),
    /// A product gets another one's key, unless that is taken.
    Rekey(u32, u32),
    /// The key is spelt in another case; nothing where the key has none.
    Respell(u32),
    /// The row is written as it is.
    Rewrite(u32),
    /// The price becomes NULL.
    Spoil(u32),
}

impl Default for AgentPlan {
    fn default() -> Self {
        Self {
            timeout_ms: 300,
            late_window_ms: 1_000,
            batch_size: 200,
            max_in_flight: 4,
            bulk_threshold: 200,
            automatic: true,
            small_disk: false,
            own_clock: false,
            restart_at_end: false,
        }
    }
}

impl Plan {
    /// Whether something of it is a `what`.
    pub(super) fn has(&self, what: impl Fn(&What) -> bool) -> bool {
        self.steps.iter().any(|step| what(&step.what))
    }
}
