//! Everything at once, with nothing to set up: a made-up shop, a till, a stand-in for Digible, and the
//! agent itself, driven over gRPC as any other client would.

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
    service::{self, Place, RunError},
    tray,
};

mod balance;
mod watch;

/// Products in the shop at the start.
const PRODUCTS: usize = 5_000;
/// From one change at the till to the next, on average.
const TILL_PAUSE: Duration = Duration::from_millis(700);
/// How long to wait for the agent to accept.
const START: Duration = Duration::from_secs(20);

/// Keeps a made-up shop and a stand-in for Digible in step, in a new folder
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo demo")]
pub struct DemoArgs {
    /// End automatically after this time, such as `20s`, and say how many products are up to date
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub exit_after: Option<Duration>,
    /// Run without a tray icon
    #[arg(long)]
    pub headless: bool,
}

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No fresh folder.
    #[error("a fresh folder for the demo cannot be made")]
    Folder(#[source] io::Error),
    /// The stand-in for Digible.
    #[error("the stand-in for Digible cannot start")]
    Digible(#[source] io::Error),
    /// The shop.
    #[error(transparent)]
    Shop(#[from] ShopError),
    /// Where the agent listens.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The agent did not start or did not go on.
    #[error("the agent ended")]
    Agent(#[source] RunError),
    /// The agent does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The agent refused something.
    #[error("the agent refused to {0}")]
    Refused(&'static str, #[source] Failure),
    /// Standard output is closed.
    #[error("nobody reads the demo")]
    Output(#[source] io::Error),
    /// At the end the two sides differ.
    #[error("{0} products differ between the shop and the stand-in for Digible")]
    Unequal(usize),
}

/// Runs the demo until Ctrl-C, or for the time that was asked for; `icon` is told where its agent listens. The
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
    let place = Place {
        instance,
        folders,
        config: Some(config),
        headless: false,
        icon,
        #[cfg(windows)]
        owner: None,
    };
    let mut agent = tokio::spawn(service::run_at(place, async {
        // Dropped or used, it means the same.
        let _ = ended.await;
    }));
    let client = tokio::select! {
        client = connect(&endpoint) => client?,
        // It failed: nobody has asked it to end yet.
        ended = &mut agent => return ended.unwrap_or(Ok(())).map_err(DemoError::Agent),
    };
    introduce(&args, ctl, &shop_file, &digible, &endpoint)?;
    let result = play(&args, client, &shop, &digible).await;
    let _ = end.send(());
    // It fails only by a panic, which is logged.
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
    say("the till is closed, one last sync")?;
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
    let deadline = Instant::now() + START;
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
        start_journal_over: false,
    };
    let configured = client.config.configure(request).await;
    configured.map_err(|status| DemoError::Refused("take its configuration", status.into()))?;
    Ok(())
}

/// Starts a run and waits for its end.
async fn run_to_end(client: &mut Client, kind: RunKind) -> Result<(), DemoError> {
    let refused = |status| DemoError::Refused("run", Failure::from(status));
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

/// Changes products now and then, for ever.
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
        "a shop of {PRODUCTS} products in {}",
        shop.display()
    ))?;
    say(&format!("a stand-in for Digible at {}", digible.base_url()))?;
    say("try in another terminal:")?;
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
        say("Ctrl-C ends the demo")?;
    }
    Ok(())
}

/// One line with the local time before it.
fn say(line: &str) -> Result<(), DemoError> {
    let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    writeln!(io::stdout(), "{time}  {line}").map_err(DemoError::Output)
}

fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    duration::parse(text)
}
