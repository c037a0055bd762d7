//! The console of whoever started us. A Windows program is either one with a console, which opens a window
//! at each login, or one without, which says nothing in a terminal: ours is the second kind and takes the
//! terminal's console when there is one.

/// Writes to the console of the program that started this one, when it has one.
#[cfg(windows)]
pub fn attach() {
    use windows_sys::Win32::System::Console::{ATTACH_PARENT_PROCESS, AttachConsole};

    // SAFETY: it takes no pointer. It fails when there is no console, or we have one already.
    #[allow(unsafe_code)]
    let _attached = unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
}

/// Elsewhere standard output and standard error are always there.
#[cfg(not(windows))]
pub fn attach() {}
