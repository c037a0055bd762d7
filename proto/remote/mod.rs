//! What both ends of remote management agree on: tokens, the key that a client pins, and the invitation.
//!
//! Nothing here decides who may do what: that is the agent's.

mod address;
mod agent_name;
mod invitation;
mod pin;
mod token;

pub use address::{NetworkAddress, NetworkAddressError, host_and_port};
pub use agent_name::{AgentName, AgentNameError};
pub use invitation::{Invitation, InvitationError};
pub use pin::{Pin, PinError};
pub use token::{Secret, SecretError, SecretKind, TokenDigest};

/// The port of remote management where an address has none.
pub const DEFAULT_PORT: u16 = 7443;
