//! A VFS that does what SQLite's default one does, and notes it.
//!
//! It is the default VFS of the test process: the journal opens its file by path, without naming one.
//! Files outside a watched folder are passed on without a note.
//!
//! What SQLite demands of a VFS, and why each `unsafe` here is sound:
//!
//! - The `sqlite3_vfs` must live as long as the process: it is leaked, and never changed once it is
//!   registered. It points to the default VFS, which SQLite never frees.
//! - SQLite calls the methods with what its documentation says: our own `sqlite3_vfs`, and files that
//!   `open` was asked to open and `close` was not yet.
//! - Strings that come in end with a zero byte and live as long as the call.

#![allow(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{
    ffi::{CStr, c_char, c_int},
    path::Path,
    ptr,
    sync::{Arc, Once},
};

use rusqlite::ffi;

use crate::log::{Event, Log};

mod file;

/// Makes it the default VFS, once for the process. To be called before the first database is opened.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: A null name asks for the default VFS. It is never freed, and its fields do not change.
        let real = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!real.is_null(), "SQLite has no default VFS");
        // SAFETY: It is not null.
        let (file_size, longest_path) = unsafe { ((*real).szOsFile, (*real).mxPathname) };
        let ours = ffi::sqlite3_vfs {
            // The third version adds system calls, which only SQLite's own tests ask for.
            iVersion: 2,
            szOsFile: file::SIZE + file_size,
            mxPathname: longest_path,
            pNext: ptr::null_mut(),
            zName: c"powercut".as_ptr(),
            pAppData: real.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(get_last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        // SAFETY: What SQLite keeps is leaked, so it is never freed and nobody else changes it.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1) };
        assert_eq!(registered, ffi::SQLITE_OK);
    });
}

/// The VFS that does the work.
///
/// # Safety
///
/// `vfs` is the one that [`install`] registered.
unsafe fn real(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: `install` put it there.
    unsafe { (*vfs).pAppData.cast() }
}

/// # Safety
///
/// `name` is null, or a string that ends with a zero byte and outlives the call.
unsafe fn watched(name: *const c_char) -> Option<(Arc<Log>, String)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: The caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    Log::of(Path::new(name.to_str().ok()?))
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls it with our VFS, room for `szOsFile` bytes and a name as promised above. The
    // real VFS gets the room behind our own part, which is as large as it asked for.
    unsafe {
        let vfs = real(vfs);
        file::open(file, flags, watched(name), |behind| match (*vfs).xOpen {
            Some(open) => open(vfs, name, behind, flags, out_flags),
            None => ffi::SQLITE_CANTOPEN,
        })
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: As for `open`.
    let (code, watched) = unsafe {
        let vfs = real(vfs);
        let Some(delete) = (*vfs).xDelete else {
            return ffi::SQLITE_IOERR_DELETE;
        };
        // The folder is not really synced: what survives is for the log to say.
        (delete(vfs, name, 0), watched(name))
    };
    if code == ffi::SQLITE_OK
        && let Some((log, name)) = watched
    {
        log.delete(name);
        if sync_folder != 0 {
            log.push(Event::SyncFolder);
        }
    }
    code
}

/// Methods that only pass on: their name, the field that holds them, and what they are called with.
macro_rules! pass_on {
    ($($name:ident = $field:ident($($argument:ident: $kind:ty),*);)*) => { $(
        unsafe extern "C" fn $name(vfs: *mut ffi::sqlite3_vfs, $($argument: $kind),*) -> c_int {
            // SAFETY: SQLite calls it with our VFS; the rest is the real one's to judge.
            unsafe {
                let vfs = real(vfs);
                match (*vfs).$field {
                    Some(method) => method(vfs, $($argument),*),
                    None => ffi::SQLITE_ERROR,
                }
            }
        }
    )* };
}

pass_on! {
    access = xAccess(name: *const c_char, flags: c_int, result: *mut c_int);
    full_pathname = xFullPathname(name: *const c_char, room: c_int, result: *mut c_char);
    randomness = xRandomness(room: c_int, result: *mut c_char);
    sleep = xSleep(microseconds: c_int);
    current_time = xCurrentTime(result: *mut f64);
    get_last_error = xGetLastError(room: c_int, result: *mut c_char);
    current_time_int64 = xCurrentTimeInt64(result: *mut ffi::sqlite3_int64);
}
