//! An outlet for log records that never blocks the program.
//!
//! Standard error may be a pipe without a reader, and a disk may hang. So a caller only puts its record into a queue,
//! and the outlet's own thread writes it. When the queue is full, records are dropped and counted, and the number is
//! written as soon as there is room again.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Capacity of a queue in bytes: some ten thousand records.
const FULL: usize = 2 * 1024 * 1024;

/// Where records are written. Only the outlet's thread calls it.
pub(super) trait Out: Send + 'static {
    /// Writes a record, which ends with a line feed. `dropped` records before it were lost.
    fn write(&mut self, record: &[u8], dropped: u64);
}

/// A queue of records and the thread that writes them. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(super) struct Outlet {
    shared: Arc<Shared>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or everything was written.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<Vec<u8>>,
    /// The total length of the records.
    bytes: usize,
    /// Records dropped since the last one that was queued.
    dropped: u64,
    /// Whether the thread is writing records that it has taken.
    writes: bool,
    /// Whether there is no thread: then nothing is queued.
    closed: bool,
}

impl Outlet {
    /// Starts the thread. If the operating system refuses it, all records are lost.
    pub(super) fn start(name: &str, mut out: impl Out) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let started = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || own.write_to(&mut out));
        if started.is_err() {
            shared.lock().closed = true;
        }
        Self { shared }
    }

    /// Queues a record, or counts it as dropped.
    pub(super) fn push(&self, record: &[u8]) {
        let mut queue = self.shared.lock();
        if queue.closed || queue.bytes + record.len() > FULL {
            queue.dropped += 1;
            return;
        }
        queue.bytes += record.len();
        queue.records.push_back(record.to_owned());
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Waits until everything that was queued is written, but at most `timeout`.
    pub(super) fn flush(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut queue = self.shared.lock();
        while !queue.closed && (queue.writes || !queue.records.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    /// Writes records as long as the process lives.
    fn write_to(&self, out: &mut impl Out) {
        loop {
            let (records, mut dropped) = self.take();
            for record in records {
                // The dropped records came after these, but a number in the middle of them would not help.
                out.write(&record, mem::take(&mut dropped));
            }
            self.lock().writes = false;
            self.changed.notify_all();
        }
    }

    /// Waits for records, and takes all of them and the number of dropped ones.
    fn take(&self) -> (VecDeque<Vec<u8>>, u64) {
        let mut queue = self.lock();
        while queue.records.is_empty() {
            let woken = self.changed.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
        queue.writes = true;
        queue.bytes = 0;
        (mem::take(&mut queue.records), mem::take(&mut queue.dropped))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts records from `tracing`, which writes each record as a whole.
impl Write for Outlet {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.push(record);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error.
pub(super) struct StandardError;

impl Out for StandardError {
    fn write(&mut self, record: &[u8], dropped: u64) {
        let mut stderr = io::stderr();
        // Standard error may be closed.
        if dropped > 0 {
            let _ = stderr.write_all(missing(dropped).as_bytes());
        }
        let _ = stderr.write_all(record);
    }
}

/// The line that replaces missing records.
pub(super) fn missing(count: u64) -> String {
    format!("{count} log records are missing here\n")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes one record each time it may.
    struct Gate {
        open: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<String>>>,
    }

    impl Out for Gate {
        fn write(&mut self, record: &[u8], dropped: u64) {
            self.open.recv().unwrap();
            let mut written = self.written.lock().unwrap();
            if dropped > 0 {
                written.push(missing(dropped));
            }
            written.push(String::from_utf8_lossy(record).into_owned());
        }
    }

    #[test]
    fn who_logs_never_waits_and_what_is_lost_is_counted() {
        let (open, gate) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let outlet = Outlet::start(
            "gate",
            Gate {
                open: gate,
                written: Arc::clone(&written),
            },
        );
        outlet.push(b"first\n");
        // Until the thread hangs in it.
        while !outlet.shared.lock().writes {
            thread::yield_now();
        }
        let large = vec![b'x'; FULL];
        outlet.push(&large);
        outlet.push(b"lost\n");
        outlet.push(b"lost, too\n");
        outlet.flush(Duration::from_millis(1));
        assert!(
            written.lock().unwrap().is_empty(),
            "nothing could be written"
        );
        open.send(()).unwrap();
        open.send(()).unwrap();
        outlet.flush(Duration::from_secs(20));
        outlet.push(b"last\n");
        open.send(()).unwrap();
        outlet.flush(Duration::from_secs(20));
        let written = written.lock().unwrap();
        assert_eq!(written.len(), 4);
        assert_eq!(written[0], "first\n");
        assert_eq!(written[1], "2 log records are missing here\n");
        assert_eq!(written[3], "last\n");
    }
}
