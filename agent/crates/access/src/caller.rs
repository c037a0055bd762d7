//! Who a caller is.

use jiff::Timestamp;
use shopmaster_proto::remote::TokenDigest;
use tokio_util::sync::CancellationToken;

use super::{ClientName, Role};

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client's name.
    pub name: ClientName,
    /// How it proved who it is.
    pub proof: Proof,
    /// Canceled when its access is withdrawn.
    pub revoked: CancellationToken,
    /// When its access ends; none for no end.
    pub expires_at: Option<Timestamp>,
}

/// How a caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// With an invitation, which allows nothing but to redeem it.
    Invitation(Invited),
    /// With the token or certificate of a client that has this role.
    Credential(Role),
}

/// Proof that a caller holds an invitation. Only [`Clients::by_secret`](super::Clients::by_secret) makes one, from the
/// invitation's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invited(pub(super) TokenDigest);

/// What redeeming an invitation would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemable {
    /// It is redeemed for the first time: the client is added.
    First,
    /// It was redeemed with the same token: nothing changes.
    Repetition,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No client has this credential: it was revoked, replaced, or never given.
    #[error("the token or certificate is not valid here: it was revoked, or never was")]
    Unknown,
    /// The client's access has ended.
    #[error("the access has expired")]
    Expired,
    /// The invitation was redeemed before: with another token, or too long ago to be repeated.
    #[error("the invitation was already redeemed")]
    Redeemed,
}

impl Caller {
    /// What it may do.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.proof {
            Proof::Invitation(_) => Role::Invited,
            Proof::Credential(role) => role,
        }
    }

    /// The invitation that it may redeem; none for a caller with another credential.
    #[must_use]
    pub fn invited(&self) -> Option<Invited> {
        match self.proof {
            Proof::Invitation(invited) => Some(invited),
            Proof::Credential(_) => None,
        }
    }
}

impl Refusal {
    /// Stable, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "UNAUTHENTICATED",
            Self::Expired => "ACCESS_EXPIRED",
            Self::Redeemed => "INVITATION_REDEEMED",
        }
    }
}
