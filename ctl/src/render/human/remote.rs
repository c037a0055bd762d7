//! Remote management as text for people.

use shopmaster_proto::{
    remote::Pin,
    v1::{
        GetListenerResponse, InviteResponse, RemoteClient, RemoteCredential, RemoteLogEntry,
        RemoteLogOutcome,
    },
};

use super::{Clock, Text, table};
use crate::{
    agents::{KnownAgent, Role},
    enums::Word as _,
};

/// Where the agent listens, and its key.
pub fn listener(now: &GetListenerResponse) -> Text {
    let or = |text: &str, absent: &str| match text.is_empty() {
        true => absent.to_owned(),
        false => text.to_owned(),
    };
    let key = Pin::from_bytes(&now.key_sha256).map(|pin| pin.to_string());
    table::pairs(&[
        ("setting", or(&now.listen, "off")),
        ("listening", or(&now.listening, "no")),
        ("key", key.unwrap_or_else(|| "none yet".to_owned())),
        ("server name", or(&now.server_name, "none yet")),
        ("connections", now.connections.to_string()),
        ("refused", now.refused.to_string()),
    ])
}

/// What to do with an invitation.
pub fn invited(name: &str, role: Role, made: &InviteResponse, clock: &Clock) -> String {
    let until = clock
        .at(made.redeem_by)
        .unwrap_or_else(|| "it is withdrawn".to_owned());
    format!(
        "`{}` is invited as {}. The line below works once, until {until}, and is a secret until then. It leads to {}. \
         The other side runs `shopmasterctl remote add NAME` and enters it",
        name,
        role.as_str(),
        made.addresses.join(", "),
    )
}

/// The agent that was added.
pub fn added(agent: &KnownAgent, store: &str) -> String {
    let place = match store {
        "os" => "in the operating system's credential store",
        _ => "in a file that only this user can read",
    };
    format!(
        "Added `{}`: there, this client is `{}` with the role {}; its token is {place}",
        agent.name,
        agent.client,
        agent.role.as_str()
    )
}

/// One line for each known agent.
pub fn agents(agents: &[KnownAgent]) -> Text {
    if agents.is_empty() {
        return Text::default();
    }
    let head = ["NAME", "ROLE", "CLIENT", "ADDRESSES"].map(str::to_owned);
    let rows = agents.iter().map(|agent| {
        let addresses: Vec<_> = agent.addresses.iter().map(ToString::to_string).collect();
        [
            agent.name.to_string(),
            agent.role.as_str().to_owned(),
            agent.client.clone(),
            addresses.join(", "),
        ]
    });
    table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// One line for each client.
pub fn clients(clients: &[RemoteClient], clock: &Clock) -> Text {
    if clients.is_empty() {
        return Text::default();
    }
    let head = ["NAME", "ROLE", "ACCESS", "LAST SEEN", "ENDS"].map(str::to_owned);
    let rows = clients.iter().map(|client| {
        let seen = clock.at(client.last_seen_at);
        let access = match (client.credential(), clock.at(client.redeem_by)) {
            (RemoteCredential::Invitation, Some(until)) => format!("invited until {until}"),
            (credential, _) => credential.plain_word(),
        };
        [
            client.name.clone(),
            client.role().plain_word(),
            access,
            seen.unwrap_or_else(|| "never".to_owned()),
            clock.at(client.expires_at).unwrap_or_default(),
        ]
    });
    table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// One line for each entry.
pub fn log(entries: &[RemoteLogEntry], clock: &Clock) -> Text {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let client = match entry.client.is_empty() {
                true => "unknown".to_owned(),
                false => entry.client.clone(),
            };
            let outcome = match entry.outcome() {
                RemoteLogOutcome::Began => String::new(),
                other => other.plain_word(),
            };
            [
                clock.at(entry.at).unwrap_or_default(),
                client,
                entry.address.clone(),
                entry.text.clone(),
                outcome,
            ]
        })
        .collect();
    table::columns(&rows)
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1;

    use super::{
        super::clock::tests::{clock, local},
        *,
    };

    #[test]
    fn a_listener_shows_its_key() {
        let pin = Pin::of_key(b"k");
        let now = GetListenerResponse {
            listen: "0.0.0.0:7443".to_owned(),
            listening: "0.0.0.0:7443".to_owned(),
            key_sha256: pin.as_bytes().to_vec(),
            server_name: "agent.test".to_owned(),
            connections: 2,
            refused: 3,
            ..GetListenerResponse::default()
        };
        assert_eq!(
            &*listener(&now),
            format!(
                "setting      0.0.0.0:7443\nlistening    0.0.0.0:7443\nkey          {pin}\nserver name  agent.test\nconnections  2\nrefused      3\n"
            )
        );
        let off = listener(&GetListenerResponse::default());
        assert!(off.starts_with("setting      off\nlistening    no\nkey          none yet\n"));
    }

    #[test]
    fn clients_and_invitations_are_one_table() {
        let client = |name: &str, credential: RemoteCredential| RemoteClient {
            name: name.to_owned(),
            role: v1::Role::Operator.into(),
            credential: credential.into(),
            ..RemoteClient::default()
        };
        let seen = RemoteClient {
            last_seen_at: local("2026-11-21T14:00:00"),
            expires_at: local("2026-12-21T14:00:00"),
            ..client("support-7", RemoteCredential::Token)
        };
        let invited = RemoteClient {
            redeem_by: local("2026-11-22T14:00:00"),
            ..client("ben\x1b", RemoteCredential::Invitation)
        };
        assert_eq!(
            clients(&[invited, seen], &clock()),
            "\
NAME       ROLE      ACCESS                        LAST SEEN    ENDS
ben\u{fffd}       operator  invited until tomorrow 14:00  never
support-7  operator  token                         today 14:00  2026-12-21 14:00
"
        );
        assert_eq!(clients(&[], &clock()), "");
    }

    #[test]
    fn the_log_says_who_did_what() {
        let entry = |client: &str, text: &str, outcome: RemoteLogOutcome| RemoteLogEntry {
            at: local("2026-11-21T10:02:00"),
            client: client.to_owned(),
            address: "10.0.0.9".to_owned(),
            text: text.to_owned(),
            outcome: outcome.into(),
            ..RemoteLogEntry::default()
        };
        let entries = [
            entry("support-7", "started an upload", RemoteLogOutcome::Began),
            entry("", "sent no valid token", RemoteLogOutcome::Refused),
        ];
        assert_eq!(
            log(&entries, &clock()),
            "\
today 10:02  support-7  10.0.0.9  started an upload
today 10:02  unknown    10.0.0.9  sent no valid token  refused
"
        );
    }
}
