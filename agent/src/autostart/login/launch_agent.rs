//! A property list in the user's `LaunchAgents` folder: `launchd.plist(5)`.
//!
//! Reading looks for the lines that shopMaster writes. Whether an item was switched off, launchd stores elsewhere, where
//! only `launchctl` can read it.

use std::{fmt, io, path::PathBuf};

use directories::BaseDirs;
use shopmaster_proto::InstanceName;

use super::{AutostartError, Found, Start, file};

/// The property list of an instance.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    label: String,
}

impl Entry {
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        let dirs = BaseDirs::new().ok_or(AutostartError::NoHome)?;
        let label = format!("one.digible.shopmaster.{instance}");
        let folder = dirs.home_dir().join("Library/LaunchAgents");
        Ok(Self {
            path: folder.join(format!("{label}.plist")),
            label,
        })
    }

    pub fn read(&self) -> io::Result<Option<Found>> {
        let Some(text) = file::read(&self.path)? else {
            return Ok(None);
        };
        let disabled = text.contains("<key>Disabled</key>\n  <true/>");
        let command = text
            .split_once(ARGUMENTS)
            .and_then(|(_, rest)| rest.split_once(ARGUMENTS_END))
            .map(|(command, _)| command.to_owned());
        Ok(Some(Found {
            switched_on: command.is_some() && !disabled,
            command: command.unwrap_or_default(),
        }))
    }

    pub fn write(&self, start: &Start) -> io::Result<()> {
        let label = &self.label;
        let command = command_line(start);
        file::write(
            &self.path,
            &format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                 \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
                 <plist version=\"1.0\">\n<dict>\n  \
                 <key>Label</key>\n  <string>{label}</string>\n\
                 {ARGUMENTS}{command}{ARGUMENTS_END}  \
                 <key>RunAtLoad</key>\n  <true/>\n\
                 </dict>\n</plist>\n"
            ),
        )
    }

    pub fn remove(&self) -> io::Result<bool> {
        file::remove(&self.path)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())
    }
}

const ARGUMENTS: &str = "  <key>ProgramArguments</key>\n  <array>\n";
const ARGUMENTS_END: &str = "  </array>\n";

/// The words of `ProgramArguments`, one per line.
pub fn command_line(start: &Start) -> String {
    let home = start.home.as_ref();
    let variable = home.map(|home| ["/usr/bin/env".to_owned(), format!("SHOPMASTER_HOME={home}")]);
    let words = variable.into_iter().flatten();
    words
        .chain([start.program.clone()])
        .chain(start.arguments.iter().cloned())
        .map(|word| format!("    <string>{}</string>\n", escaped(&word)))
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
