//! A case as data.

use serde::{Deserialize, Serialize};
use shopmaster_standins::digible::{Fault, Told};

/// A whole case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name: `seed 42`, or what it once showed.
    pub name: String,
    /// The seed of what the plan leaves to chance: the equal products that are checked.
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
    /// What is served at the beginning.
    #[serde(default)]
    pub serves: Serves,
}

/// What the agent is configured to serve. The shop has all of it in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// The table, every row of it.
    #[default]
    Table,
    /// The rows of the table that are sold.
    Sold,
    /// A view of the rows that are sold, with a surcharge from another table; both tables are watched.
    View,
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

/// The type of a product's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// `VARCHAR(25) NOT NULL PRIMARY KEY`.
    Text,
    /// `INTEGER NOT NULL PRIMARY KEY`.
    Integer,
    /// Text that ignores case.
    Nocase,
}

/// How the agent is configured. By default with small batches and short times, and syncing automatically.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentPlan {
    /// A request's deadline, in milliseconds.
    pub timeout_ms: u64,
    /// How long a request that was given up may still take effect, in milliseconds.
    pub late_window_ms: u64,
    /// Products in one batch.
    pub batch_size: u32,
    /// Requests at once.
    pub max_in_flight: u32,
    /// More updates than this go in batches.
    pub bulk_threshold: u32,
    /// Whether it syncs automatically.
    pub automatic: bool,
    /// Whether its data is on a disk of a few megabytes.
    pub small_disk: bool,
    /// Whether its wall clock can jump.
    pub own_clock: bool,
    /// Whether it is restarted at the end, so that no product waits for a retry and the case ends sooner.
    pub restart_at_end: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it happens.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub what: What,
}

/// When a step is taken, after the previous one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// This many milliseconds later.
    After(u64),
    /// When this many more requests have arrived, if they arrive soon.
    Requests(u64),
    /// When this many more requests have taken effect, if that happens soon.
    Applied(u64),
    /// When the agent reports that it is up to date, if it does so soon.
    UpToDate,
    /// When no late request is outstanding any more.
    Landed,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The till writes, in one transaction.
    Till(Vec<Write>),
    /// Another till reads, waits this many milliseconds, and writes in the same deferred transaction; the case
    /// continues meanwhile.
    SlowTill(u64, Vec<Write>),
    /// The table is rebuilt in one transaction, without shopMaster's triggers, and written to; later capture is
    /// installed and everything is uploaded.
    Rebuild(Vec<Write>),
    /// Something goes wrong at Digible.
    Fault(Fault),
    /// The next request for products takes effect late.
    Late {
        /// The answer that the client gets.
        told: Told,
        /// How late, in percent of the late window; at most 70.
        percent: u8,
        /// How many requests.
        times: u32,
    },
    /// Tokens become void.
    RevokeTokens,
    /// Each request takes this many milliseconds.
    Latency(u64),
    /// Each connection to Digible is closed at once. The port stays open, because another process could take it.
    Offline,
    /// The faults at Digible end, except refused products and the answer to a dead token.
    Calm,
    /// `kill -9`.
    Kill,
    /// The agent is started.
    Launch,
    /// The agent is asked to stop, and is started again.
    Restart,
    /// The agent's process is suspended for this many milliseconds.
    Freeze(u64),
    /// Syncing is paused.
    Pause,
    /// Syncing resumes.
    Resume,
    /// A sync starts.
    Sync,
    /// A sync is run to its end, at most five seconds.
    SyncToEnd,
    /// An upload starts.
    Upload,
    /// A verify starts.
    Verify,
    /// A verify starts that asks no questions.
    VerifyConfirmed,
    /// Something else is served from now on, with a yes to what it means, and captured.
    Serve(Serves),
    /// The products gone from the shop are forgotten.
    Forget,
    /// The refused products are dismissed.
    Dismiss,
    /// The refused products are sent again.
    Retry,
    /// The agent's disk is full.
    DiskFull,
    /// The agent's disk has room again.
    DiskFree,
    /// The agent's wall clock is off by this many seconds.
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
    /// A new product with this price, or this price for the existing one.
    Put(u32, u32),
    /// A product is deleted and inserted with this price.
    Replace(u32, u32),
    /// A product is deleted.
    Delete(u32),
    /// A product gets another key, unless that is taken.
    Rekey(u32, u32),
    /// The key is spelled in another case; does nothing where case matters.
    Respell(u32),
    /// The row is written without a change.
    Rewrite(u32),
    /// The price becomes NULL.
    Spoil(u32),
    /// A product is sold from now on, or no longer.
    Sell(u32, bool),
    /// A surcharge, 1 or 2, is this many cents.
    Surcharge(u32, u32),
    /// A product has this surcharge.
    Charge(u32, u32),
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
    /// Whether `what` is true for one of its steps.
    pub(super) fn has(&self, what: impl Fn(&What) -> bool) -> bool {
        self.steps.iter().any(|step| what(&step.what))
    }
}
