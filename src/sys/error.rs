//! The error of everything in `sys` that is not on the fast path: which operation, on what, and what the kernel said.

use std::io;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {subject}: {source}")]
pub struct SysError {
    /// What was tried, as a verb: "open", "map".
    pub operation: &'static str,
    /// On what.
    pub subject: String,
    /// What the kernel said.
    pub source: io::Error,
}

impl SysError {
    /// For `map_err`: the operation and its subject around what the kernel said.
    pub fn on<E: Into<io::Error>>(
        operation: &'static str,
        subject: impl Into<String>,
    ) -> impl FnOnce(E) -> SysError {
        let subject = subject.into();
        move |source| SysError { operation, subject, source: source.into() }
    }

    /// The error number; EINVAL where the standard library refused before the kernel was asked (a NUL in a name).
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(libc::EINVAL)
    }
}

/// What a call that gives -1 on failure gave.
pub(super) fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
