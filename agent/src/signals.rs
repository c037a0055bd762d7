//! The signals that end the agent: the first one cleanly, the second one at once.
//!
//! Ctrl-C and SIGTERM end it. SIGHUP does not, whoever sends it: an agent that was started from a terminal
//! goes on when the terminal is closed.

use std::{io, process};

use super::logging;

/// What a process that was ended at once tells its caller.
const AT_ONCE: i32 = 1;

/// Both kinds, from here to the end of the process.
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
    /// Takes them from the operating system, which would end the process.
    ///
    /// # Errors
    ///
    /// When it gives none.
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

    /// Takes them from the operating system, which would end the process.
    ///
    /// # Errors
    ///
    /// When it gives none.
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

    /// Waits for the next one that asks to end.
    #[cfg(unix)]
    pub async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => tracing::info!("the terminal was closed; the agent goes on"),
            }
        }
    }

    /// Waits for the next one that asks to end.
    #[cfg(windows)]
    pub async fn end(&mut self) {
        let _ = self.interrupt.recv().await;
    }

    /// Ends the process at the next one, whatever is under way.
    pub fn end_at_once(mut self) {
        tokio::spawn(async move {
            self.end().await;
            tracing::warn!(
                "asked to end a second time: ending at once; what was under way is sent again at the next start"
            );
            logging::flush();
            process::exit(AT_ONCE);
        });
    }
}
