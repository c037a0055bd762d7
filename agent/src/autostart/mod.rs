//! How the agent starts automatically: as a login item of one user, or as a service.
//!
//! This works with files, the registry and the service manager, whether or not the agent is running. It reads them each
//! time, so the result is correct even after they were changed by hand.

use serde::Serialize;
use shopmaster_proto::InstanceName;

mod command;
mod error;
mod login;
mod service;

pub use command::{AutostartArgs, run};
pub use error::AutostartError;
pub use login::{LoginItem, LoginState, Starts};
pub use service::{Changes, Registered, Scope, ServiceOptions, ServiceState};

/// If this is set, it is passed to the agent that is started: otherwise that agent would use other files.
const HOME_VARIABLE: &str = "SHOPMASTER_HOME";

/// How an instance starts automatically.
#[derive(Debug, Serialize)]
pub struct Autostart {
    /// The instance.
    pub instance: String,
    /// The login item of this user.
    pub login: LoginReport,
    /// The possible services, including those that do not exist.
    pub services: Vec<ServiceState>,
    /// Contradictions, one sentence each.
    pub problems: Vec<String>,
}

/// The login item of this user.
#[derive(Debug, Serialize)]
pub struct LoginReport {
    /// Its state.
    #[serde(flatten)]
    pub state: LoginState,
    /// Where it is stored.
    pub place: String,
}

/// How this instance starts automatically now.
///
/// # Errors
///
/// When the login item or a service cannot be read.
pub fn status(instance: &InstanceName) -> Result<Autostart, AutostartError> {
    let item = LoginItem::of(instance)?;
    let login = LoginReport {
        state: item.state()?,
        place: item.place(),
    };
    let services = service::states(instance)?;
    Ok(Autostart {
        problems: problems(&login.state, &services),
        instance: instance.to_string(),
        login,
        services,
    })
}

/// Starts the agent at this user's next login, or only its icon if a system service starts the agent.
///
/// # Errors
///
/// When a user service already starts the agent, or the login item cannot be written.
pub fn enable_login(instance: &InstanceName) -> Result<Changes, AutostartError> {
    let services = service::states(instance)?;
    let started = |scope| {
        services
            .iter()
            .find(|service| service.scope == scope && service.starts())
    };
    if let Some(own) = started(Scope::User) {
        return Err(AutostartError::OtherService {
            place: own.place.clone(),
            remedy: "run `shopmasterctl autostart disable` first",
        });
    }
    let (starts, what) = match started(Scope::System) {
        Some(_) => (Starts::Icon, "the icon of the service's agent"),
        None => (Starts::Agent, "the agent"),
    };
    let item = LoginItem::of(instance)?;
    item.enable(starts)?;
    Ok(Changes {
        done: vec![format!(
            "wrote {}: {what} starts when you log in",
            item.place()
        )],
        notes: Vec::new(),
    })
}

/// Makes the service manager start the agent, now and automatically from now on.
///
/// # Errors
///
/// When no service manager is running here, another service already exists, or the service manager refuses.
pub fn enable_service(
    instance: &InstanceName,
    options: &ServiceOptions,
) -> Result<Changes, AutostartError> {
    let mut changes = service::enable(instance, options)?;
    let item = LoginItem::of(instance)?;
    if service::LOGIN_ITEM_SHOWS_ICON {
        item.enable(Starts::Icon)?;
        let place = item.place();
        let line = format!("wrote {place}: the icon starts when you log in");
        changes.done.push(line);
    } else if item.disable()? {
        // An instance has one agent: the item would start a second agent, or show the icon twice.
        let line = format!("removed the login item {}", item.place());
        changes.done.push(line);
    }
    Ok(changes)
}

/// Removes the login item and the service; an agent that runs as a service is stopped.
///
/// # Errors
///
/// When the login item or the service cannot be removed.
pub fn disable(instance: &InstanceName) -> Result<Changes, AutostartError> {
    let item = LoginItem::of(instance)?;
    let mut changes = Changes::default();
    if item.disable()? {
        changes.done.push(format!("removed {}", item.place()));
    }
    service::disable(instance, &mut changes)?;
    Ok(changes)
}

