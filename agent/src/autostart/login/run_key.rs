//! A value below the user's `Run` key.
//!
//! <https://learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys>. Task Manager records items that
//! were switched off in `StartupApproved`: their first byte is odd.

use std::{fmt, io};

use shopmaster_proto::InstanceName;
use windows_registry::{CURRENT_USER, Key};

use super::{AutostartError, Found, Start};

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const APPROVED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";

/// `ERROR_FILE_NOT_FOUND` as an HRESULT: the key or value does not exist.
const NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();

/// The registry value of an instance.
#[derive(Debug)]
pub struct Entry {
    name: String,
}

impl Entry {
    /// The value's name. This never fails, because every user has the key.
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        Ok(Self {
            name: format!("shopMaster {instance}"),
        })
    }

    pub fn read(&self) -> io::Result<Option<Found>> {
        let command = value(RUN, |key| key.get_string(&self.name))?;
        let approved = value(APPROVED, |key| key.get_value(&self.name))?;
        Ok(command.map(|command| Found {
            command,
            switched_on: approved
                .is_none_or(|bytes| bytes.first().is_none_or(|byte| byte % 2 == 0)),
        }))
    }

    pub fn write(&self, start: &Start) -> io::Result<()> {
        CURRENT_USER
            .create(RUN)?
            .set_string(&self.name, command_line(start))?;
        // Otherwise Task Manager's record would take precedence.
        remove(APPROVED, &self.name)?;
        Ok(())
    }

    pub fn remove(&self) -> io::Result<bool> {
        remove(APPROVED, &self.name)?;
        remove(RUN, &self.name)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"`HKEY_CURRENT_USER\{RUN}`, value `{}`", self.name)
    }
}

/// The command line. A registry value cannot contain environment variables: the item runs with the user's own.
pub fn command_line(start: &Start) -> String {
    let mut line = format!("\"{}\"", start.program);
    for argument in &start.arguments {
        // Words and instance names, which need no quotes.
        line.push(' ');
        line.push_str(argument);
    }
    line
}

fn value<T>(
    path: &str,
    get: impl FnOnce(&Key) -> windows_registry::Result<T>,
) -> io::Result<Option<T>> {
    absent_is_none(CURRENT_USER.open(path).and_then(|key| get(&key)))
}

fn remove(path: &str, name: &str) -> io::Result<bool> {
    let removed = CURRENT_USER
        .options()
        .write()
        .open(path)
        .and_then(|key| key.remove_value(name));
    Ok(absent_is_none(removed)?.is_some())
}

fn absent_is_none<T>(result: windows_registry::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().0 == NOT_FOUND => Ok(None),
        Err(error) => Err(error.into()),
    }
}
