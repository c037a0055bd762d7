//! Who may use an agent over the network: the clients with their roles, what slows failed logins down, and the log of what
//! clients changed.
//!
//! Nothing here knows gRPC or TLS: the control plane asks who a caller is, and decides.

mod caller;
mod client;
mod clients;
mod clients_file;
mod per_minute;
mod remote_log;
mod role;
mod throttle;

pub use caller::{Caller, Invited, Proof, Redeemable, Refusal};
pub use client::{Client, ClientName, ClientNameError, Credential, Redeemed};
pub use clients::{Clients, ClientsError};
pub use per_minute::PerMinute;
pub use remote_log::{Entry, Outcome, RemoteLog, plain};
pub use role::Role;
pub use throttle::{Throttle, Throttled, network};
