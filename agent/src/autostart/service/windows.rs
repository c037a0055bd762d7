//! A service of the Windows service control manager.
//!
//! It runs under a virtual account, `NT SERVICE\shopmaster-…`, which has no password. Its only rights are granted here:
//! on the agent's folders, and on a SQLite shop with the files next to it.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
    time::Duration,
};

use clap::Args;
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{Folders, InstanceName, user_sid};
use windows_service::{
    Error,
    service::{
        Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl,
        ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType,
        ServiceState as Running, ServiceType,
    },
    service_manager::{ServiceManager, ServiceManagerAccess},
};

use super::{
    Changes, Registered, Scope, ServiceState,
    grants::{Grant, grants, is_in_root},
    other_agent, shop_file,
};
use crate::{autostart::AutostartError, paths::Paths, windows_service::ServiceArgs};

/// Whether the service needs a login item that shows the icon. It does: a service has no desktop, so the icon is a
/// separate program in the user's session.
pub const LOGIN_ITEM_SHOWS_ICON: bool = true;

/// `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: i32 = 5;
/// `ERROR_SERVICE_ALREADY_RUNNING`.
const RUNS_ALREADY: i32 = 1056;
/// `ERROR_SERVICE_DOES_NOT_EXIST`.
const DOES_NOT_EXIST: i32 = 1060;
/// `ERROR_SERVICE_NOT_ACTIVE`.
const NOT_ACTIVE: i32 = 1062;
/// How long the service control manager waits before it restarts a failed service.
const RESTART: Duration = Duration::from_secs(10);
/// How long after a failure the count of failures is reset.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Options of `enable`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceOptions {}

/// The service of an instance.
///
/// # Errors
///
/// When the service control manager does not answer.
pub fn states(instance: &InstanceName) -> Result<Vec<ServiceState>, AutostartError> {
    let name = instance.service();
    let mut state = ServiceState {
        place: format!("service `{name}`"),
        name,
        scope: Scope::System,
        state: Registered::Absent,
        running: None,
        changed: false,
        account: None,
    };
    let access = ServiceAccess::QUERY_CONFIG | ServiceAccess::QUERY_STATUS;
    let Some(service) = open(&state.name, access)? else {
        return Ok(vec![state]);
    };
    let config = service.query_config().map_err(refused)?;
    let running = service.query_status().map_err(refused)?;
    state.state = if config.start_type == ServiceStartType::AutoStart {
        Registered::Enabled
    } else {
        Registered::Disabled
    };
    state.running = Some(running.current_state == Running::Running);
    state.changed = config.executable_path.as_os_str() != command_line(&info(instance)?);
    state.account = config
        .account_name
        .map(|account| account.to_string_lossy().into_owned());
    Ok(vec![state])
}

/// Installs the service, grants its account the necessary rights, and starts it.
///
/// # Errors
///
/// When this user is not an administrator, or the service control manager or `icacls` refuses.
pub fn enable(instance: &InstanceName, _: &ServiceOptions) -> Result<Changes, AutostartError> {
    let folders = folders(instance)?;
    let paths = Paths::new(folders.clone(), None);
    paths.create().map_err(|error| AutostartError::Write {
        place: format!("`{}`", error.path.display()),
        source: error.source,
    })?;
    let info = info(instance)?;
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::QUERY_STATUS;
    let name = instance.service();
    let mut changes = Changes::default();
    let service = match open(&name, access)? {
        Some(service) => {
            service.change_config(&info).map_err(refused)?;
            changes.done.push(format!("changed the service `{name}`"));
            service
        }
        None => {
            let service = manager.create_service(&info, access).map_err(refused)?;
            changes.done.push(format!("installed the service `{name}`"));
            service
        }
    };
    if let Err(error) = start_again_when_it_fails(&service) {
        changes.notes.push(format!(
            "Windows will not restart the service after a failure: {}",
            with_causes(&error)
        ));
    }
    let shop = shop_text(&folders);
    for grant in granted(&folders, shop.as_deref()) {
        if grant.is_optional && !Path::new(&grant.path).exists() {
            continue;
        }
        icacls(&grant.give(&account(instance)))?;
        let line = format!("allowed the service to write to `{}`", grant.path);
        changes.done.push(line);
    }
    if let Some(shop) = shop.filter(|shop| is_in_root(shop)) {
        changes.notes.push(format!(
            "`{shop}` is in the root of a drive or share, where the service's account may not create files, which SQLite needs: move the shop's file to a folder, or start the agent at login instead"
        ));
    }
    let running = service.query_status().map_err(refused)?.current_state == Running::Running;
    match other_agent(&folders) {
        Some(_) if running => changes.notes.push(format!(
            "the service is already running; run `sc.exe stop {name}` and `sc.exe start {name}` to apply a change"
        )),
        Some(agent) => changes.notes.push(format!(
            "{agent} is already running, so the service was not started: stop that agent, then run `sc.exe start {name}`"
        )),
        None => {
            start(&service)?;
            changes.done.push("started the service".to_owned());
        }
    }
    changes.notes.push(format!(
        "the service has an account of its own, `{}`: set the passwords again with `shopmasterctl configure`; if SQL Server uses Windows logins, grant that account access",
        account(instance)
    ));
    Ok(changes)
}

