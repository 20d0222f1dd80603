//! Giving memory back: `madvise(2)`.

use std::io;
use std::ops::Range;

/// Gives the free parts of the heap back to the kernel.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` only touches what the allocator knows to be free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes the pages of the program's file out of the calling process's memory: those that were only read. They come back
/// when they are next touched. Allocates.
///
/// # Errors
///
/// Those of `/proc/self/smaps`; the errno of `madvise`.
pub fn drop_clean_file_pages() -> io::Result<()> {
    let smaps = std::fs::read_to_string("/proc/self/smaps")?;
    for range in clean_file_mappings(&smaps) {
        let start = range.start as *mut libc::c_void;
        // SAFETY: these mappings are read-only and of a file, and no page of theirs has ever been written (relocated, say):
        // what is dropped is read again as it was. Nobody else changes the mappings of a process of one thread.
        if unsafe { libc::madvise(start, range.len(), libc::MADV_DONTNEED) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Finds the mappings of files that cannot be written and of which no page was. Format: proc_pid_smaps(5).
fn clean_file_mappings(smaps: &str) -> Vec<Range<usize>> {
    let mut clean: Vec<Range<usize>> = Vec::new();
    let mut is_candidate = false;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-')
            && let (Ok(start), Ok(end)) = (
                usize::from_str_radix(start, 16),
                usize::from_str_radix(end, 16),
            )
        {
            let flags = words.next().unwrap_or_default();
            let is_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
            is_candidate = is_file && flags.starts_with('r') && !flags.contains('w') && start < end;
            if is_candidate {
                clean.push(start..end);
            }
        } else if matches!(first, "Private_Dirty:" | "Anonymous:" | "Swap:" | "Locked:")
            && words.next() != Some("0")
            && is_candidate
        {
            clean.pop();
            is_candidate = false;
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_back_as_it_was() {
        let smaps = "\
            1000-2000 r--p 00000000 fe:00 7 /bin/ctr\nRss: 4 kB\nPrivate_Dirty:         0 kB\nAnonymous: 0 kB\n\
            2000-9000 r-xp 00001000 fe:00 7 /bin/ctr\nPrivate_Dirty:         0 kB\nVmFlags: rd ex\n\
            9000-a000 r--p 00008000 fe:00 7 /bin/ctr\nPrivate_Dirty:         4 kB\nAnonymous: 4 kB\n\
            a000-b000 rw-p 00009000 fe:00 7 /bin/ctr\nPrivate_Dirty:         0 kB\n\
            b000-c000 rw-p 00000000 00:00 0 [heap]\nPrivate_Dirty:         4 kB\n\
            d000-e000 r-xp 00000000 00:00 0 [vdso]\nPrivate_Dirty:         0 kB\n";
        assert_eq!(clean_file_mappings(smaps), [0x1000..0x2000, 0x2000..0x9000]);
    }
}
