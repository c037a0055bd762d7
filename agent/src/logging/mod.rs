//! Logging: to files of limited size, to standard error, and to clients that follow the log. It never blocks the
//! program.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    io::{self, IsTerminal as _, Write},
    panic,
    path::Path,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

use super::config::LogLevel;

mod clock;
mod outlet;
mod rolling;
mod tail;

use clock::LocalTime;
use outlet::{Outlet, StandardError};
use rolling::RollingFile;
pub use tail::LogTail;

/// The newest log file's name; older ones are `agent.log.1` and so on.
pub const FILE_NAME: &str = "agent.log";

/// The usual variable of Rust programs, which overrides the configured level.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How long the last records may delay the end of the process: a pipe without a reader never accepts them.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The running log.
#[derive(Debug, Clone)]
pub struct Logging {
    tail: LogTail,
    filter: reload::Handle<EnvFilter, Registry>,
    /// Whether the environment has set the level.
    fixed: bool,
    file: Outlet,
}

/// Starts logging for the whole process: to `agent.log` in `folder`, and to standard error if that is a terminal or
/// the agent is `headless`. Panics are logged, too.
///
/// A file that cannot be written is not an error: lines are then missing from it, and it says how many.
///
/// # Errors
///
/// When the process already logs.
pub fn start(folder: &Path, level: LogLevel, headless: bool) -> Result<Logging, TryInitError> {
    let wish = env::var(FILTER_VARIABLE).unwrap_or_default();
    let to_stderr = headless || io::stderr().is_terminal();
    let (subscriber, logging) = build(folder, level, &wish, to_stderr);
    subscriber.try_init()?;
    // It cannot be set already: a process starts logging once.
    let _ = RUNNING.set(logging.clone());
    // Replaces the standard hook, which writes to standard error and may block there.
    panic::set_hook(Box::new(move |info| {
        let backtrace = Backtrace::capture();
        let info = match backtrace.status() {
            BacktraceStatus::Captured => format!("{info}\n{backtrace}"),
            _ => info.to_string(),
        };
        tracing::error!(info, "panic");
        if !to_stderr {
            stderr().push(format!("{info}\n").as_bytes());
        }
    }));
    Ok(logging)
}

/// Logs to standard error only: for a program that runs besides the agent and must not write to the agent's file.
pub fn to_stderr() {
    let wished = EnvFilter::try_from_env(FILTER_VARIABLE);
    let subscriber = Registry::default()
        .with(wished.unwrap_or_else(|_| filter(LogLevel::Info)))
        .with(lines(stderr));
    // It fails only if the process already logs.
    let _started = subscriber.try_init();
}

/// A log that is not the process's own.
#[cfg(test)]
pub(crate) fn for_tests(folder: &Path, level: LogLevel) -> Logging {
    build(folder, level, "", false).1
}

/// Prints a message to standard error before the process ends. Waits only a short time for it.
pub fn final_message(text: &str) {
    let text = format!("{text}\n");
    let (written, done) = mpsc::channel();
    let said = thread::Builder::new().spawn(move || {
        if let Some(queued) = STDERR.get() {
            queued.flush(FLUSH_TIMEOUT);
        }
        // Standard error may be closed.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = written.send(());
    });
    if said.is_ok() {
        let _ = done.recv_timeout(FLUSH_TIMEOUT * 2);
    }
}

/// Waits a short time until everything that was logged is written.
pub fn flush() {
    if let Some(logging) = RUNNING.get() {
        logging.flush();
    }
}

/// The log of this process.
static RUNNING: OnceLock<Logging> = OnceLock::new();
static STDERR: OnceLock<Outlet> = OnceLock::new();

/// The only writer to standard error.
fn stderr() -> Outlet {
    STDERR
        .get_or_init(|| Outlet::start("stderr", StandardError))
        .clone()
}

impl Logging {
    /// The last lines, and a feed of new ones.
    #[must_use]
    pub fn tail(&self) -> &LogTail {
        &self.tail
    }

    fn flush(&self) {
        self.file.flush(FLUSH_TIMEOUT);
        if let Some(stderr) = STDERR.get() {
            stderr.flush(FLUSH_TIMEOUT);
        }
    }

    /// Changes the level, unless `RUST_LOG` has set one.
    pub fn set_level(&self, level: LogLevel) {
        if self.fixed {
            return;
        }
        // It fails only if the subscriber is gone; then nothing is logged any more.
        let _ = self.filter.reload(filter(level));
    }
}