/// Stops and removes the service.
///
/// # Errors
///
/// When this user is not an administrator, or the service control manager or `icacls` refuses.
pub fn disable(instance: &InstanceName, changes: &mut Changes) -> Result<(), AutostartError> {
    let name = instance.service();
    let access = ServiceAccess::STOP | ServiceAccess::DELETE;
    let Some(service) = open(&name, access)? else {
        return Ok(());
    };
    match service.stop() {
        Ok(_) => changes.done.push(format!("stopped the service `{name}`")),
        Err(error) if code(&error) == Some(NOT_ACTIVE) => {}
        Err(error) => return Err(refused(error)),
    }
    // Before the service is removed: afterwards its account is unknown.
    let folders = folders(instance)?;
    for grant in granted(&folders, shop_text(&folders).as_deref()) {
        // Remaining rights have no effect without the account.
        let _ = icacls(&grant.take_back(&account(instance)));
    }
    service.delete().map_err(refused)?;
    changes.done.push(format!("removed the service `{name}`"));
    Ok(())
}

fn info(instance: &InstanceName) -> Result<ServiceInfo, AutostartError> {
    let folders = folders(instance)?;
    let owner = user_sid().map_err(AutostartError::Program)?;
    Ok(ServiceInfo {
        name: instance.service().into(),
        display_name: format!("shopMaster agent ({instance})").into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe().map_err(AutostartError::Program)?,
        launch_arguments: ServiceArgs::words(instance, &folders, &owner),
        dependencies: Vec::new(),
        account_name: Some(account(instance).into()),
        account_password: None,
    })
}

/// The command line as the service control manager keeps it.
fn command_line(info: &ServiceInfo) -> OsString {
    let words = [info.executable_path.as_os_str()].into_iter();
    let words = words.chain(info.launch_arguments.iter().map(OsString::as_os_str));
    let mut line = OsString::new();
    for word in words {
        if !line.is_empty() {
            line.push(" ");
        }
        let spaces = word.as_encoded_bytes().contains(&b' ');
        let quote = if spaces { "\"" } else { "" };
        line.push(quote);
        line.push(word);
        line.push(quote);
    }
    line
}

fn account(instance: &InstanceName) -> String {
    format!(r"NT SERVICE\{}", instance.service())
}

fn folders(instance: &InstanceName) -> Result<Folders, AutostartError> {
    Folders::of(instance).map_err(|_| AutostartError::NoHome)
}

/// What the account may write.
fn granted(folders: &Folders, shop: Option<&str>) -> Vec<Grant> {
    let own = [&folders.config, &folders.data, &folders.log, &folders.run];
    grants(&own.map(|folder| folder.display().to_string()), shop)
}

fn shop_text(folders: &Folders) -> Option<String> {
    shop_file(folders).map(|file| file.display().to_string())
}

fn start_again_when_it_fails(service: &Service) -> Result<(), AutostartError> {
    let again = ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: RESTART,
    };
    service
        .update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(FORGOTTEN),
            reboot_msg: None,
            command: None,
            // The last action applies to all further failures.
            actions: Some(vec![again]),
        })
        .map_err(refused)?;
    service
        .set_failure_actions_on_non_crash_failures(true)
        .map_err(refused)?;
    service
        .set_description("Keeps Digible in sync with the shop's products")
        .map_err(refused)
}

fn start(service: &Service) -> Result<(), AutostartError> {
    match service.start::<&OsStr>(&[]) {
        Err(error) if code(&error) != Some(RUNS_ALREADY) => Err(refused(error)),
        _ => Ok(()),
    }
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, AutostartError> {
    ServiceManager::local_computer(None::<&OsStr>, access).map_err(refused)
}

fn open(name: &str, access: ServiceAccess) -> Result<Option<Service>, AutostartError> {
    match manager(ServiceManagerAccess::CONNECT)?.open_service(name, access) {
        Ok(service) => Ok(Some(service)),
        Err(error) if code(&error) == Some(DOES_NOT_EXIST) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

fn icacls(arguments: &[String]) -> Result<(), AutostartError> {
    let output = Command::new("icacls").args(arguments).output();
    let output = output.map_err(|source| AutostartError::Start {
        program: "icacls".to_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(AutostartError::Refused {
        command: format!("icacls {}", arguments.join(" ")),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn refused(error: Error) -> AutostartError {
    if code(&error) == Some(ACCESS_DENIED) {
        return AutostartError::NotAdministrator;
    }
    AutostartError::ServiceManager(error)
}

fn code(error: &Error) -> Option<i32> {
    match error {
        Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}
