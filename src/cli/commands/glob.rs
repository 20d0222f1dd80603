//! Globs of `--filter reference=`. Spec: Go's `path.Match`, as distribution/reference uses it (`FamiliarMatch`).

/// Returns whether `text` matches `pattern`, in which `*` and `?` stand for anything but `/`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far it has been stretched.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        if let Some(length) = one(&pattern[p..], text[t]) {
            p += length;
            t += 1;
            continue;
        }
        match star {
            Some((at, stretched)) if text[stretched] != '/' => {
                star = Some((at, stretched + 1));
                p = at + 1;
                t = stretched + 1;
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Returns how much of `pattern` the one character `c` takes, if it fits.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => (c != '/').then_some(1),
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        '[' => {
            let end = pattern.iter().skip(2).position(|c| *c == ']')? + 2;
            let class = &pattern[1..end];
            let (negated, class) = match class.first() {
                Some('^') => (true, &class[1..]),
                _ => (false, class),
            };
            let mut found = false;
            let mut rest = class;
            while let [first, tail @ ..] = rest {
                let last = match tail {
                    ['-', last, ..] => *last,
                    _ => *first,
                };
                found |= (*first..=last).contains(&c);
                rest = match tail {
                    ['-', _, tail @ ..] => tail,
                    tail => tail,
                };
            }
            (found != negated).then_some(end + 1)
        }
        literal => (*literal == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn matches_as_go() {
        for (pattern, text, expected) in [
            ("alpine", "alpine", true),
            ("al*", "alpine", true),
            ("al*", "a/lpine", false),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("*:3.*", "alpine:3.19", true),
            ("a?pine", "alpine", true),
            ("[a-c]lpine", "alpine", true),
            ("[^a-c]lpine", "alpine", false),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("\\*", "*", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
