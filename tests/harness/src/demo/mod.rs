//! A demo that needs no setup: a made-up shop, a till, a stand-in for Digible, and the agent itself, which the demo
//! controls over gRPC like any other client.

use std::{
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use clap::Parser;
use shopmaster_proto::{
    Client, ConnectError, Endpoint, EndpointError, Failure, Folders, InstanceName,
    v1::{
        CatalogSettings, ConfigureRequest, DigibleSettings, InstallCaptureRequest, RunKind,
        Secrets, Settings, StartRunRequest, SyncSettings, WatchRunRequest,
    },
};
use shopmaster_standins::{
    digible::{DigibleSim, SimOptions},
    duration::{self, DurationError},
    shop::{Shop, ShopError, Till},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use shopmaster_agent::{
    service::{self, Launch, RunError},
    tray,
};

mod balance;
mod watch;

/// Products in the shop at the start.
const PRODUCTS: usize = 5_000;
/// Average time from one change at the till to the next.
const TILL_PAUSE: Duration = Duration::from_millis(700);
/// How long to wait until the agent answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Keeps a stand-in for Digible in sync with a made-up shop, in a new folder
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo demo")]
pub struct DemoArgs {
    /// End automatically after this time, such as `20s`, and print how many products are up to date
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub exit_after: Option<Duration>,
    /// Run without a tray icon
    #[arg(long)]
    pub headless: bool,
}

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The demo's folder cannot be created.
    #[error("the demo's folder cannot be created")]
    Folder(#[source] io::Error),
    /// The stand-in for Digible cannot start.
    #[error("the stand-in for Digible cannot start")]
    Digible(#[source] io::Error),
    /// The shop failed.
    #[error(transparent)]
    Shop(#[from] ShopError),
    /// The agent's address cannot be determined.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The agent did not start, or stopped.
    #[error("the agent stopped")]
    Agent(#[source] RunError),
    /// The agent does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The agent refused something.
    #[error("the agent refused to {0}")]
    Refused(&'static str, #[source] Failure),
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// At the end the two sides differ.
    #[error("{0} products differ between the shop and the stand-in for Digible")]
    Unequal(usize),
}

/// Runs the demo until Ctrl-C, or for the time in `args`. `icon` gets the icon's setup once the agent listens. The
/// commands that it prints call `ctl`.
///
/// # Errors
///
/// When a part of it cannot start, or the two sides differ at the end.
pub async fn run(
    args: DemoArgs,
    ctl: &Path,
    icon: Option<oneshot::Sender<tray::Setup>>,
) -> Result<(), DemoError> {
    let folder = tempfile::Builder::new()
        .prefix("shopmaster-demo-")
        .tempdir()
        .map_err(DemoError::Folder)?;
    let shop_file = folder.path().join("shop.sqlite");
    let shop = Shop::create(&shop_file, PRODUCTS)?;
    let digible = DigibleSim::start(SimOptions::default())
        .await
        .map_err(DemoError::Digible)?;
    let instance = InstanceName::default();
    let folders = Folders::below(folder.path(), &instance);
    let endpoint = Endpoint::local(&instance, &folders)?;
    let (end, ended) = oneshot::channel::<()>();
    // Not the user's own credential store, where a real agent may keep its secrets.
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[secrets]\nstore = \"file\"\n").map_err(DemoError::Folder)?;
    let launch = Launch {
        instance,
        folders,
        config: Some(config),
        headless: false,
        icon,
        #[cfg(windows)]
        owner: None,
    };
    let mut agent = tokio::spawn(service::run(launch, async {
        // An error means that the sender was dropped: the demo is over as well.
        let _ = ended.await;
    }));
    let client = tokio::select! {
        client = connect(&endpoint) => client?,
        // It failed: nothing has asked it to stop yet.
        ended = &mut agent => return ended.unwrap_or(Ok(())).map_err(DemoError::Agent),
    };
    introduce(&args, ctl, &shop_file, &digible, &endpoint)?;
    let result = play(&args, client, &shop, &digible).await;
    let _ = end.send(());
    // It fails only if it panics, which is logged.
    if let Ok(Err(error)) = agent.await {
        return result.and(Err(DemoError::Agent(error)));
    }
    result
}

async fn play(
    args: &DemoArgs,
    mut client: Client,
    shop: &Shop,
    digible: &DigibleSim,
) -> Result<(), DemoError> {
    configure(&mut client, shop.path(), digible).await?;
    let install = client
        .config
        .install_capture(InstallCaptureRequest::default());
    let installed = install.await;
    installed.map_err(|status| DemoError::Refused("install capture", status.into()))?;
    say("capture installed in the shop's database")?;
    let watching = tokio::spawn(watch::report_runs(client.clone()));
    run_to_end(&mut client, RunKind::Upload).await?;
    let till = Till::open(shop.path(), fastrand::u64(..))?;
    let stopped = tokio::select! {
        result = trade(till) => result,
        () = until_the_end(args.exit_after) => Ok(()),
        result = watching => result.unwrap_or(Ok(())),
    };
    stopped?;
    say("the till is closed; one last sync")?;
    run_to_end(&mut client, RunKind::Sync).await?;
    balance::say(shop, digible)
}

async fn until_the_end(exit_after: Option<Duration>) {
    let time = async {
        match exit_after {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Client, DemoError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match Client::connect(endpoint).await {
            Ok(client) => return Ok(client),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn configure(
    client: &mut Client,
    shop: &Path,
    digible: &DigibleSim,
) -> Result<(), DemoError> {
    let account = digible.settings();
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let settings = Settings {
        catalog: Some(CatalogSettings {
            kind: "sqlite".to_owned(),
            path: shop.display().to_string(),
            table: "Products".to_owned(),
            ..CatalogSettings::default()
        }),
        digible: Some(DigibleSettings {
            base_url: digible.base_url(),
            email: account.email,
            ..DigibleSettings::default()
        }),
        sync: Some(SyncSettings {
            probe: seconds(1),
            ..SyncSettings::default()
        }),
        ..Settings::default()
    };
    let paths = [
        "catalog.kind",
        "catalog.path",
        "catalog.table",
        "digible.base_url",
        "digible.email",
        "sync.probe",
    ];
    let request = ConfigureRequest {
        settings: Some(settings),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.map(str::to_owned).to_vec(),
        }),
        secrets: Some(Secrets {
            digible_password: Some(account.password),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    };
    let configured = client.config.configure(request).await;
    configured.map_err(|status| DemoError::Refused("accept the configuration", status.into()))?;
    Ok(())
}

/// Starts a run and waits for its end.
async fn run_to_end(client: &mut Client, kind: RunKind) -> Result<(), DemoError> {
    let refused = |status| DemoError::Refused("start a run", Failure::from(status));
    let request = StartRunRequest {
        kind: kind.into(),
        from_start: false,
        confirmed: false,
    };
    let started = client.runs.start_run(request).await.map_err(refused)?;
    let id = started.into_inner().run.unwrap_or_default().id;
    let watched = client.runs.watch_run(WatchRunRequest { id }).await;
    let mut progress = watched.map_err(refused)?.into_inner();
    while progress.message().await.map_err(refused)?.is_some() {}
    Ok(())
}

/// Changes products now and then, without end.
async fn trade(mut till: Till) -> Result<(), DemoError> {
    loop {
        sleep(TILL_PAUSE.mul_f64(0.5 + fastrand::f64())).await;
        let step = till.step()?;
        say(&watch::till_line(&step))?;
    }
}

fn introduce(
    args: &DemoArgs,
    ctl: &Path,
    shop: &Path,
    digible: &DigibleSim,
    endpoint: &Endpoint,
) -> Result<(), DemoError> {
    let ctl = ctl.display();
    say(&format!(
        "a shop of {} in {}",
        shopmaster_view::products(PRODUCTS as u64),
        shop.display()
    ))?;
    say(&format!("a stand-in for Digible at {}", digible.base_url()))?;
    say("run in another terminal:")?;
    for command in [
        "status",
        "status --watch",
        "runs",
        "explain P0000001",
        "pause --for 10s",
    ] {
        say(&format!("    {ctl} --agent {endpoint} {command}"))?;
    }
    if args.exit_after.is_none() {
        say("press Ctrl-C to end the demo")?;
    }
    Ok(())
}

/// Prints a line, with the local time before it.
fn say(line: &str) -> Result<(), DemoError> {
    let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    writeln!(io::stdout(), "{time}  {line}").map_err(DemoError::Output)
}

fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    duration::parse(text)
}
