//! `subuid(5)` and `subgid(5)`: lines of `user:first:count`.

use std::path::Path;

/// Bytes of the file that are looked at. One line is some 25 bytes, so this is a host with tens of thousands of users.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// One range of subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// First id, as the host sees it.
    pub(super) first: u32,
    /// How many.
    pub(super) size: u32,
}

/// Returns the ranges of the user called `name` or written as `uid`, in the file's order. A file that is not there or
/// not readable grants nothing.
pub(super) fn ranges(path: &Path, name: &str, uid: u32) -> Vec<Range> {
    use std::io::Read as _;
    let mut text = String::new();
    match std::fs::File::open(path) {
        Ok(file) => match file.take(MAX_FILE_BYTES).read_to_string(&mut text) {
            Ok(_) => parse(&text, name, uid),
            Err(_) => Vec::new(),
        },
        Err(_) => Vec::new(),
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
