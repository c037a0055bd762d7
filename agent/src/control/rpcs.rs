//! Every rpc that is served, its kind and the role that it needs: the table that decides how a call is served, and to whom.

use shopmaster_access::Role;

/// What an rpc does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing permanently, and ends when its client disconnects.
    Reads,
    /// It changes something, and runs to its end even if its client disconnects.
    Changes,
    /// It sends messages until it is done or its client disconnects.
    Streams,
    /// It belongs to health or reflection, and may last as long as its client is connected.
    Foreign,
}

/// An rpc, by its path on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rpc {
    /// `/shopmaster.v1.Agent/GetStatus`.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) kind: Kind,
    /// The least role of a remote client that may call it. On this computer, every rpc is allowed to whoever may connect.
    pub(super) role: Role,
}

/// All rpcs.
///
/// A viewer sees the state, runs and products. What names servers, accounts and files (settings, plans, the log, the report)
/// takes an operator.
pub(super) const RPCS: [Rpc; 39] = [
    rpc("/shopmaster.v1.Agent/GetStatus", Kind::Reads, Role::Viewer),
    rpc(
        "/shopmaster.v1.Agent/WatchStatus",
        Kind::Streams,
        Role::Viewer,
    ),
    rpc("/shopmaster.v1.Agent/Pause", Kind::Changes, Role::Operator),
    rpc("/shopmaster.v1.Agent/Resume", Kind::Changes, Role::Operator),
    rpc("/shopmaster.v1.Agent/GetInfo", Kind::Reads, Role::Viewer),
    rpc(
        "/shopmaster.v1.Agent/TailLogs",
        Kind::Streams,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Agent/CreateReport",
        Kind::Reads,
        Role::Operator,
    ),
    rpc("/shopmaster.v1.Agent/Shutdown", Kind::Changes, Role::Admin),
    rpc(
        "/shopmaster.v1.Runs/StartRun",
        Kind::Changes,
        Role::Operator,
    ),
    rpc("/shopmaster.v1.Runs/WatchRun", Kind::Streams, Role::Viewer),
    rpc(
        "/shopmaster.v1.Runs/CancelRun",
        Kind::Changes,
        Role::Operator,
    ),
    rpc("/shopmaster.v1.Runs/ListRuns", Kind::Reads, Role::Viewer),
    rpc("/shopmaster.v1.Runs/GetRun", Kind::Reads, Role::Viewer),
    rpc(
        "/shopmaster.v1.Config/GetConfig",
        Kind::Reads,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Config/Configure",
        Kind::Changes,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Config/TestConnection",
        Kind::Streams,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Config/PlanCapture",
        Kind::Reads,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Config/InstallCapture",
        Kind::Changes,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Config/RemoveCapture",
        Kind::Changes,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Config/GetCapture",
        Kind::Reads,
        Role::Viewer,
    ),
    rpc("/shopmaster.v1.Config/Adopt", Kind::Changes, Role::Admin),
    rpc("/shopmaster.v1.Products/Explain", Kind::Reads, Role::Viewer),
    rpc(
        "/shopmaster.v1.Products/ListParked",
        Kind::Reads,
        Role::Viewer,
    ),
    rpc(
        "/shopmaster.v1.Products/RetryParked",
        Kind::Changes,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Products/DiscardParked",
        Kind::Changes,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Products/ListRemoved",
        Kind::Reads,
        Role::Viewer,
    ),
    rpc(
        "/shopmaster.v1.Products/ForgetRemoved",
        Kind::Changes,
        Role::Operator,
    ),
    rpc(
        "/shopmaster.v1.Remote/GetListener",
        Kind::Reads,
        Role::Operator,
    ),
    rpc("/shopmaster.v1.Remote/Invite", Kind::Changes, Role::Admin),
    rpc(
        "/shopmaster.v1.Remote/CreateToken",
        Kind::Changes,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Remote/AddCertificate",
        Kind::Changes,
        Role::Admin,
    ),
    rpc("/shopmaster.v1.Remote/Redeem", Kind::Changes, Role::Invited),
    rpc(
        "/shopmaster.v1.Remote/ListClients",
        Kind::Reads,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Remote/RevokeClient",
        Kind::Changes,
        Role::Admin,
    ),
    rpc(
        "/shopmaster.v1.Remote/ListRemoteLog",
        Kind::Reads,
        Role::Operator,
    ),
    rpc("/grpc.health.v1.Health/Check", Kind::Foreign, Role::Viewer),
    rpc("/grpc.health.v1.Health/Watch", Kind::Foreign, Role::Viewer),
    rpc(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Kind::Foreign,
        Role::Viewer,
    ),
    rpc(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Kind::Foreign,
        Role::Viewer,
    ),
];

impl Rpc {
    /// Whether a remote client of this role may call it. An invitation is good for its redemption alone, and nothing else
    /// is.
    pub(super) fn admits(&self, role: Role) -> bool {
        match self.role {
            Role::Invited => role == Role::Invited,
            least => role >= least,
        }
    }
}

const fn rpc(path: &'static str, kind: Kind, role: Role) -> Rpc {
    Rpc { path, kind, role }
}

/// The rpc at `path`; none when nothing is served there.
pub(super) fn find(path: &str) -> Option<&'static Rpc> {
    RPCS.iter().find(|rpc| rpc.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost_types::FileDescriptorSet;
    use shopmaster_proto::{DESCRIPTORS, PROTOCOL};

    use super::*;

    /// The descriptors of everything that is served.
    const SERVED: [&[u8]; 4] = [
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];

    /// Every rpc that is served by its path, and whether it is our own and answers with a stream.
    fn served() -> BTreeMap<String, (bool, bool)> {
        let sets = SERVED.map(|set| <FileDescriptorSet as prost::Message>::decode(set).unwrap());
        let files = sets.iter().flat_map(|set| &set.file);
        let services =
            files.flat_map(|file| file.service.iter().map(move |service| (file, service)));
        let rpcs = services.flat_map(|(file, service)| {
            service.method.iter().map(move |method| {
                let is_own = file.package() == PROTOCOL;
                assert!(!is_own || !method.client_streaming(), "{method:?}");
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                (path, (is_own, is_own && method.server_streaming()))
            })
        });
        rpcs.collect()
    }

    #[test]
    fn the_table_has_every_rpc_that_is_served_and_no_other() {
        let table: BTreeMap<_, _> = RPCS
            .iter()
            .map(|rpc| {
                let is_own = rpc.kind != Kind::Foreign;
                (rpc.path.to_owned(), (is_own, rpc.kind == Kind::Streams))
            })
            .collect();
        assert_eq!(table.len(), RPCS.len(), "one is there twice");
        assert_eq!(table, served());
    }

    #[test]
    fn a_viewer_changes_nothing_and_only_an_invitation_is_redeemed_without_a_role() {
        for rpc in RPCS {
            let changes = rpc.kind == Kind::Changes;
            let is_for_all = rpc.role == Role::Invited;
            assert!(
                !changes || rpc.role > Role::Viewer || is_for_all,
                "{}",
                rpc.path
            );
            assert_eq!(is_for_all, rpc.path.ends_with("/Redeem"), "{}", rpc.path);
        }
    }
}
