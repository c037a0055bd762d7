//! The last log lines, and a feed of new ones.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;

/// How many lines are remembered.
const REMEMBERED: usize = 1_000;
/// How many lines a slow reader may fall behind before it misses some.
const BACKLOG: usize = 1_024;
/// The longest line, in bytes; only the file has the rest of it.
const LONGEST: usize = 8 * 1024;

/// The last 1,000 lines and a feed of new ones. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct LogTail {
    shared: Arc<Shared>,
}

struct Shared {
    /// The last lines. A line is sent to the feed while this is locked, so both have the same order.
    recent: Mutex<VecDeque<Arc<str>>>,
    live: broadcast::Sender<Arc<str>>,
}

impl LogTail {
    /// The last lines, oldest first, at most `count` and at most 1,000.
    #[must_use]
    pub fn recent(&self, count: usize) -> Vec<String> {
        copy(&self.lines(), count)
    }

    /// All remembered lines, oldest first, and the feed of exactly those that follow them.
    ///
    /// A receiver that falls more than 1,024 lines behind learns how many it missed.
    #[must_use]
    pub fn subscribe(&self) -> (Vec<String>, broadcast::Receiver<Arc<str>>) {
        let lines = self.lines();
        (copy(&lines, REMEMBERED), self.shared.live.subscribe())
    }

    /// Adds a record of one line or more.
    pub(super) fn push(&self, record: &str) {
        let mut recent = self.lines();
        for line in record.lines() {
            let line: Arc<str> = shortened(line).into();
            if recent.len() == REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(Arc::clone(&line));
            // Not an error: it only means that no client follows the log.
            let _ = self.shared.live.send(line);
        }
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<Arc<str>>> {
        let recent = &self.shared.recent;
        recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(lines: &VecDeque<Arc<str>>, count: usize) -> Vec<String> {
    let skipped = lines.len().saturating_sub(count);
    lines.range(skipped..).map(|line| (**line).into()).collect()
}

fn shortened(line: &str) -> &str {
    let mut end = LONGEST.min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

impl Default for LogTail {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                recent: Mutex::default(),
                live: broadcast::Sender::new(BACKLOG),
            }),
        }
    }
}

impl fmt::Debug for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogTail").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn the_last_thousand_lines_are_remembered() {
        let tail = LogTail::default();
        for number in 0..1_500 {
            tail.push(&format!("{number}\n"));
        }
        assert_eq!(tail.recent(2), ["1498", "1499"]);
        assert_eq!(tail.recent(0), [""; 0]);
        let all = tail.recent(usize::MAX);
        assert_eq!((all.len(), all[0].as_str()), (1_000, "500"));
    }

    #[test]
    fn a_record_of_two_lines_is_two_lines() {
        let tail = LogTail::default();
        tail.push("one\ntwo\n");
        assert_eq!(tail.recent(9), ["one", "two"]);
    }

    #[test]
    fn an_endless_line_is_cut_between_characters() {
        let tail = LogTail::default();
        tail.push(&format!("x{}", "ü".repeat(LONGEST)));
        assert_eq!(tail.recent(1)[0].len(), LONGEST - 1);
    }

    /// Again and again: what it looks for is a matter of a moment.
    #[test]
    fn nothing_is_missing_or_double_between_the_past_and_the_feed() {
        (0..20).for_each(|_| read_while_another_thread_writes());
    }

    fn read_while_another_thread_writes() {
        let tail = LogTail::default();
        let writer = tail.clone();
        let (begun, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            for number in 0..REMEMBERED {
                writer.push(&number.to_string());
                if number == 1 {
                    begun.send(()).unwrap();
                }
            }
        });
        wait.recv().unwrap();
        // While the other thread writes.
        let mut readers: Vec<_> = (0..50).map(|_| tail.subscribe()).collect();
        thread.join().unwrap();
        readers.push(tail.subscribe());
        let expected = tail.recent(REMEMBERED);
        assert_eq!(expected.len(), REMEMBERED);
        for (mut seen, mut feed) in readers {
            while let Ok(line) = feed.try_recv() {
                seen.push(line.to_string());
            }
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed() {
        let tail = LogTail::default();
        let (_, mut feed) = tail.subscribe();
        for number in 0..BACKLOG + 7 {
            tail.push(&number.to_string());
        }
        assert_eq!(
            feed.try_recv(),
            Err(broadcast::error::TryRecvError::Lagged(7))
        );
        assert_eq!(&*feed.try_recv().unwrap(), "7");
    }
}
