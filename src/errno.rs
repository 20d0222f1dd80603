//! Errnos as people read them: Rust's words for one, without its number.

use std::borrow::Cow;
use std::io;

use rustix::io::Errno;

/// What Rust puts behind the words of an errno, before its number.
const MARK: &str = " (os error ";

/// Returns the error of a walk through directories, each of which costs a descriptor while what is below it is looked at.
pub(crate) fn of_walk(errno: Errno) -> io::Error {
    match errno {
        Errno::MFILE => io::Error::other(
            "directories nest deeper than files can be open at once: raise the limit (ulimit -n)",
        ),
        errno => errno.into(),
    }
}

/// Returns a text in which errnos speak as in C and Go: `No such file or directory (os error 2)` becomes
/// `no such file or directory`.
pub fn told(text: &str) -> Cow<'_, str> {
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, marked) = rest.split_at(at);
        let digits = &marked[MARK.len()..];
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let is_mark = end > 0 && digits[end..].starts_with(')');
        if !is_mark {
            told.push_str(before);
            told.push_str(MARK);
            rest = digits;
            continue;
        }
        // Rust begins an errno's text with a capital; what stands before it in the same line is somebody's sentence.
        let start = before.rfind([':', '\n', '(']).map_or(0, |mark| mark + 1);
        let (sentence, errno) = before.split_at(start);
        let words = errno.trim_start();
        told.push_str(sentence);
        told.push_str(&errno[..errno.len() - words.len()]);
        let mut letters = words.chars();
        told.extend(letters.next().map(|letter| letter.to_ascii_lowercase()));
        told.push_str(letters.as_str());
        rest = &digits[end + 1..];
    }
    Cow::Owned(told + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_wherever_they_stand() {
        let errno = io::Error::from_raw_os_error(libc::ENOENT).to_string();
        for (text, expected) in [
            (errno.clone(), "no such file or directory"),
            (
                format!("cannot read x: {errno}: try again"),
                "cannot read x: no such file or directory: try again",
            ),
            (
                format!("one: {errno}\ntwo: {errno}"),
                "one: no such file or directory\ntwo: no such file or directory",
            ),
            (
                format!("it failed ({errno})"),
                "it failed (no such file or directory)",
            ),
            ("x (os error y) z".to_owned(), "x (os error y) z"),
            ("X (os error )".to_owned(), "X (os error )"),
            ("Nothing".to_owned(), "Nothing"),
        ] {
            assert_eq!(told(&text), expected);
        }
    }
}
