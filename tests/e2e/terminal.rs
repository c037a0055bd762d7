//! A person at a terminal: questions and answers through a pseudo-terminal, which util-linux's `script` makes.

use std::process::{ExitStatus, Stdio};

use shopmaster_harness::world::World;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::support::SECONDS;

/// A person at a terminal.
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// All that was shown, what was typed with it where it is.
    shown: String,
    /// So much of it was there at the last answer.
    answered: usize,
}

impl Terminal {
    pub fn open(world: &World, arguments: &str) -> Self {
        let ctl = world.ctl_command();
        let line = format!("{} {arguments}", ctl.get_program().to_string_lossy());
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .envs(
                ctl.get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        Self {
            keyboard: child.stdin.take().unwrap(),
            screen: child.stdout.take().unwrap(),
            child,
            shown: String::new(),
            answered: 0,
        }
    }

    /// Waits for a question, then answers it.
    pub async fn answer(&mut self, question: &str, answer: &str) {
        while !self.shown[self.answered..].contains(question) {
            let more = timeout(SECONDS, self.more()).await;
            let more = more.unwrap_or_else(|_| panic!("no `{question}` in `{}`", self.shown));
            assert!(more, "it ended before `{question}`: `{}`", self.shown);
        }
        self.answered = self.shown.len();
        let line = format!("{answer}\n");
        self.keyboard.write_all(line.as_bytes()).await.unwrap();
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // A pseudo-terminal whose other side is closed gives an error, not an end.
        let read = self.screen.read(&mut buffer).await.unwrap_or_default();
        self.shown
            .push_str(&String::from_utf8_lossy(&buffer[..read]));
        read > 0
    }

    /// Waits for its end; gives how it ended and all that it showed.
    pub async fn end(mut self) -> (ExitStatus, String) {
        loop {
            let more = timeout(SECONDS, self.more()).await;
            if !more.unwrap_or_else(|_| panic!("it does not end: `{}`", self.shown)) {
                break;
            }
        }
        drop(self.keyboard);
        let status = timeout(SECONDS, self.child.wait()).await.unwrap().unwrap();
        (status, self.shown)
    }
}
