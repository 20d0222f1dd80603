//! `--chmod`: octal, or symbolic as `chmod(1)` has it.

use std::str::FromStr;

/// A change of permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileMode {
    /// All bits.
    Octal(u32),
    /// Clauses, in order.
    Symbolic(Vec<Clause>),
}

/// `u+x` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clause {
    /// Bits of those it is about: 0o4700, 0o2070, 0o1007.
    who: u32,
    operator: char,
    /// `rwx` as the bits of others, in three places.
    bits: u32,
    /// `X`.
    conditional: bool,
    /// `s` and `t`.
    special: u32,
    /// `u`, `g`, `o`: the bits that these have.
    copied: Option<char>,
}

/// A text that is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777, or a symbolic mode"
)]
pub(super) struct ModeError(String);

impl FromStr for FileMode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<FileMode, ModeError> {
        let error = || ModeError(text.to_owned());
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).map_err(|_| error())?;
            return (mode <= 0o7777)
                .then_some(FileMode::Octal(mode))
                .ok_or_else(error);
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            clauses.extend(clause(part).ok_or_else(error)?);
        }
        Ok(FileMode::Symbolic(clauses))
    }
}

impl FileMode {
    /// Returns the bits that a file with `mode` gets.
    pub(super) fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        match self {
            FileMode::Octal(mode) => *mode,
            FileMode::Symbolic(clauses) => clauses
                .iter()
                .fold(mode, |mode, clause| clause.apply(mode, is_dir)),
        }
    }
}

impl Clause {
    fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        let mut bits = self.bits;
        if self.conditional && (is_dir || mode & 0o111 != 0) {
            bits |= 0o111;
        }
        if let Some(from) = self.copied {
            let shift = match from {
                'u' => 6,
                'g' => 3,
                _ => 0,
            };
            let copied = (mode >> shift) & 0o7;
            bits |= copied * 0o111;
        }
        let change = (bits | self.special) & self.who;
        match self.operator {
            '+' => mode | change,
            '-' => mode & !change,
            // Setuid bits of directories are not taken away by `=`, as in GNU chmod.
            _ => {
                let kept = if is_dir { 0o6000 } else { 0 };
                (mode & !(self.who & !kept)) | change
            }
        }
    }
}

/// Reads `[ugoa…]([+-=][rwxXst…|u|g|o])…`.
fn clause(text: &str) -> Option<Vec<Clause>> {
    let operators = text.find(['+', '-', '='])?;
    let mut who = 0;
    for c in text[..operators].chars() {
        who |= match c {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    if who == 0 {
        who = 0o7777;
    }
    let mut clauses = Vec::new();
    let mut rest = &text[operators..];
    while let Some(operator) = rest.chars().next() {
        if !matches!(operator, '+' | '-' | '=') {
            return None;
        }
        let end = rest[1..]
            .find(['+', '-', '='])
            .map_or(rest.len(), |at| at + 1);
        let mut clause = Clause {
            who,
            operator,
            bits: 0,
            conditional: false,
            special: 0,
            copied: None,
        };
        let permissions = &rest[1..end];
        for c in permissions.chars() {
            match c {
                'r' => clause.bits |= 0o444,
                'w' => clause.bits |= 0o222,
                'x' => clause.bits |= 0o111,
                'X' => clause.conditional = true,
                's' => clause.special |= 0o6000,
                't' => clause.special |= 0o1000,
                'u' | 'g' | 'o' if permissions.len() == 1 => clause.copied = Some(c),
                _ => return None,
            }
        }
        clauses.push(clause);
        rest = &rest[end..];
    }
    Some(clauses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_chmod() {
        for (text, mode, is_dir, expected) in [
            ("755", 0o600, false, 0o755),
            ("04711", 0o600, false, 0o4711),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("go-rwx", 0o755, false, 0o700),
            ("a=rX", 0o755, false, 0o555),
            ("a=rX", 0o600, false, 0o444),
            ("a=rX", 0o700, true, 0o555),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("g=u", 0o750, false, 0o770),
            ("u+s,+t", 0o755, false, 0o5755),
            ("g+s", 0o755, true, 0o2755),
            ("u=rw-r+x", 0o777, false, 0o377),
        ] {
            let parsed: FileMode = text.parse().unwrap();
            let got = parsed.apply(mode, is_dir);
            assert_eq!(got, expected, "{text} on {mode:o}: {got:o}");
        }
        for bad in ["", "8", "10000", "u", "u+q", "z+x", "-1x,"] {
            assert!(bad.parse::<FileMode>().is_err(), "{bad}");
        }
    }
}
