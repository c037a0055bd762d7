//! Every rpc of `shopmaster.v1` and its kind: the table that decides how a call is served.

/// What an rpc does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing permanently, and ends when its client disconnects.
    Reads,
    /// It changes something, and runs to its end even if its client disconnects.
    Changes,
    /// It sends messages until it is done or its client disconnects.
    Streams,
}

/// An rpc, by its path on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rpc {
    /// `/shopmaster.v1.Agent/GetStatus`.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) kind: Kind,
}

/// All rpcs of the contract.
pub(super) const RPCS: [Rpc; 27] = [
    rpc("/shopmaster.v1.Agent/GetStatus", Kind::Reads),
    rpc("/shopmaster.v1.Agent/WatchStatus", Kind::Streams),
    rpc("/shopmaster.v1.Agent/Pause", Kind::Changes),
    rpc("/shopmaster.v1.Agent/Resume", Kind::Changes),
    rpc("/shopmaster.v1.Agent/GetInfo", Kind::Reads),
    rpc("/shopmaster.v1.Agent/TailLogs", Kind::Streams),
    rpc("/shopmaster.v1.Agent/CreateReport", Kind::Reads),
    rpc("/shopmaster.v1.Agent/Shutdown", Kind::Changes),
    rpc("/shopmaster.v1.Runs/StartRun", Kind::Changes),
    rpc("/shopmaster.v1.Runs/WatchRun", Kind::Streams),
    rpc("/shopmaster.v1.Runs/CancelRun", Kind::Changes),
    rpc("/shopmaster.v1.Runs/ListRuns", Kind::Reads),
    rpc("/shopmaster.v1.Runs/GetRun", Kind::Reads),
    rpc("/shopmaster.v1.Config/GetConfig", Kind::Reads),
    rpc("/shopmaster.v1.Config/Configure", Kind::Changes),
    rpc("/shopmaster.v1.Config/TestConnection", Kind::Streams),
    rpc("/shopmaster.v1.Config/PlanCapture", Kind::Reads),
    rpc("/shopmaster.v1.Config/InstallCapture", Kind::Changes),
    rpc("/shopmaster.v1.Config/RemoveCapture", Kind::Changes),
    rpc("/shopmaster.v1.Config/GetCapture", Kind::Reads),
    rpc("/shopmaster.v1.Config/Adopt", Kind::Changes),
    rpc("/shopmaster.v1.Products/Explain", Kind::Reads),
    rpc("/shopmaster.v1.Products/ListParked", Kind::Reads),
    rpc("/shopmaster.v1.Products/RetryParked", Kind::Changes),
    rpc("/shopmaster.v1.Products/DiscardParked", Kind::Changes),
    rpc("/shopmaster.v1.Products/ListRemoved", Kind::Reads),
    rpc("/shopmaster.v1.Products/ForgetRemoved", Kind::Changes),
];

const fn rpc(path: &'static str, kind: Kind) -> Rpc {
    Rpc { path, kind }
}

/// The kind of the rpc at `path`; none for other services, such as health and reflection.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let found = RPCS.iter().find(|rpc| rpc.path == path);
    found.map(|rpc| rpc.kind)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost_types::FileDescriptorSet;
    use shopmaster_proto::{DESCRIPTORS, PROTOCOL};

    use super::*;

    /// Every rpc of the contract by its path, and whether it answers with a stream.
    fn contract() -> BTreeMap<String, bool> {
        let set: FileDescriptorSet = prost::Message::decode(DESCRIPTORS).unwrap();
        let ours = set.file.iter().filter(|file| file.package() == PROTOCOL);
        ours.flat_map(|file| &file.service)
            .flat_map(|service| service.method.iter().map(move |method| (service, method)))
            .map(|(service, method)| {
                assert!(!method.client_streaming(), "{method:?}");
                let path = format!("/{PROTOCOL}.{}/{}", service.name(), method.name());
                (path, method.server_streaming())
            })
            .collect()
    }

    #[test]
    fn the_table_has_every_rpc_of_the_contract_and_no_other() {
        let table: BTreeMap<_, _> = RPCS
            .iter()
            .map(|rpc| (rpc.path.to_owned(), rpc.kind == Kind::Streams))
            .collect();
        assert_eq!(table.len(), RPCS.len(), "one is there twice");
        assert_eq!(table, contract());
    }
}