fn build(
    folder: &Path,
    level: LogLevel,
    wish: &str,
    to_stderr: bool,
) -> (impl Subscriber + Send + Sync, Logging) {
    let wished = Some(wish)
        .filter(|wish| !wish.is_empty())
        .and_then(|wish| EnvFilter::try_new(wish).ok());
    let fixed = wished.is_some();
    let (filter, handle) = reload::Layer::new(wished.unwrap_or_else(|| filter(level)));
    let tail = LogTail::default();
    let file = Outlet::start("log", RollingFile::new(folder.join(FILE_NAME)));
    let sink = Sink {
        file: file.clone(),
        tail: tail.clone(),
    };
    let written = lines(move || sink.clone()).and_then(to_stderr.then(|| lines(stderr)));
    let subscriber = Registry::default().with(written.with_filter(filter));
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(crate::otlp::export().map(crate::otlp::Export::layer));
    let logging = Logging {
        tail,
        filter: handle,
        fixed,
        file,
    };
    (subscriber, logging)
}

/// shopMaster's own records from `level` on. Of libraries only warnings and errors: at finer levels some of them log
/// headers and bodies, and with them secrets. Of tiberius' connection only errors: `tds-connect` encrypts below it, so
/// it would wrongly warn at each connection that the login is not encrypted.
fn filter(level: LogLevel) -> EnvFilter {
    let libraries = match level {
        LogLevel::Error => "error",
        _ => "warn",
    };
    EnvFilter::new(format!(
        "{libraries},tiberius::client::connection=error,shopmaster={}",
        level.as_str()
    ))
}

/// One line for each record, without colors.
fn lines<S, W, M>(writer: M) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
    M: Fn() -> W + Send + Sync + 'static,
{
    fmt::layer()
        .with_ansi(false)
        .with_timer(LocalTime)
        // Otherwise it would report every line that could not be written to standard error, and panic if that fails.
        .log_internal_errors(false)
        .with_writer(writer)
}

/// Writes to the file and the tail. It never fails.
#[derive(Clone)]
struct Sink {
    file: Outlet,
    tail: LogTail,
}

impl Write for Sink {
    /// Called once for each record, with the whole record.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.tail.push(&String::from_utf8_lossy(record));
        self.file.push(record);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tracing::subscriber::with_default;

    use super::*;

    fn logged(level: LogLevel, wish: &str, work: impl FnOnce(&Logging)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let (subscriber, logging) = build(folder.path(), level, wish, false);
        with_default(subscriber, || work(&logging));
        logging.flush();
        let text = fs::read_to_string(folder.path().join(FILE_NAME)).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!(logging.tail().recent(1000), lines);
        lines
    }

    #[test]
    fn a_record_is_one_line_with_its_fields() {
        let lines = logged(LogLevel::Info, "", |_| tracing::info!(sent = 3, "synced"));
        assert_eq!(lines.len(), 1);
        let (time, rest) = lines[0].split_once(' ').unwrap();
        time.parse::<jiff::Timestamp>().unwrap();
        assert_eq!(
            rest.trim_start(),
            "INFO shopmaster_agent::logging::tests: synced sent=3"
        );
    }

    #[test]
    fn the_level_changes_while_it_runs() {
        let lines = logged(LogLevel::Warn, "", |logging| {
            tracing::info!("first");
            logging.set_level(LogLevel::Debug);
            tracing::debug!("second");
            tracing::trace!("third");
            logging.set_level(LogLevel::Error);
            tracing::warn!("fourth");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("second"));
    }

    #[test]
    fn libraries_stay_quiet_at_every_level() {
        let lines = logged(LogLevel::Trace, "", |_| {
            tracing::info!(target: "hyper::client", "a header");
            tracing::warn!(target: "hyper::client", "a warning");
            tracing::warn!(target: "tiberius::client::connection", "TLS encryption is not enabled");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("a warning"));
    }

    #[test]
    fn the_environment_wins_over_the_level() {
        let lines = logged(LogLevel::Info, "hyper=info", |logging| {
            logging.set_level(LogLevel::Trace);
            tracing::error!("ours");
            tracing::info!(target: "hyper::client", "theirs");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("theirs"));
    }

    #[test]
    fn a_folder_that_is_not_there_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (subscriber, logging) =
            build(&folder.path().join("missing"), LogLevel::Info, "", false);
        with_default(subscriber, || tracing::info!("still here"));
        assert_eq!(logging.tail().recent(9).len(), 1);
    }
}
