//! The signals that stop the agent: the first one cleanly, the second one at once.
//!
//! Ctrl-C and SIGTERM stop it. SIGHUP never does: an agent that was started from a terminal continues when the terminal
//! is closed.

use std::{io, process};

use super::logging;

/// The exit code of a process that was stopped at once.
const AT_ONCE: i32 = 1;

/// Receives the signals, until the end of the process.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Takes over the signals, which would otherwise end the process at once.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[cfg(unix)]
    pub fn take() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Takes over the signals, which would otherwise end the process at once.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[cfg(windows)]
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: tokio::signal::windows::ctrl_c()?,
        })
    }

    /// Waits for the next signal that stops the agent.
    #[cfg(unix)]
    pub async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => tracing::info!("the terminal was closed; the agent continues"),
            }
        }
    }

    /// Waits for the next signal that stops the agent.
    #[cfg(windows)]
    pub async fn end(&mut self) {
        let _ = self.interrupt.recv().await;
    }

    /// Ends the process at the next signal, without waiting for work in progress.
    pub fn end_at_once(mut self) {
        tokio::spawn(async move {
            self.end().await;
            tracing::warn!(
                "second request to stop: stopping at once; what was in progress will be sent again at the next start"
            );
            logging::flush();
            process::exit(AT_ONCE);
        });
    }
}
