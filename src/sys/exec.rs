//! Replacing the program: `execve(2)`, `execveat(2)`.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// A null-terminated array of C strings, laid out before the process is copied, with a free place in front.
#[derive(Debug)]
pub struct StringArray {
    /// What `pointers` points at; only kept, never changed, so the pointers stay good.
    _strings: Vec<CString>,
    /// The free place, the strings, a null pointer.
    pointers: Vec<*const c_char>,
}

impl StringArray {
    /// Lays out `strings`. Allocates.
    pub fn new(strings: Vec<CString>) -> StringArray {
        let mut pointers = Vec::with_capacity(strings.len() + 2);
        pointers.push(c"".as_ptr());
        pointers.extend(strings.iter().map(|string| string.as_ptr()));
        pointers.push(std::ptr::null());
        StringArray {
            _strings: strings,
            pointers,
        }
    }

    /// The array with `first` in the free place.
    fn after(&mut self, first: &CStr) -> *const *const c_char {
        if let Some(place) = self.pointers.first_mut() {
            *place = first.as_ptr();
        }
        self.pointers.as_ptr()
    }

    fn as_ptr(&self) -> *const *const c_char {
        match self.pointers.get(1..) {
            Some(pointers) => pointers.as_ptr(),
            None => std::ptr::null(),
        }
    }
}

/// Executes the file at `path` with `first` before the other `arguments`. Returns only on failure.
pub fn execve(
    path: &CStr,
    first: &CStr,
    arguments: &mut StringArray,
    environment: &StringArray,
) -> io::Error {
    let arguments = arguments.after(first);
    // SAFETY: both arrays are null-terminated; `first` and the arrays' strings outlive this call.
    unsafe { libc::execve(path.as_ptr(), arguments, environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Executes the open file `program` with `first` before the other `arguments`. Returns only on failure.
pub fn execveat(
    program: BorrowedFd<'_>,
    first: &CStr,
    arguments: &mut StringArray,
    environment: &StringArray,
) -> io::Error {
    let arguments = arguments.after(first);
    // SAFETY: the path is an empty C string; both arrays are null-terminated; `first` and the arrays' strings outlive
    // this call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments,
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}
