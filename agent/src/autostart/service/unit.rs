//! The text of the systemd unit: `systemd.unit(5)`, `systemd.service(5)`, `systemd.exec(5)`.

use std::path::{Path, PathBuf};

use shopmaster_proto::InstanceName;

use crate::autostart::Start;

/// The content of a unit.
#[derive(Debug)]
pub struct Unit<'a> {
    pub instance: &'a InstanceName,
    /// How the agent is started.
    pub start: &'a Start,
    /// The account of a system unit; none for a user's own.
    pub account: Option<&'a str>,
    /// What the agent may write: the rest of the file system is read-only for the agent.
    pub writable: &'a [PathBuf],
}

/// Sandboxing that a user manager supports, too.
const FOR_ALL: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
";

/// Sandboxing that only the system manager supports. `ProtectHome` cannot be used, because the agent's files are in the
/// home folder.
const FOR_SYSTEM: &str = "\
CapabilityBoundingSet=
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
";

impl Unit<'_> {
    /// The whole file.
    pub fn text(&self) -> String {
        let instance = self.instance;
        let mut text = format!(
            "# Written by `shopmasterctl autostart enable`, removed by `shopmasterctl autostart disable`.\n\
             [Unit]\n\
             Description=shopMaster agent ({instance})\n"
        );
        if self.account.is_some() {
            text += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        // systemd never gives up: a shop's server may not be checked for months.
        text += "StartLimitIntervalSec=0\n\n[Service]\nType=notify\n";
        text += &format!("ExecStart={}\n", command_line(self.start));
        if let Some(account) = self.account {
            text += &format!("User={account}\n");
        }
        if let Some(home) = &self.start.home {
            let variable = format!("SHOPMASTER_HOME={home}");
            text += &format!("Environment={}\n", quoted(&variable, Dollar::Plain));
        }
        // The agent allows itself ten seconds for work in progress.
        text += "Restart=on-failure\nRestartSec=10\nTimeoutStopSec=20\n\n";
        text += FOR_ALL;
        if self.account.is_some() {
            text += FOR_SYSTEM;
        }
        for path in self.writable {
            // With a dash, so that a missing path does not prevent the start.
            let path = format!("-{}", path.display());
            text += &format!("ReadWritePaths={}\n", quoted(&path, Dollar::Plain));
        }
        let target = if self.account.is_some() {
            "multi-user.target"
        } else {
            "default.target"
        };
        text + &format!("\n[Install]\nWantedBy={target}\n")
    }
}

/// The account that a unit names.
pub fn account(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.strip_prefix("User="))
        .map(str::trim)
}

/// The paths that are not below another one.
pub fn outermost(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        let covered = |by: &PathBuf| path.starts_with(by);
        // The root contains everything, and must stay read-only.
        if path == Path::new("/") || kept.iter().any(covered) {
            continue;
        }
        kept.retain(|other| !other.starts_with(&path));
        kept.push(path);
    }
    kept
}

fn command_line(start: &Start) -> String {
    let mut words = vec![quoted(&start.program, Dollar::Plain)];
    words.extend(
        start
            .arguments
            .iter()
            .map(|word| quoted(word, Dollar::Doubled)),
    );
    words.join(" ")
}

/// The meaning of a dollar sign in a setting.
#[derive(Clone, Copy, PartialEq)]
enum Dollar {
    /// A dollar sign.
    Plain,
    /// A variable, unless it is doubled.
    Doubled,
}

fn quoted(word: &str, dollar: Dollar) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '\\' | '"' => text.extend(['\\', c]),
            '%' => text.push_str("%%"),
            '$' if dollar == Dollar::Doubled => text.push_str("$$"),
            '\n' => text.push_str(r"\n"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(program: &str, home: Option<&str>) -> Start {
        Start {
            program: program.to_owned(),
            arguments: ["run", "--instance", "till-2"].map(str::to_owned).to_vec(),
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn a_users_unit() {
        let text = Unit {
            instance: &"till-2".parse().unwrap(),
            start: &start("/usr/bin/shopmaster-agent", None),
            account: None,
            writable: &["/home/shop".into()],
        }
        .text();
        assert_eq!(
            text,
            "# Written by `shopmasterctl autostart enable`, removed by `shopmasterctl autostart disable`.\n\
             [Unit]\n\
             Description=shopMaster agent (till-2)\n\
             StartLimitIntervalSec=0\n\
             \n\
             [Service]\n\
             Type=notify\n\
             ExecStart=/usr/bin/shopmaster-agent run --instance till-2\n\
             Restart=on-failure\n\
             RestartSec=10\n\
             TimeoutStopSec=20\n\
             \n\
             NoNewPrivileges=yes\n\
             ProtectSystem=strict\n\
             PrivateTmp=yes\n\
             RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
             RestrictNamespaces=yes\n\
             RestrictRealtime=yes\n\
             RestrictSUIDSGID=yes\n\
             LockPersonality=yes\n\
             MemoryDenyWriteExecute=yes\n\
             SystemCallArchitectures=native\n\
             SystemCallFilter=@system-service\n\
             UMask=0077\n\
             ReadWritePaths=-/home/shop\n\
             \n\
             [Install]\n\
             WantedBy=default.target\n"
        );
        assert_eq!(account(&text), None);
    }

    #[test]
    fn a_system_unit_names_its_account_and_waits_for_the_network() {
        let text = Unit {
            instance: &"till-2".parse().unwrap(),
            start: &start("/opt/my shop/100%/agent", Some("/srv/\"a\" $b")),
            account: Some("shop"),
            writable: &["/srv/my shop".into()],
        }
        .text();
        for line in [
            "After=network-online.target",
            "User=shop",
            r#"ExecStart="/opt/my shop/100%%/agent" run --instance till-2"#,
            r#"Environment="SHOPMASTER_HOME=/srv/\"a\" $b""#,
            r#"ReadWritePaths="-/srv/my shop""#,
            "CapabilityBoundingSet=",
            "WantedBy=multi-user.target",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(account(&text), Some("shop"));
    }

    #[test]
    fn a_path_below_another_is_left_out() {
        let paths = ["/home/a/b", "/", "/home/a", "/srv", "/srv/x", "/home/ab"];
        let kept = outermost(paths.map(PathBuf::from));
        assert_eq!(kept, ["/home/a", "/srv", "/home/ab"].map(PathBuf::from));
    }
}
