//! `shopmaster-agent autostart`, which `shopmasterctl autostart` runs.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;
use shopmaster_base::causes::with_causes;
use shopmaster_proto::InstanceName;

use super::{
    Autostart, AutostartError, Changes, LoginState, Registered, Scope, ServiceOptions, Starts,
    disable, enable_login, enable_service, status,
};

/// Arguments of `autostart`.
#[derive(Debug, Args)]
pub struct AutostartArgs {
    /// The action.
    #[command(subcommand)]
    action: Action,
    /// Name of the agent
    #[arg(long, value_name = "NAME", global = true, default_value_t = InstanceName::default())]
    instance: InstanceName,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    json: bool,
    /// Print no notes or hints
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the agent automatically
    Enable {
        /// Start it when you log in, or as a service
        #[arg(long = "as", value_name = "WAY")]
        way: Way,
        #[command(flatten)]
        service: ServiceOptions,
    },
    /// Remove the login item and the service
    Disable,
    /// Show the login item and the service as they are
    Status,
}

/// How the agent is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// When this user logs in.
    Login,
    /// The service manager starts it.
    Service,
}

/// What was changed, and the state afterwards.
#[derive(Debug, Serialize)]
struct Changed<'a> {
    done: &'a [String],
    notes: &'a [String],
    /// The command that undoes it.
    undo: Option<&'a str>,
    autostart: &'a Autostart,
}

/// Runs the action, and prints what was done to standard output.
#[must_use]
pub fn run(args: &AutostartArgs) -> ExitCode {
    let told = match &args.action {
        Action::Status => status(&args.instance).map(|now| args.print_status(&now)),
        Action::Enable { way, service } => args.enable(*way, service),
        Action::Disable => {
            disable(&args.instance).and_then(|changes| args.print_changes(&changes, None))
        }
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            args.print_error(&error);
            ExitCode::FAILURE
        }
    }
}

impl AutostartArgs {
    fn enable(&self, way: Way, service: &ServiceOptions) -> Result<(), AutostartError> {
        let changes = match way {
            Way::Login => enable_login(&self.instance)?,
            Way::Service => enable_service(&self.instance, service)?,
        };
        let instance = if self.instance == InstanceName::default() {
            String::new()
        } else {
            format!(" --instance {}", self.instance)
        };
        let undo = format!("shopmasterctl{instance} autostart disable");
        self.print_changes(&changes, Some(&undo))
    }

    fn print_status(&self, now: &Autostart) {
        if self.json {
            say(&json!(now).to_string());
            return;
        }
        say(&text(now));
        for problem in &now.problems {
            note(&format!("warning: {problem}"));
        }
    }

    fn print_changes(&self, changes: &Changes, undo: Option<&str>) -> Result<(), AutostartError> {
        let now = status(&self.instance)?;
        if self.json {
            let changed = Changed {
                done: &changes.done,
                notes: &changes.notes,
                undo,
                autostart: &now,
            };
            say(&json!(changed).to_string());
            return Ok(());
        }
        if changes.done.is_empty() {
            say("nothing to change");
        }
        for done in &changes.done {
            say(done);
        }
        for problem in &now.problems {
            note(&format!("warning: {problem}"));
        }
        if self.quiet {
            return Ok(());
        }
        for line in &changes.notes {
            note(&format!("note: {line}"));
        }
        if let Some(undo) = undo {
            note(&format!("hint: run `{undo}` to undo this"));
        }
        Ok(())
    }

    fn print_error(&self, error: &AutostartError) {
        let (message, remedy) = (with_causes(error), error.remedy());
        if self.json {
            let error = json!({"code": error.code(), "message": message, "remedy": remedy});
            note(&json!({ "error": error }).to_string());
            return;
        }
        note(&format!("error: {message}"));
        if let Some(remedy) = remedy {
            note(&format!("hint: {remedy}"));
        }
    }
}

fn text(now: &Autostart) -> String {
    let login = match now.login.state {
        LoginState::Absent => "no",
        LoginState::SwitchedOff => "switched off in the desktop's settings",
        LoginState::On(Some(Starts::Agent)) => "starts the agent",
        LoginState::On(Some(Starts::Icon)) => "starts the icon of a service's agent",
        LoginState::On(None) => "starts something else",
    };
    let mut text = format!("login item      {login}  ({})", now.login.place);
    for service in &now.services {
        let scope = match service.scope {
            Scope::User => "user service",
            Scope::System => "system service",
        };
        let state = match (service.state, service.running) {
            (Registered::Absent, _) => "no",
            (Registered::Disabled, Some(true)) => "does not start automatically, but is running",
            (Registered::Disabled, _) => "does not start automatically",
            (Registered::Enabled, Some(true)) => "starts automatically, is running",
            (Registered::Enabled, Some(false)) => "starts automatically, is not running now",
            (Registered::Enabled, None) => "starts automatically",
        };
        text += &format!("\n{scope:<15} {state}  ({})", service.place);
    }
    text
}

/// Prints a line. A closed pipe is not an error.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
