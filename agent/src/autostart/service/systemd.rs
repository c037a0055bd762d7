//! A systemd unit: a user unit, or a system unit.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use clap::Args;
use directories::BaseDirs;
use shopmaster_base::atomic_file::write_atomically;
use shopmaster_proto::{Folders, InstanceName};

use super::{
    Changes, Registered, Scope, ServiceState, other_agent, shop_file,
    unit::{Unit, account, outermost},
};
use crate::autostart::{AutostartError, HOME_VARIABLE, Start};

/// The folder of an administrator's units.
const SYSTEM_UNITS: &str = "/etc/systemd/system";
/// The folder that lists the users whose units start at boot.
const LINGER: &str = "/var/lib/systemd/linger";

/// Whether the service needs a login item that shows the icon. A user unit has the bus of the user's session and shows
/// the icon itself. For a system unit, the user who wants to see the icon runs `enable_login`.
pub const LOGIN_ITEM_SHOWS_ICON: bool = false;

/// Options of `enable`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceOptions {
    /// With `--as service`: a system unit instead of a user unit; requires root
    #[arg(long)]
    pub system: bool,
    /// With `--system`: the account that the agent runs under; default: the account that called sudo
    #[arg(long, value_name = "USER", requires = "system")]
    pub run_as: Option<String>,
}

/// One unit of an instance.
struct Service<'a> {
    instance: &'a InstanceName,
    scope: Scope,
}

/// An account and its home folder.
struct Account {
    /// None for this user.
    name: Option<String>,
    home: PathBuf,
}

/// The units of an instance: this user's, and the machine's.
///
/// # Errors
///
/// When a unit's file cannot be read.
pub fn states(instance: &InstanceName) -> Result<Vec<ServiceState>, AutostartError> {
    [Scope::User, Scope::System]
        .into_iter()
        .map(|scope| Service { instance, scope }.state())
        .collect()
}

/// Writes the unit, enables it and starts it.
///
/// # Errors
///
/// When systemd is not running here, the other unit already exists, or systemd refuses.
pub fn enable(
    instance: &InstanceName,
    options: &ServiceOptions,
) -> Result<Changes, AutostartError> {
    let scope = if options.system {
        Scope::System
    } else {
        Scope::User
    };
    let service = Service { instance, scope };
    service.must_be_managed()?;
    let account = match scope {
        Scope::User => Account::own()?,
        Scope::System => Account::of(options.run_as.clone())?,
    };
    service.refuse_a_second(&account)?;
    service.install(&account)
}

/// Stops, disables and removes the units of an instance: this user's, and for root the machine's.
///
/// # Errors
///
/// When systemd refuses, or the system unit exists and this user is not root.
pub fn disable(instance: &InstanceName, changes: &mut Changes) -> Result<(), AutostartError> {
    for scope in [Scope::User, Scope::System] {
        Service { instance, scope }.remove(changes)?;
    }
    Ok(())
}

impl Account {
    fn own() -> Result<Self, AutostartError> {
        let dirs = BaseDirs::new().ok_or(AutostartError::NoHome)?;
        Ok(Self {
            name: None,
            home: dirs.home_dir().to_owned(),
        })
    }

    /// The named account, or else the account that called sudo.
    fn of(name: Option<String>) -> Result<Self, AutostartError> {
        let name = name
            .or_else(|| env::var("SUDO_USER").ok())
            .ok_or(AutostartError::NoAccount)?;
        let unknown = || AutostartError::UnknownAccount(name.clone());
        let output = run("getent", &["passwd", &name])?;
        let text = String::from_utf8_lossy(&output.stdout);
        // passwd(5): the sixth field.
        let home = text.trim().split(':').nth(5).ok_or_else(unknown)?;
        Ok(Self {
            home: home.into(),
            name: Some(name),
        })
    }

    /// The folders of an instance of this account, as its own agent computes them.
    fn folders(&self, instance: &InstanceName) -> Result<Folders, AutostartError> {
        if self.name.is_none() || home_variable().is_some() {
            return Folders::of(instance).map_err(|_| AutostartError::NoHome);
        }
        let data = self.home.join(".local/share/shopmaster");
        let instance = instance.as_str();
        Ok(Folders {
            config: self.home.join(".config/shopmaster").join(instance),
            data: data.join("data").join(instance),
            log: data.join("log").join(instance),
            run: data.join("run").join(instance),
        })
    }
}

