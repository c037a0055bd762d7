//! Memory that is no longer used.
#![cfg_attr(all(target_os = "linux", target_env = "gnu"), allow(unsafe_code))]

/// Gives memory that was freed back to the operating system, as far as that is possible. The GNU C library keeps it otherwise,
/// for whatever the program does next (malloc_trim(3)). Takes some milliseconds.
pub fn release() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it changes nothing that the program can see, and may be called by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
