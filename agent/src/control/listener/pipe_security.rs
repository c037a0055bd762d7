//! The two things about a named pipe that only the Windows API can do: who this user is, and who may
//! open the pipe.
#![allow(unsafe_code)]

use std::{
    io,
    mem::size_of,
    os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    ptr, slice,
};

use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::{
    Win32::{
        Foundation::{HANDLE, LocalFree},
        Security::{
            Authorization::{
                ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW,
                SDDL_REVISION_1,
            },
            GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY,
            TOKEN_USER, TokenUser,
        },
        System::Threading::{GetCurrentProcess, OpenProcessToken},
    },
    core::PWSTR,
};

/// Creates an instance of the pipe that only those may open whom `access` names.
///
/// `access` is in the security descriptor definition language.
pub(super) fn create_pipe(
    options: &ServerOptions,
    name: &str,
    access: &str,
) -> io::Result<NamedPipeServer> {
    let access: Vec<u16> = access.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the text ends with a zero; the call writes one pointer to `descriptor`, and the size
    // that it would also give may be left out.
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
    // SAFETY: the attributes and the descriptor in them are valid, and live until the call is over.
    let server =
        unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) };
    // SAFETY: the conversion above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(descriptor) };
    server
}

/// The security identifier of the user that runs this process, as text (`S-1-5-…`).
///
/// # Errors
///
/// When the operating system refuses it.
pub fn user_sid() -> io::Result<String> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the process handle is a constant that need not be closed; the call writes one handle.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle was just opened, and nothing else closes it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };

    // Room for TOKEN_USER and the longest identifier (68 bytes) behind it, aligned for both.
    let mut buffer = [0_u64; 32];
    let mut length = 0;
    // SAFETY: the call writes at most as many bytes as the buffer has.
    let told = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            buffer.as_mut_ptr().cast(),
            u32::try_from(size_of_val(&buffer)).unwrap_or_default(),
            &mut length,
        )
    };
    if told == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has written a TOKEN_USER to the start of the aligned buffer; the
    // identifier that it points to lies in the same buffer.
    let user = unsafe { &*buffer.as_ptr().cast::<TOKEN_USER>() };
    let mut text: PWSTR = ptr::null_mut();
    // SAFETY: the identifier is valid while the buffer lives; the call writes one pointer.
    if unsafe { ConvertSidToStringSidW(user.User.Sid, &mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above gave a text that ends with a zero.
    let sid = unsafe {
        let length = (0..).take_while(|at| *text.add(*at) != 0).count();
        String::from_utf16_lossy(slice::from_raw_parts(text, length))
    };
    // SAFETY: the conversion above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(text.cast()) };
    Ok(sid)
}
