//! The agent as a Windows service, which the service control manager starts and stops.
//!
//! It runs under an account of its own and uses the folders of the user who installed it, so that this user's
//! `shopmasterctl` and tray find it where they would find the user's own agent.
// The entry point that the macro makes is called by the service control manager with raw pointers.
#![allow(unsafe_code)]

use std::{ffi::OsString, io, path::PathBuf, sync::OnceLock, time::Duration};

use clap::Args;
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{Folders, InstanceName};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use windows_service::{
    define_windows_service,
    service::{
        ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus,
        ServiceType,
    },
    service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle},
    service_dispatcher,
};

use super::service::{self, Launch};

/// How long stopping may take, as promised to the service control manager: more than the agent's own deadline.
const STOP_WAIT_HINT: Duration = Duration::from_secs(20);
/// The exit code of a failed agent: the service control manager restarts it.
const FAILED: ServiceExitCode = ServiceExitCode::ServiceSpecific(1);
/// How long blocking calls may delay the end of the process.
const BLOCKING_CALL_GRACE: Duration = Duration::from_secs(2);

/// The service's instance and folders: part of its command line since it was installed, because its account has
/// other folders.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Name of the agent
    #[arg(long)]
    instance: InstanceName,
    #[arg(long)]
    config_dir: PathBuf,
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long)]
    log_dir: PathBuf,
    #[arg(long)]
    run_dir: PathBuf,
    /// Security identifier of the user who may use the agent besides administrators
    #[arg(long)]
    owner: String,
}

impl ServiceArgs {
    /// The command line that is parsed into these arguments.
    pub(crate) fn words(instance: &InstanceName, folders: &Folders, owner: &str) -> Vec<OsString> {
        vec![
            "service".into(),
            "--instance".into(),
            instance.as_str().into(),
            "--config-dir".into(),
            (&folders.config).into(),
            "--data-dir".into(),
            (&folders.data).into(),
            "--log-dir".into(),
            (&folders.log).into(),
            "--run-dir".into(),
            (&folders.run).into(),
            "--owner".into(),
            owner.into(),
        ]
    }

    fn launch(&self) -> Launch {
        Launch {
            instance: self.instance.clone(),
            folders: Folders {
                config: self.config_dir.clone(),
                data: self.data_dir.clone(),
                log: self.log_dir.clone(),
                run: self.run_dir.clone(),
            },
            config: None,
            headless: false,
            // A service has no desktop: `shopmaster-agent tray` shows the icon in the user's session.
            icon: None,
            owner: Some(self.owner.clone()),
        }
    }
}

/// The arguments for `service_main`, which cannot be passed to it: the service control manager calls it.
static ARGUMENTS: OnceLock<ServiceArgs> = OnceLock::new();

define_windows_service!(ffi_service_main, service_main);

/// Runs until the service control manager stops it.
///
/// # Errors
///
/// When the process was not started by the service control manager.
pub fn run(arguments: ServiceArgs) -> Result<(), windows_service::Error> {
    // It fails only if it is called twice.
    let _ = ARGUMENTS.set(arguments);
    // The name is ignored, because this process has only one service.
    service_dispatcher::start("", ffi_service_main)
}

fn service_main(_: Vec<OsString>) {
    let Some(arguments) = ARGUMENTS.get() else {
        return;
    };
    let ending = CancellationToken::new();
    let stop = ending.clone();
    let registered = service_control_handler::register("", move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            stop.cancel();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    });
    // Without a handle no state can be reported.
    let Ok(handle) = registered else { return };
    report(&handle, ServiceState::Running, ServiceExitCode::NO_ERROR);
    let result = work(arguments, &handle, ending);
    if let Err(message) = &result {
        tracing::error!(error = message, "the agent failed");
    }
    let code = result.map_or(FAILED, |()| ServiceExitCode::NO_ERROR);
    report(&handle, ServiceState::Stopped, code);
}

fn work(
    arguments: &ServiceArgs,
    handle: &ServiceStatusHandle,
    ending: CancellationToken,
) -> Result<(), String> {
    let runtime = Runtime::new().map_err(|error: io::Error| error.to_string())?;
    let end = async {
        ending.cancelled().await;
        report(handle, ServiceState::StopPending, ServiceExitCode::NO_ERROR);
    };
    let result = runtime.block_on(service::run(arguments.launch(), end));
    // If it were dropped, it would wait for blocking calls without limit.
    runtime.shutdown_timeout(BLOCKING_CALL_GRACE);
    result.map_err(|error| with_causes(&error))
}

fn report(handle: &ServiceStatusHandle, state: ServiceState, exit_code: ServiceExitCode) {
    let running = state == ServiceState::Running;
    let reported = handle.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if running {
            ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
        } else {
            ServiceControlAccept::empty()
        },
        exit_code,
        checkpoint: 0,
        wait_hint: if state == ServiceState::StopPending {
            STOP_WAIT_HINT
        } else {
            Duration::ZERO
        },
        process_id: None,
    });
    if let Err(error) = reported {
        tracing::warn!(
            error = with_causes(&error),
            "cannot report the state to the service control manager"
        );
    }
}
