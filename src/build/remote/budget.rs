//! How much a checkout may hold: what a layer may.
//!
//! It is counted before there are files, from what git lists of the tree: a few kilobytes of trees that hold each other
//! ten times over mean more files than a disk has room for.

use std::io::{self, BufRead};

use crate::content::limits;

/// Bytes before the name in a line of `ls-tree -l`: mode, kind, hash, size.
const MAX_HEAD: usize = 256;

/// What is left for the submodules still to come.
#[derive(Debug)]
pub(super) struct Budget {
    entries: u64,
    bytes: u64,
}

/// A submodule, as a tree names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gitlink {
    /// Below the root of the tree.
    pub path: Vec<u8>,
    /// Which commit it is at.
    pub commit: String,
}

impl Budget {
    /// That of one repository with its submodules.
    pub(super) fn new() -> Budget {
        Budget {
            entries: limits::MAX_LAYER_ENTRIES,
            bytes: limits::MAX_LAYER_BYTES,
        }
    }

    /// Takes the files and directories of a tree that `listing` has, in the format of `ls-tree -r -t -z`; returns the
    /// submodules among them. Nothing is read beyond the bounds.
    ///
    /// # Errors
    ///
    /// More than there may be, in words; those of reading.
    pub(super) fn take_entries(&mut self, listing: impl BufRead) -> io::Result<Vec<Gitlink>> {
        let mut links = Vec::new();
        each(listing, |head, path| {
            self.entries = (self.entries.checked_sub(1))
                .ok_or_else(|| too_much("files and directories", limits::MAX_LAYER_ENTRIES))?;
            let Some((kind, hash)) = head.split_once(' ') else {
                return Err(no_tree());
            };
            if kind == "commit" {
                links.push(Gitlink {
                    path: path.to_owned(),
                    commit: hash.to_owned(),
                });
            }
            Ok(())
        })?;
        Ok(links)
    }

    /// Takes the bytes of the files that `listing` has, in the format of `ls-tree -r -l -z`, of which `packed` bytes have
    /// been fetched. Nothing is read beyond the bounds.
    ///
    /// # Errors
    ///
    /// As for [`Budget::take_entries`].
    pub(super) fn take_bytes(&mut self, listing: impl BufRead, packed: u64) -> io::Result<()> {
        let most = limits::max_expanded(packed);
        let mut left = most;
        each(listing, |head, _| {
            let size = match head.rsplit_once(' ').ok_or_else(no_tree)? {
                (_, "-") => 0,
                (_, size) => size.parse::<u64>().map_err(|_| no_tree())?,
            };
            left = left
                .checked_sub(size)
                .ok_or_else(|| too_much("bytes", most))?;
            self.bytes = (self.bytes.checked_sub(size))
                .ok_or_else(|| too_much("bytes", limits::MAX_LAYER_BYTES))?;
            Ok(())
        })
    }
}

/// Calls `entry` with what stands between the mode and the name of each line of a listing, and with the name.
fn each(
    mut listing: impl BufRead,
    mut entry: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut head, mut path) = (Vec::new(), Vec::new());
    while read_until(&mut listing, b'\t', MAX_HEAD, &mut head)? {
        if !read_until(&mut listing, 0, limits::MAX_PATH_BYTES, &mut path)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let head = std::str::from_utf8(&head).ok();
        let (_, head) = head
            .and_then(|head| head.split_once(' '))
            .ok_or_else(no_tree)?;
        entry(head, &path)?;
    }
    Ok(())
}

fn no_tree() -> io::Error {
    io::Error::other("what git lists is no tree")
}

fn too_much(what: &str, limit: u64) -> io::Error {
    io::Error::other(format!("its files are too much: more than {limit} {what}"))
}

/// Reads into `text` as far as the next `end`, which is not part of it. `false` where there is nothing more.
fn read_until(
    reader: &mut impl BufRead,
    end: u8,
    limit: usize,
    text: &mut Vec<u8>,
) -> io::Result<bool> {
    text.clear();
    let mut bounded = io::Read::take(reader, limit as u64 + 1);
    bounded.read_until(end, text)?;
    match text.pop() {
        None => Ok(false),
        Some(last) if last == end => Ok(true),
        Some(_) if text.len() >= limit => Err(too_much("bytes in a path", limit as u64)),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "1f7a7a472abf3dd9643fd615f6da379c4acb3e3a";

    fn sized(size: u64) -> String {
        format!("100644 blob {HASH} {size:>7}\td/a\tb\n\0")
    }

    #[test]
    fn files_and_submodules_are_counted() {
        let one = format!("100644 blob {HASH}\td/a\tb\n\0");
        let link = format!("160000 commit {HASH}\tsub\0");
        let mut budget = Budget::new();
        let links = budget.take_entries((one.clone() + &link).as_bytes());
        let wanted = Gitlink {
            path: b"sub".to_vec(),
            commit: HASH.to_owned(),
        };
        assert_eq!(links.unwrap(), [wanted]);
        assert_eq!(budget.entries, limits::MAX_LAYER_ENTRIES - 2);
        budget.entries = 1;
        let words = budget.take_entries((one.clone() + &one).as_bytes());
        let words = words.unwrap_err().to_string();
        assert!(words.contains("4000000 files and directories"), "{words}");
    }

    #[test]
    fn bytes_are_counted() {
        let words = |budget: &mut Budget, listing: &str, packed| {
            let taken = budget.take_bytes(listing.as_bytes(), packed);
            taken.map_or_else(|error| error.to_string(), |()| String::new())
        };
        let large = sized(limits::FREE_LAYER_BYTES + 1);
        let free = limits::FREE_LAYER_BYTES.to_string();
        assert!(words(&mut Budget::new(), &large, 0).contains(&free));
        let mut budget = Budget::new();
        let other = format!("160000 commit {HASH}       -\tsub\0");
        assert_eq!(words(&mut budget, &(large + &other), 1), "");
        assert_eq!(
            budget.bytes,
            limits::MAX_LAYER_BYTES - limits::FREE_LAYER_BYTES - 1
        );
        // All together, however well each is packed.
        let all = format!("{} bytes", limits::MAX_LAYER_BYTES);
        let rest = sized(budget.bytes) + &sized(1);
        assert!(words(&mut budget, &rest, u64::MAX).contains(&all));
    }

    #[test]
    fn a_listing_ends() {
        let long = format!("100644 blob {HASH}\t{}\0", "x".repeat(5000));
        let odd = "1".repeat(1000);
        for (listing, words) in [
            (&*long, "4095 bytes in a path"),
            (&odd, "256 bytes"),
            ("100644 blob", "unexpected end"),
            ("100644 blob aa\tname", "unexpected end"),
            ("100644 blob\tname\0", "no tree"),
        ] {
            let error = Budget::new().take_entries(listing.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
