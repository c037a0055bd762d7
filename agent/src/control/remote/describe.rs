//! What a remote client did, in words, from the request itself: for the log, the status and the tray.
//!
//! The gate asks here before it lets a change through, so no handler can forget to say it.

use std::collections::BTreeSet;

use prost::{DecodeError, Message as _};
use shopmaster_access::plain;
use shopmaster_proto::v1;

use super::body::message;

/// What the request of a change at `path` asks for: `started an upload`, as one line of a bounded length, although part of it
/// comes from the caller. `request` is as it is on the wire.
///
/// # Errors
///
/// When the request cannot be read: then nobody knows what it would change.
pub(super) fn describe(path: &str, request: &[u8]) -> Result<String, DecodeError> {
    let found = DESCRIPTIONS.iter().find(|(known, _)| *known == path);
    match found {
        Some((_, describe)) => describe(message(request)).map(|text| plain(&text)),
        None => Ok(format!("called `{path}`")),
    }
}

type Describe = fn(&[u8]) -> Result<String, DecodeError>;

/// Every rpc that changes something, and its words. What redeems an invitation is described where that is done.
const DESCRIPTIONS: [(&str, Describe); 16] = [
    ("/shopmaster.v1.Agent/Pause", |_| {
        Ok("paused sending".to_owned())
    }),
    ("/shopmaster.v1.Agent/Resume", |_| {
        Ok("resumed sending".to_owned())
    }),
    ("/shopmaster.v1.Agent/Shutdown", |_| {
        Ok("stopped the agent".to_owned())
    }),
    ("/shopmaster.v1.Runs/StartRun", start_run),
    ("/shopmaster.v1.Runs/CancelRun", cancel_run),
    ("/shopmaster.v1.Config/Configure", configure),
    ("/shopmaster.v1.Config/InstallCapture", |_| {
        Ok("installed change capture".to_owned())
    }),
    ("/shopmaster.v1.Config/RemoveCapture", |_| {
        Ok("removed change capture".to_owned())
    }),
    ("/shopmaster.v1.Config/Adopt", |_| {
        Ok("took over the old program's capture".to_owned())
    }),
    ("/shopmaster.v1.Products/RetryParked", |_| {
        Ok("retried refused products".to_owned())
    }),
    ("/shopmaster.v1.Products/DiscardParked", |_| {
        Ok("dismissed refused products".to_owned())
    }),
    ("/shopmaster.v1.Products/ForgetRemoved", |_| {
        Ok("forgot products that are gone from the shop".to_owned())
    }),
    ("/shopmaster.v1.Remote/Invite", invite),
    ("/shopmaster.v1.Remote/CreateToken", create_token),
    ("/shopmaster.v1.Remote/AddCertificate", add_certificate),
    ("/shopmaster.v1.Remote/RevokeClient", revoke),
];

fn start_run(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::StartRunRequest::decode(message)?;
    let text = match request.kind() {
        v1::RunKind::Sync => "started a sync",
        v1::RunKind::Upload => "started an upload",
        v1::RunKind::Verify => "started a verify",
        v1::RunKind::Unspecified => "asked for a run",
    };
    Ok(text.to_owned())
}

fn cancel_run(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::CancelRunRequest::decode(message)?;
    Ok(format!("canceled `{}`", request.id))
}

/// The keys, each once, and never the values: an address may have a password in it.
fn configure(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::ConfigureRequest::decode(message)?;
    let secrets = request.secrets.unwrap_or_default();
    let passwords = [
        (secrets.digible_password.is_some(), "the Digible password"),
        (secrets.sql_password.is_some(), "the SQL password"),
    ];
    let passwords = passwords.into_iter().filter(|(is_given, _)| *is_given);
    let mut changed: Vec<_> = passwords.map(|(_, name)| name.to_owned()).collect();
    let keys = request.update_mask.unwrap_or_default().paths;
    changed.extend(BTreeSet::from_iter(keys));
    Ok(match (request.dry_run, changed.is_empty()) {
        (true, _) => "tried a configuration without changing it".to_owned(),
        (false, true) => "configured nothing".to_owned(),
        (false, false) => format!("configured {}", changed.join(", ")),
    })
}

fn invite(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::InviteRequest::decode(message)?;
    Ok(format!(
        "invited `{}` as {}",
        request.name,
        role(request.role())
    ))
}

fn create_token(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::CreateTokenRequest::decode(message)?;
    Ok(format!(
        "created a token for `{}` as {}",
        request.name,
        role(request.role())
    ))
}

fn add_certificate(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::AddCertificateRequest::decode(message)?;
    Ok(format!(
        "added `{}` as {} by its certificate",
        request.name,
        role(request.role())
    ))
}

fn revoke(message: &[u8]) -> Result<String, DecodeError> {
    let request = v1::RevokeClientRequest::decode(message)?;
    Ok(format!("withdrew the access of `{}`", request.name))
}

fn role(role: v1::Role) -> &'static str {
    match role {
        v1::Role::Viewer => "viewer",
        v1::Role::Operator => "operator",
        v1::Role::Admin => "admin",
        v1::Role::Unspecified => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shopmaster_access::Role;

    use super::*;
    use crate::control::rpcs::{Kind, RPCS, Rpc};

    #[test]
    fn every_change_has_its_words_and_nothing_else_has() {
        let is_described = |rpc: &&Rpc| rpc.kind == Kind::Changes && rpc.role != Role::Invited;
        let changes = RPCS.iter().filter(is_described);
        let changes: BTreeSet<_> = changes.map(|rpc| rpc.path).collect();
        let said: BTreeSet<_> = DESCRIPTIONS.iter().map(|(path, _)| *path).collect();
        assert_eq!(said, changes);
        assert_eq!(DESCRIPTIONS.len(), said.len(), "one is there twice");
    }

    #[test]
    fn the_request_says_what_is_asked_for_and_no_value_of_a_setting() {
        let framed = |message: Vec<u8>| [vec![0; 5], message].concat();
        let says = |path: &str, request: &[u8]| describe(path, request).unwrap();
        let upload = v1::StartRunRequest {
            kind: v1::RunKind::Upload.into(),
            ..Default::default()
        };
        let path = "/shopmaster.v1.Runs/StartRun";
        assert_eq!(
            says(path, &framed(upload.encode_to_vec())),
            "started an upload"
        );
        let settings = v1::Settings {
            digible: Some(v1::DigibleSettings {
                email: "secret".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let configure = v1::ConfigureRequest {
            settings: Some(settings),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["digible.email".to_owned(); 100],
            }),
            secrets: Some(v1::Secrets {
                digible_password: Some("secret".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let path = "/shopmaster.v1.Config/Configure";
        assert_eq!(
            says(path, &framed(configure.encode_to_vec())),
            "configured the Digible password, digible.email"
        );
        // What a caller writes is one short line.
        let cancel = v1::CancelRunRequest {
            id: "1\n2026-11-30 ERROR forged\u{202e}".to_owned() + &"x".repeat(1 << 20),
        };
        let text = says(
            "/shopmaster.v1.Runs/CancelRun",
            &framed(cancel.encode_to_vec()),
        );
        assert!(
            text.starts_with("canceled `1 2026-11-30 ERROR forged "),
            "{text}"
        );
        assert_eq!(text.chars().count(), 1_000);
        // Nobody knows what it would do.
        assert!(describe(path, &framed(b"\xff".to_vec())).is_err());
    }
}