fn problems(login: &LoginState, services: &[ServiceState]) -> Vec<String> {
    let mut problems = Vec::new();
    let starting: Vec<_> = services.iter().filter(|service| service.starts()).collect();
    if let [first, second, ..] = starting.as_slice() {
        problems.push(format!(
            "{} and {} both start this agent, but only one can run: disable one of them",
            first.place, second.place
        ));
    }
    let starts_agent = matches!(login, LoginState::On(Some(Starts::Agent) | None));
    match starting.first() {
        Some(service) if starts_agent => problems.push(format!(
            "the login item and {} both start this agent, but only one can run: enable one of them again",
            service.place
        )),
        _ if *login == LoginState::On(None) => problems.push(
            "the login item does not start this program: enable it again".to_owned(),
        ),
        None if *login == LoginState::On(Some(Starts::Icon)) => problems.push(
            "the login item starts only the icon, and no service starts the agent: enable one of them again"
                .to_owned(),
        ),
        _ => {}
    }
    for service in services.iter().filter(|service| service.changed) {
        problems.push(format!(
            "{} is outdated, because the program or the shop's file has moved, or was changed by hand: enable it again",
            service.place
        ));
    }
    problems
}

/// A command that starts this program.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    /// Its whole path.
    program: String,
    arguments: Vec<String>,
    /// `SHOPMASTER_HOME`.
    home: Option<String>,
}

impl Start {
    /// This program with these arguments.
    fn this_program(arguments: &[&str]) -> Result<Self, AutostartError> {
        let program = std::env::current_exe().map_err(AutostartError::Program)?;
        let Some(program) = program.to_str() else {
            return Err(AutostartError::NotUnicode(program));
        };
        Ok(Self {
            program: program.to_owned(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            home: std::env::var(HOME_VARIABLE)
                .ok()
                .filter(|home| !home.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(scope: Scope, state: Registered) -> ServiceState {
        ServiceState {
            name: "shopmaster-default.service".to_owned(),
            scope,
            state,
            running: None,
            changed: false,
            place: format!("`{scope:?}`"),
            account: None,
        }
    }

    fn on(starts: Option<Starts>) -> LoginState {
        LoginState::On(starts)
    }

    #[test]
    fn one_way_to_start_is_no_problem() {
        let user = service(Scope::User, Registered::Enabled);
        let system = service(Scope::System, Registered::Enabled);
        let off = service(Scope::System, Registered::Disabled);
        for (login, services) in [
            (LoginState::Absent, vec![]),
            (on(Some(Starts::Agent)), vec![off.clone()]),
            (on(Some(Starts::Icon)), vec![system]),
            (LoginState::SwitchedOff, vec![user, off]),
        ] {
            assert_eq!(problems(&login, &services), Vec::<String>::new());
        }
    }

    #[test]
    fn two_ways_to_start_one_agent_are_said() {
        let user = service(Scope::User, Registered::Enabled);
        let system = service(Scope::System, Registered::Enabled);
        let both = problems(&LoginState::Absent, &[user.clone(), system]);
        assert_eq!(
            both,
            [
                "`User` and `System` both start this agent, but only one can run: disable one of them"
            ]
        );
        for login in [on(Some(Starts::Agent)), on(None)] {
            let both = problems(&login, std::slice::from_ref(&user));
            assert_eq!(
                both,
                [
                    "the login item and `User` both start this agent, but only one can run: enable one of them again"
                ]
            );
        }
    }

    #[test]
    fn what_somebody_changed_is_said() {
        let changed = ServiceState {
            changed: true,
            ..service(Scope::User, Registered::Disabled)
        };
        assert_eq!(problems(&LoginState::Absent, &[changed]).len(), 1);
        assert_eq!(problems(&on(None), &[]).len(), 1);
        assert_eq!(problems(&on(Some(Starts::Icon)), &[]).len(), 1);
    }
}
