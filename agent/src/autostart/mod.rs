//! How the agent starts by itself: as a login item of one user, or as a service.
//!
//! This is about files, the registry and the service manager. It works without a running agent, asks
//! them anew each time, and so tells the truth also after somebody edited them by hand.

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

/// Carried along when it is set: without it another agent would start, with other files.
const HOME_VARIABLE: &str = "SHOPMASTER_HOME";

/// How an instance starts by itself now.
#[derive(Debug, Serialize)]
pub struct Autostart {
    /// The instance.
    pub instance: String,
    /// The login item of this user.
    pub login: LoginReport,
    /// The services that there may be, also those that are absent.
    pub services: Vec<ServiceState>,
    /// What does not fit together, a sentence each.
    pub problems: Vec<String>,
}

/// The login item of this user.
#[derive(Debug, Serialize)]
pub struct LoginReport {
    /// What is there.
    #[serde(flatten)]
    pub state: LoginState,
    /// Where it is.
    pub place: String,
}

/// How this instance starts by itself now.
///
/// # Errors
///
/// When something cannot be read.
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

/// Makes this user's next login start the agent; its icon alone, when a service of the machine starts
/// the agent.
///
/// # Errors
///
/// When a service of this user starts the agent already, or something refuses.
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

/// Makes the service manager start the agent, now and with the machine.
///
/// # Errors
///
/// When no service manager runs here, another service is there already, or something refuses.
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
        // One agent per instance: the item would start a second one, or its icon a second time.
        let line = format!("removed the login item {}", item.place());
        changes.done.push(line);
    }
    Ok(changes)
}

/// Removes the login item and the service; what runs as a service is stopped.
///
/// # Errors
///
/// When something refuses.
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
            "{} and {} start the same agent, and only one can run: disable one of them",
            first.place, second.place
        ));
    }
    let starts_agent = matches!(login, LoginState::On(Some(Starts::Agent) | None));
    match starting.first() {
        Some(service) if starts_agent => problems.push(format!(
            "the login item and {} start the same agent, and only one can run: enable one of them again",
            service.place
        )),
        _ if *login == LoginState::On(None) => problems.push(
            "the login item starts something else than this program: enable it again".to_owned(),
        ),
        None if *login == LoginState::On(Some(Starts::Icon)) => problems.push(
            "the login item starts the icon alone, and no service starts the agent: enable one of them again"
                .to_owned(),
        ),
        _ => {}
    }
    for service in services.iter().filter(|service| service.changed) {
        problems.push(format!(
            "{} is not what would be written now, because the program or the shop has moved or somebody changed it: enable it again",
            service.place
        ));
    }
    problems
}

/// A command that starts this program by itself.
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
            ["`User` and `System` start the same agent, and only one can run: disable one of them"]
        );
        for login in [on(Some(Starts::Agent)), on(None)] {
            let both = problems(&login, std::slice::from_ref(&user));
            assert_eq!(
                both,
                [
                    "the login item and `User` start the same agent, and only one can run: enable one of them again"
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