impl Service<'_> {
    fn unit_name(&self) -> String {
        format!("{}.service", self.instance.service())
    }

    fn file(&self) -> Result<PathBuf, AutostartError> {
        let folder = match self.scope {
            Scope::System => SYSTEM_UNITS.into(),
            Scope::User => BaseDirs::new()
                .ok_or(AutostartError::NoHome)?
                .config_dir()
                .join("systemd/user"),
        };
        Ok(folder.join(self.unit_name()))
    }

    fn text(&self, account: &Account) -> Result<String, AutostartError> {
        let instance = self.instance.as_str();
        // A system unit has no panel to show an icon in.
        let arguments: &[&str] = match self.scope {
            Scope::User => &["run", "--instance", instance],
            Scope::System => &["run", "--headless", "--instance", instance],
        };
        let start = Start::this_program(arguments)?;
        let folders = account.folders(self.instance)?;
        let shop = shop_file(&folders).and_then(|file| file.parent().map(Path::to_owned));
        let own = [folders.config, folders.data, folders.log, folders.run];
        let writable = outermost([account.home.clone()].into_iter().chain(own).chain(shop));
        Ok(Unit {
            instance: self.instance,
            start: &start,
            account: account.name.as_deref(),
            writable: &writable,
        }
        .text())
    }

    fn state(&self) -> Result<ServiceState, AutostartError> {
        let path = self.file()?;
        let text = read(&path)?;
        let unit = self.unit_name();
        let enabled = self.word(&["is-enabled", &unit]);
        let active = self.word(&["is-active", &unit]);
        let state = match enabled.as_deref() {
            Some("enabled" | "enabled-runtime" | "linked" | "linked-runtime") => {
                Registered::Enabled
            }
            // This includes units in other folders.
            Some("disabled" | "static" | "masked" | "masked-runtime" | "indirect") => {
                Registered::Disabled
            }
            _ if text.is_none() => Registered::Absent,
            // systemd does not answer: its links show what it would do.
            _ if self.is_wanted(&path) => Registered::Enabled,
            _ => Registered::Disabled,
        };
        let account_name = text.as_deref().and_then(account).map(str::to_owned);
        let changed = match &text {
            None => state != Registered::Absent,
            Some(text) => !self.is_as_written(text, account_name.as_deref()),
        };
        Ok(ServiceState {
            name: unit,
            scope: self.scope,
            state,
            running: active.map(|word| word == "active"),
            changed,
            place: format!("`{}`", path.display()),
            account: account_name,
        })
    }

    fn is_as_written(&self, text: &str, account: Option<&str>) -> bool {
        let account = match (self.scope, account) {
            (Scope::User, None) => Account::own(),
            (Scope::System, Some(name)) => Account::of(Some(name.to_owned())),
            _ => return false,
        };
        account
            .and_then(|account| self.text(&account))
            .is_ok_and(|expected| expected == text)
    }

    fn is_wanted(&self, path: &Path) -> bool {
        self.link(path).is_some_and(|link| link.exists())
    }

    /// The link that `systemctl enable` creates.
    fn link(&self, path: &Path) -> Option<PathBuf> {
        let target = match self.scope {
            Scope::User => "default.target.wants",
            Scope::System => "multi-user.target.wants",
        };
        Some(path.parent()?.join(target).join(self.unit_name()))
    }

    fn install(&self, account: &Account) -> Result<Changes, AutostartError> {
        let path = self.file()?;
        let text = self.text(account)?;
        let unit = self.unit_name();
        let mut changes = Changes::default();
        let same = read(&path)?.as_deref() == Some(&text);
        if !same {
            write(&path, &text)?;
            changes.done.push(format!("wrote `{}`", path.display()));
        }
        self.systemctl(&["daemon-reload"])?;
        self.systemctl(&["enable", &unit])?;
        changes.done.push(format!("enabled `{unit}`"));
        let active = self.word(&["is-active", &unit]).as_deref() == Some("active");
        match (active, other_agent(&account.folders(self.instance)?)) {
            (true, _) if same => {}
            (false, Some(agent)) => changes.notes.push(format!(
                "{agent} is already running, so the service was not started: stop that agent, then run `{}`",
                self.command(&["start", &unit])
            )),
            // Even if it is active, because the new unit must be applied.
            _ => {
                if let Err(error) = self.systemctl(&["restart", &unit]) {
                    // systemd would retry a unit that cannot start forever. The first error says why.
                    let _ = self.remove(&mut Changes::default());
                    return Err(error);
                }
                changes.done.push(format!("started `{unit}`"));
            }
        }
        if let Some(item) = self.login_item(account) {
            changes.notes.push(format!(
                "`{}` also starts this agent when that user logs in: as that user, run `shopmasterctl autostart enable --as login`, which then starts only the icon",
                item.display()
            ));
        }
        if self.scope == Scope::User && !lingers() {
            changes.notes.push(
                "the service runs while you are logged in; run `loginctl enable-linger` to start it at boot"
                    .to_owned(),
            );
        }
        Ok(changes)
    }

    fn remove(&self, changes: &mut Changes) -> Result<(), AutostartError> {
        let path = self.file()?;
        let unit = self.unit_name();
        if read(&path)?.is_none() {
            return Ok(());
        }
        if self.is_managed() {
            self.systemctl(&["disable", "--now", &unit])?;
            changes.done.push(format!("stopped and disabled `{unit}`"));
        } else if let Some(link) = self.link(&path) {
            // It would be a broken link. If there is none, there is nothing to do.
            let _ = fs::remove_file(link);
        }
        fs::remove_file(&path).map_err(|source| AutostartError::Remove {
            place: format!("`{}`", path.display()),
            source,
        })?;
        changes.done.push(format!("removed `{}`", path.display()));
        if self.is_managed() {
            self.systemctl(&["daemon-reload"])?;
        }
        Ok(())
    }

    /// The login item of the account, which only that user should change.
    fn login_item(&self, account: &Account) -> Option<PathBuf> {
        account.name.as_ref()?;
        let file = format!(".config/autostart/{}.desktop", self.instance.service());
        Some(account.home.join(file)).filter(|file| file.exists())
    }

    /// An instance has one agent: a second unit could never start.
    fn refuse_a_second(&self, account: &Account) -> Result<(), AutostartError> {
        let other = match self.scope {
            Scope::System => account
                .home
                .join(".config/systemd/user")
                .join(self.unit_name()),
            Scope::User => Path::new(SYSTEM_UNITS).join(self.unit_name()),
        };
        if !other.exists() {
            return Ok(());
        }
        Err(AutostartError::OtherService {
            place: format!("`{}`", other.display()),
            remedy: match self.scope {
                Scope::System => "run `shopmasterctl autostart disable` as that user first",
                Scope::User => "run `shopmasterctl autostart disable` as root first",
            },
        })
    }

    fn must_be_managed(&self) -> Result<(), AutostartError> {
        if self.is_managed() {
            return Ok(());
        }
        Err(AutostartError::NoServiceManager)
    }

    /// Whether systemd is running here, for this scope.
    fn is_managed(&self) -> bool {
        let state = self.word(&["is-system-running"]);
        matches!(
            state.as_deref(),
            Some("initializing" | "starting" | "running" | "degraded" | "maintenance")
        )
    }

    /// The one word that systemd prints, whatever its exit code.
    fn word(&self, arguments: &[&str]) -> Option<String> {
        let output = self.run(arguments).ok()?;
        let word = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(word).filter(|word| !word.is_empty())
    }

    fn systemctl(&self, arguments: &[&str]) -> Result<(), AutostartError> {
        let output = self.run(arguments)?;
        if output.status.success() {
            return Ok(());
        }
        Err(AutostartError::Refused {
            command: self.command(arguments),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, AutostartError> {
        run("systemctl", &self.arguments(arguments))
    }

    fn arguments<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        let scope: &[&str] = match self.scope {
            Scope::User => &["--user"],
            Scope::System => &[],
        };
        [scope, arguments].concat()
    }

    fn command(&self, arguments: &[&str]) -> String {
        format!("systemctl {}", self.arguments(arguments).join(" "))
    }
}

fn home_variable() -> Option<String> {
    env::var(HOME_VARIABLE).ok().filter(|home| !home.is_empty())
}

fn lingers() -> bool {
    env::var("USER").is_ok_and(|user| Path::new(LINGER).join(user).exists())
}

fn run(program: &str, arguments: &[&str]) -> Result<Output, AutostartError> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Ok(output),
        Err(source) if program == "systemctl" && source.kind() == io::ErrorKind::NotFound => {
            Err(AutostartError::NoServiceManager)
        }
        Err(source) => Err(AutostartError::Start {
            program: program.to_owned(),
            source,
        }),
    }
}

fn read(path: &Path) -> Result<Option<String>, AutostartError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AutostartError::Read {
            place: format!("`{}`", path.display()),
            source,
        }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), AutostartError> {
    // Every user may read a unit; it contains no secret.
    const MODE: u32 = 0o644;
    let written = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_atomically(path, text.as_bytes())?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))
    };
    written().map_err(|source| AutostartError::Write {
        place: format!("`{}`", path.display()),
        source,
    })
}
