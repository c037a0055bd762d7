//! The console of the program that started this one. A Windows program either has a console of its own, which opens a
//! window at each login, or has none, and prints nothing in a terminal. shopMaster has none, and attaches to the
//! terminal's console if there is one.

/// Attaches to the console of the program that started this one, if it has one.
#[cfg(windows)]
pub fn attach() {
    use windows_sys::Win32::System::Console::{ATTACH_PARENT_PROCESS, AttachConsole};

    // SAFETY: it takes no pointer. It fails if there is no console, or if this process already has one.
    #[allow(unsafe_code)]
    let _attached = unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
}

/// Does nothing: elsewhere standard output and standard error always exist.
#[cfg(not(windows))]
pub fn attach() {}
