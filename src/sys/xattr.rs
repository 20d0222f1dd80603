//! Extended attributes, read whole. These allocate.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// Returns the value of an attribute; `None` if the file has no such one, or can have none.
pub fn get(fd: BorrowedFd<'_>, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match rustix::fs::fgetxattr(fd, name, &mut buffer[..]) {
            Ok(size) => {
                buffer.truncate(size);
                return Ok(Some(buffer));
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(Errno::RANGE) if buffer.len() < 64 << 10 => buffer.resize(64 << 10, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Returns the names of a file's attributes.
pub fn list(fd: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut buffer = vec![0_u8; 1 << 10];
    let size = loop {
        match rustix::fs::flistxattr(fd, &mut buffer[..]) {
            Ok(size) => break size,
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(Errno::RANGE) if buffer.len() < 64 << 10 => buffer.resize(64 << 10, 0),
            Err(errno) => return Err(errno),
        }
    };
    Ok(buffer[..size]
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect())
}
