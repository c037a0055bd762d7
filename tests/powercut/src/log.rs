//! What was done to the files of one folder, in one order.

use std::{
    collections::BTreeMap,
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Which content: a name that is deleted and created again has another one.
pub type Inode = usize;

/// One change that reached the operating system, or one wish that it reach the disk.
#[derive(Debug, Clone)]
pub enum Event {
    /// A name got a new, empty content.
    Create { name: String, inode: Inode },
    /// A name is gone. Its content is found no more.
    Delete { name: String },
    /// Names are durable as they are.
    SyncFolder,
    /// Bytes were written.
    Write {
        inode: Inode,
        offset: usize,
        bytes: Box<[u8]>,
    },
    /// The content got this length.
    Truncate { inode: Inode, length: usize },
    /// The content is durable as it is.
    Sync { inode: Inode },
}

/// The events of one folder, while it is watched.
#[derive(Debug)]
pub struct Log(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    events: Vec<Event>,
    names: BTreeMap<String, Inode>,
    next: Inode,
}

/// Ends the watch of its folder when it is dropped.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    pub log: Arc<Log>,
}

/// The folders that are watched. The VFS is one for the process, and tests run side by side.
static WATCHED: Mutex<BTreeMap<PathBuf, Arc<Log>>> = Mutex::new(BTreeMap::new());

impl Watch {
    /// Watches `folder`, which holds these names: theirs are the first inodes, in this order.
    pub fn new<'a>(folder: &Path, names: impl Iterator<Item = &'a String>) -> Self {
        // SQLite gives the VFS paths without links.
        let folder = folder.canonicalize().unwrap();
        let names: BTreeMap<_, _> = names.cloned().zip(0..).collect();
        let log = Arc::new(Log(Mutex::new(Notes {
            events: Vec::new(),
            next: names.len(),
            names,
        })));
        locked(&WATCHED).insert(folder.clone(), Arc::clone(&log));
        Self { folder, log }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        locked(&WATCHED).remove(&self.folder);
    }
}

impl Log {
    /// The log of the folder of `path` and the file's name there; none when nobody watches it.
    pub fn of(path: &Path) -> Option<(Arc<Self>, String)> {
        let log = locked(&WATCHED).get(path.parent()?).cloned()?;
        Some((log, path.file_name()?.to_str()?.to_owned()))
    }

    /// Notes that `name` is open, and tells its content.
    pub fn open(&self, name: String) -> Inode {
        let mut notes = locked(&self.0);
        if let Some(inode) = notes.names.get(&name) {
            return *inode;
        }
        let inode = notes.next;
        notes.next += 1;
        notes.names.insert(name.clone(), inode);
        notes.events.push(Event::Create { name, inode });
        inode
    }

    /// Notes that `name` was deleted.
    pub fn delete(&self, name: String) {
        let mut notes = locked(&self.0);
        notes.names.remove(&name);
        notes.events.push(Event::Delete { name });
    }

    pub fn push(&self, event: Event) {
        locked(&self.0).events.push(event);
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        locked(&self.0).events.len()
    }

    /// Takes the events out.
    pub fn take(&self) -> Vec<Event> {
        mem::take(&mut locked(&self.0).events)
    }
}

/// Nothing panics while it holds one of these locks, and the VFS could not pass a panic on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
