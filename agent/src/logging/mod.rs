//! Logging: to a capped file, to standard error, and to whoever tails it. It never makes the program wait.

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

/// The usual variable of Rust programs: it wins over the configured level.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How long what was logged last may hold up the end: a pipe that nobody reads never takes it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The running log.
#[derive(Debug, Clone)]
pub struct Logging {
    tail: LogTail,
    filter: reload::Handle<EnvFilter, Registry>,
    /// The level was set by the environment.
    fixed: bool,
    file: Outlet,
}

/// Starts logging for the whole process: to `agent.log` in `folder`, and to standard error when that is
/// a terminal or the agent is `headless`. Panics are logged too.
///
/// A file that cannot be written is no error: lines are then missing from it, and it says how many.
///
/// # Errors
///
/// When the process logs already.
pub fn start(folder: &Path, level: LogLevel, headless: bool) -> Result<Logging, TryInitError> {
    let wish = env::var(FILTER_VARIABLE).unwrap_or_default();
    let to_stderr = headless || io::stderr().is_terminal();
    let (subscriber, logging) = build(folder, level, &wish, to_stderr);
    subscriber.try_init()?;
    // It is the first: a process logs once.
    let _ = RUNNING.set(logging.clone());
    // Instead of the standard one, which writes to standard error and may wait there.
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

/// Logs to standard error alone: for what runs beside an agent, whose file is not ours to write.
pub fn to_stderr() {
    let wished = EnvFilter::try_from_env(FILTER_VARIABLE);
    let subscriber = Registry::default()
        .with(wished.unwrap_or_else(|_| filter(LogLevel::Info)))
        .with(lines(stderr));
    // It fails only when the process logs already.
    let _started = subscriber.try_init();
}

/// A log that no process writes to.
#[cfg(test)]
pub(crate) fn for_tests(folder: &Path, level: LogLevel) -> Logging {
    build(folder, level, "", false).1
}

/// Says something on standard error before the process ends, but does not wait there for long.
pub fn last_words(text: &str) {
    let text = format!("{text}\n");
    let (written, done) = mpsc::channel();
    let said = thread::Builder::new().spawn(move || {
        if let Some(queued) = STDERR.get() {
            queued.flush(LAST_WORDS);
        }
        // It may be closed, and then nobody reads it.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = written.send(());
    });
    if said.is_ok() {
        let _ = done.recv_timeout(LAST_WORDS * 2);
    }
}

/// Waits until everything that was logged is written, but not for long.
pub fn flush() {
    if let Some(logging) = RUNNING.get() {
        logging.flush();
    }
}

/// The log of this process.
static RUNNING: OnceLock<Logging> = OnceLock::new();
static STDERR: OnceLock<Outlet> = OnceLock::new();

/// The one way to standard error.
fn stderr() -> Outlet {
    STDERR
        .get_or_init(|| Outlet::start("stderr", StandardError))
        .clone()
}

impl Logging {
    /// The last lines, and those to come.
    #[must_use]
    pub fn tail(&self) -> &LogTail {
        &self.tail
    }

    fn flush(&self) {
        self.file.flush(LAST_WORDS);
        if let Some(stderr) = STDERR.get() {
            stderr.flush(LAST_WORDS);
        }
    }

    /// Takes another level into use, unless `RUST_LOG` has set one.
    pub fn set_level(&self, level: LogLevel) {
        if self.fixed {
            return;
        }
        // It fails only when the subscriber is gone, and then nothing is logged.
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
    let subscriber = Registry::default()
        .with(filter)
        .with(lines(move || sink.clone()))
        .with(to_stderr.then(|| lines(stderr)));
    let logging = Logging {
        tail,
        filter: handle,
        fixed,
        file,
    };
    (subscriber, logging)
}

/// Our own records from `level` on. Of libraries no more than warnings: at finer levels some of them
/// show headers and bodies, and with them secrets. Of tiberius' connection only errors: the encryption
/// is our own, beneath it, so that at each connection it would warn of a login in clear that is none.
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

/// One line for each record, without colours.
fn lines<S, W, M>(writer: M) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
    M: Fn() -> W + Send + Sync + 'static,
{
    fmt::layer()
        .with_ansi(false)
        .with_timer(LocalTime)
        // It would tell standard error of every line that could not be written, and panic if it cannot.
        .log_internal_errors(false)
        .with_writer(writer)
}

/// The file and the tail. It never fails.
#[derive(Clone)]
struct Sink {
    file: Outlet,
    tail: LogTail,
}

impl Write for Sink {
    /// Called once for each record, with the whole of it.
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
