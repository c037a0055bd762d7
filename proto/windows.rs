//! Calls of the Windows API: the current user, and the owner and the process of a pipe.
#![allow(unsafe_code)]

use std::{
    fmt, io,
    os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    ptr, slice,
};

use tokio::net::windows::named_pipe::NamedPipeClient;
use windows_sys::{
    Win32::{
        Foundation::{ERROR_SUCCESS, HANDLE, LocalFree},
        Security::{
            Authorization::{
                ConvertSidToStringSidW, ConvertStringSidToSidW, GetSecurityInfo, SE_KERNEL_OBJECT,
            },
            GetTokenInformation, LookupAccountSidW, OWNER_SECURITY_INFORMATION,
            PSECURITY_DESCRIPTOR, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
        },
        System::{
            Pipes::GetNamedPipeServerProcessId,
            Threading::{GetCurrentProcess, OpenProcessToken},
        },
    },
    core::PWSTR,
};

/// An account's name, for people.
#[derive(Debug)]
pub(crate) struct Account {
    domain: String,
    /// Its name, without the domain.
    pub(crate) name: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.domain.as_str() {
            // Some accounts have no domain, for example `Everyone`.
            "" => f.write_str(&self.name),
            domain => write!(f, r"{domain}\{}", self.name),
        }
    }
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

    // Room for TOKEN_USER and, after it, the longest identifier (68 bytes), aligned for both.
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
    // SAFETY: the call above has written a TOKEN_USER to the start of the aligned buffer.
    let user = unsafe { &*buffer.as_ptr().cast::<TOKEN_USER>() };
    // SAFETY: the identifier that it points to is in the same buffer.
    unsafe { text_of(user.User.Sid) }
}

/// The security identifier of the owner of a pipe, as text.
pub(crate) fn owner_sid(pipe: &NamedPipeClient) -> io::Result<String> {
    let mut owner: PSID = ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open as long as `pipe` is borrowed; the call writes two pointers, and its other outputs are
    // optional.
    let told = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &mut owner,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut descriptor,
        )
    };
    if told != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(
            i32::try_from(told).unwrap_or_default(),
        ));
    }
    let text = if owner.is_null() {
        Err(io::Error::other("the pipe has no owner"))
    } else {
        // SAFETY: the owner is in the descriptor, which is freed below.
        unsafe { text_of(owner) }
    };
    // SAFETY: the call above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(descriptor) };
    text
}

/// The account of a security identifier; none when it has no name, or no server that knows it answers.
pub(crate) fn account(sid: &str) -> Option<Account> {
    let sid: Vec<u16> = sid.encode_utf16().chain([0]).collect();
    let mut raw: PSID = ptr::null_mut();
    // SAFETY: the string ends with a zero; the call writes one pointer.
    if unsafe { ConvertStringSidToSidW(sid.as_ptr(), &mut raw) } == 0 {
        return None;
    }
    // Longer than any name or domain.
    let (mut name, mut domain) = ([0_u16; 512], [0_u16; 512]);
    let (mut name_length, mut domain_length) = (512, 512);
    let mut kind = 0;
    // SAFETY: the identifier is valid; the call writes at most the lengths that it is given, which are those of the
    // buffers.
    let found = unsafe {
        LookupAccountSidW(
            ptr::null(),
            raw,
            name.as_mut_ptr(),
            &mut name_length,
            domain.as_mut_ptr(),
            &mut domain_length,
            &mut kind,
        )
    };
    // SAFETY: the conversion above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(raw) };
    let text = |buffer: &[u16]| {
        let end = buffer.iter().position(|unit| *unit == 0);
        String::from_utf16_lossy(&buffer[..end.unwrap_or(buffer.len())])
    };
    (found != 0).then(|| Account {
        domain: text(&domain),
        name: text(&name),
    })
}

/// The process at the other end of a pipe.
pub(crate) fn server_process(pipe: &NamedPipeClient) -> Option<u32> {
    let mut id = 0;
    // SAFETY: the handle is open as long as `pipe` is borrowed; the call writes one number.
    let told = unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &mut id) };
    (told != 0).then_some(id)
}

/// # Safety
///
/// `sid` must point to a valid security identifier.
unsafe fn text_of(sid: PSID) -> io::Result<String> {
    let mut text: PWSTR = ptr::null_mut();
    // SAFETY: the caller guarantees that the identifier is valid; the call writes one pointer.
    if unsafe { ConvertSidToStringSidW(sid, &mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above returned a string that ends with a zero.
    let sid = unsafe {
        let length = (0..).take_while(|at| *text.add(*at) != 0).count();
        String::from_utf16_lossy(slice::from_raw_parts(text, length))
    };
    // SAFETY: the conversion above allocated it with LocalAlloc, and nothing else frees it.
    unsafe { LocalFree(text.cast()) };
    Ok(sid)
}
