//! Wildcards of COPY and ADD: Go's `path/filepath.Match`, component by component.
//!
//! `*` any run of characters, `?` one, `[a-z]` and `[^a]` one of a class, `\` takes the next literally, `**` (BuildKit's
//! `--parents` and `--exclude`) any number of components.

/// Returns whether a component has to be matched rather than looked up.
pub(super) fn is_pattern(component: &str) -> bool {
    component.contains(['*', '?', '[', '\\'])
}

/// Returns the pattern of exactly this path.
pub(crate) fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Returns whether `name` matches `pattern`; `None` for a malformed pattern.
pub(super) fn matches(pattern: &str, name: &str) -> Option<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where the last star was, and how much of the name it has taken: with one star to go back to, the time is bounded by
    // the product of the lengths.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        let step = match n < name.len() && p < pattern.len() {
            true => one(&pattern[p..], name[n])?,
            false => None,
        };
        match step {
            Some(length) => {
                p += length;
                n += 1;
            }
            None if n == name.len() && p == pattern.len() => return Some(true),
            None => match star {
                Some((after, taken)) if taken < name.len() => {
                    star = Some((after, taken + 1));
                    p = after;
                    n = taken + 1;
                }
                _ => {
                    check(&pattern[p.min(pattern.len())..])?;
                    return Some(false);
                }
            },
        }
    }
}

/// Matches one character; returns the length of what matched it. The outer `None` is a malformed pattern.
fn one(pattern: &[char], c: char) -> Option<Option<usize>> {
    match pattern[0] {
        '?' => Some(Some(1)),
        '\\' => {
            let literal = *pattern.get(1)?;
            Some((literal == c).then_some(2))
        }
        '[' => {
            let (found, length) = class(pattern, c)?;
            Some(found.then_some(length))
        }
        literal => Some((literal == c).then_some(1)),
    }
}

/// Matches `[…]`; returns whether and its length.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut found = false;
    let first = at;
    loop {
        if at > first && pattern.get(at) == Some(&']') {
            return Some((found != negated, at + 1));
        }
        let low = bound(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = bound(pattern, &mut at)?;
        }
        found |= (low..=high).contains(&c);
    }
}

fn bound(pattern: &[char], at: &mut usize) -> Option<char> {
    let mut c = *pattern.get(*at)?;
    if matches!(c, '-' | ']') {
        return None;
    }
    if c == '\\' {
        *at += 1;
        c = *pattern.get(*at)?;
    }
    *at += 1;
    Some(c)
}

/// Checks the rest of a pattern that did not match anyway.
fn check(mut pattern: &[char]) -> Option<()> {
    while let Some(first) = pattern.first() {
        let length = match first {
            '\\' => pattern.get(1).map(|_| 2)?,
            '[' => class(pattern, 'x')?.1,
            _ => 1,
        };
        pattern = &pattern[length..];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*b*c*d*e*", "axbxcxdxe", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("[a-ζ]*", "α", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[", "a", None),
            ("[^", "a", None),
            ("a[", "a", None),
            ("a[", "x", None),
            ("*x", "xxx", Some(true)),
            ("", "", Some(true)),
            ("", "a", Some(false)),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} {name:?}");
        }
    }
}
