//! An open file: our own part, and behind it the real file's, in one piece of SQLite's memory.
//!
//! SQLite owns the memory. Between `open` and `close` our part is an initialised [`Logged`], and the
//! part behind it is what the real VFS made of it. SQLite uses a file from one thread at a time.

use std::{
    ffi::{c_int, c_void},
    ptr, slice,
    sync::Arc,
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64};

use crate::log::{Event, Inode, Log};

/// Our own part. The first field is what SQLite knows of it.
#[repr(C)]
struct Logged {
    base: sqlite3_file,
    notes: Option<Notes>,
}

/// Where a watched file's events are noted.
struct Notes {
    log: Arc<Log>,
    inode: Inode,
    /// The next sync also makes the folder's names durable.
    syncs_folder: bool,
}

/// How much room our own part needs. The real file lies behind it, aligned as SQLite's memory is.
pub(super) const SIZE: c_int = size_of::<Logged>() as c_int;
const _: () = assert!(size_of::<Logged>().is_multiple_of(8) && align_of::<Logged>() <= 8);

/// The second version has shared memory. The third would have memory-mapped reads, off by default.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    // Its file is SQLite's index of the WAL: made anew after a power cut, so not noted.
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Opens the real file by `open` and, when that works, makes `file` one of ours.
///
/// # Safety
///
/// `file` has room for [`SIZE`] bytes and as many as the real VFS needs, and nothing of worth in it;
/// `open` opens what it is given.
pub(super) unsafe fn open(
    file: *mut sqlite3_file,
    flags: c_int,
    watched: Option<(Arc<Log>, String)>,
    open: impl FnOnce(*mut sqlite3_file) -> c_int,
) -> c_int {
    // SAFETY: The caller's promise. SQLite calls no method, `close` neither, while `pMethods` is null.
    unsafe {
        (*file).pMethods = ptr::null();
        let behind = real(file);
        (*behind).pMethods = ptr::null();
        let code = open(behind);
        if code != ffi::SQLITE_OK {
            // A VFS may leave a file to be closed although it failed; ours does not.
            if let Some(close) = (*behind)
                .pMethods
                .as_ref()
                .and_then(|methods| methods.xClose)
            {
                close(behind);
            }
            return code;
        }
        let notes = watched.map(|(log, name)| Notes {
            inode: log.open(name),
            log,
            syncs_folder: syncs_folder(flags),
        });
        file.cast::<Logged>().write(Logged {
            base: sqlite3_file { pMethods: &METHODS },
            notes,
        });
    }
    ffi::SQLITE_OK
}

/// As SQLite's VFS for Unix has it (`UNIXFILE_DIRSYNC`): the first sync of a journal or a WAL that was
/// opened to be created syncs its folder, too.
fn syncs_folder(flags: c_int) -> bool {
    let kinds =
        ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
    flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & kinds != 0
}

/// The real file behind ours.
///
/// # Safety
///
/// `file` is one that SQLite asked our VFS to open.
unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: SQLite made room for both parts.
    unsafe { file.byte_add(size_of::<Logged>()) }
}

/// Where to note what happens to `file`.
///
/// # Safety
///
/// `file` is open, and SQLite uses it in no other thread.
unsafe fn notes<'a>(file: *mut sqlite3_file) -> Option<&'a mut Notes> {
    // SAFETY: `open` wrote it, and nobody else has it now.
    unsafe { (*file.cast::<Logged>()).notes.as_mut() }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: `open` wrote our part, and SQLite calls nothing else for this file afterwards.
    unsafe {
        let code = close_real(file);
        file.cast::<Logged>().drop_in_place();
        code
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: The file is open, and SQLite gives `length` bytes at `data`.
    unsafe {
        let code = write_real(file, data, length, offset);
        if code == ffi::SQLITE_OK
            && let Some(notes) = notes(file)
        {
            notes.log.push(Event::Write {
                inode: notes.inode,
                offset: offset as usize,
                bytes: slice::from_raw_parts(data.cast(), length as usize).into(),
            });
        }
        code
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: sqlite3_int64) -> c_int {
    // SAFETY: The file is open.
    unsafe {
        let code = truncate_real(file, length);
        if code == ffi::SQLITE_OK
            && let Some(notes) = notes(file)
        {
            notes.log.push(Event::Truncate {
                inode: notes.inode,
                length: length as usize,
            });
        }
        code
    }
}

/// A watched file is not really synced: that would cost time, and what survives is for the log to say.
unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: The file is open.
    unsafe {
        let Some(notes) = notes(file) else {
            return sync_real(file, flags);
        };
        notes.log.push(Event::Sync { inode: notes.inode });
        if std::mem::take(&mut notes.syncs_folder) {
            notes.log.push(Event::SyncFolder);
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: As in `pass_on`.
    unsafe {
        let file = real(file);
        if let Some(barrier) = (*(*file).pMethods).xShmBarrier {
            barrier(file);
        }
    }
}

/// Methods that only pass on: their name, the field that holds them, and what they are called with.
macro_rules! pass_on {
    ($($name:ident = $field:ident($($argument:ident: $kind:ty),*);)*) => { $(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: The file is open, so the real one behind it is, and has methods; the rest is its
            // own to judge.
            unsafe {
                let file = real(file);
                match (*(*file).pMethods).$field {
                    Some(method) => method(file, $($argument),*),
                    None => ffi::SQLITE_IOERR,
                }
            }
        }
    )* };
}

pass_on! {
    close_real = xClose();
    read = xRead(room: *mut c_void, length: c_int, offset: sqlite3_int64);
    write_real = xWrite(data: *const c_void, length: c_int, offset: sqlite3_int64);
    truncate_real = xTruncate(length: sqlite3_int64);
    sync_real = xSync(flags: c_int);
    file_size = xFileSize(result: *mut sqlite3_int64);
    lock = xLock(kind: c_int);
    unlock = xUnlock(kind: c_int);
    check_reserved_lock = xCheckReservedLock(result: *mut c_int);
    file_control = xFileControl(operation: c_int, argument: *mut c_void);
    sector_size = xSectorSize();
    device_characteristics = xDeviceCharacteristics();
    shm_map = xShmMap(region: c_int, size: c_int, extend: c_int, result: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}
