//! Creates a named pipe with restricted access, for which only the Windows API has a call.
#![allow(unsafe_code)]

use std::{io, mem::size_of, ptr};

use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::Win32::{
    Foundation::LocalFree,
    Security::{
        Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
        PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    },
};

/// Creates an instance of the pipe that only the users in `access` may open.
///
/// `access` is in the security descriptor definition language.
pub(super) fn create_pipe(
    options: &ServerOptions,
    name: &str,
    access: &str,
) -> io::Result<NamedPipeServer> {
    let access: Vec<u16> = access.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the string ends with a zero; the call writes one pointer to `descriptor`, and the output for the size
    // is optional.
    let converted = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            access.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            ptr::null_mut(),
        )
    };
    if converted == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    // SAFETY: the attributes and the descriptor in them are valid until the call returns.
    let server =
        unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) };
    // SAFETY: the conversion above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(descriptor) };
    server
}
