//! `subuid(5)` and `subgid(5)`: lines of `user:first:count`.

use std::path::Path;

use crate::bounded;

/// Bytes of the largest file that is read. One line is some 25 bytes, so this is a host with 600 000 users.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// One range of subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// First id, as the host sees it.
    pub(super) first: u32,
    /// How many.
    pub(super) size: u32,
}

/// Returns the ranges of the user called `name` or written as `uid`, in the file's order. A file that is not there or
/// cannot be read grants nothing.
pub(super) fn ranges(path: &Path, name: &str, uid: u32) -> Vec<Range> {
    match bounded::read_file(path, MAX_FILE_BYTES) {
        Ok(Some(text)) => parse(&String::from_utf8_lossy(&text), name, uid),
        Ok(None) | Err(_) => Vec::new(),
    }
}

fn parse(text: &str, name: &str, uid: u32) -> Vec<Range> {
    let uid = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().splitn(3, ':');
            let owner = fields.next()?;
            if owner.is_empty() || (owner != name && owner != uid) {
                return None;
            }
            let first = fields.next()?.parse().ok()?;
            let size = fields.next()?.parse().ok()?;
            (size > 0).then_some(Range { first, size })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_user_by_name_and_by_number() {
        let text = "# comment\nalice:100000:65536\nbob:1:1\n1000:300000:10\nalice:x:1\nalice:5:0\n";
        let range = |first, size| Range { first, size };
        assert_eq!(
            parse(text, "alice", 1000),
            [range(100_000, 65_536), range(300_000, 10)]
        );
        assert_eq!(parse(text, "carol", 1001), []);
        assert_eq!(parse(":1:1\n", "", 7), []);
    }
}
