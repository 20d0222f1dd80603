//! Patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` and `?`, and a backslash before either, before itself, and before
//! the `}` or `/` that would end the pattern. Brackets are ordinary characters, unlike a shell's.
//!
//! Matching is by the classic table over (pattern element, character), so no pattern takes more than their product.

use super::Problem;

/// A pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    elements: Vec<Element>,
}

#[derive(Debug, Clone)]
enum Element {
    Star,
    Any,
    Literal(char),
}

impl Element {
    fn takes(&self, c: char) -> bool {
        match self {
            Element::Star => false,
            Element::Any => true,
            Element::Literal(own) => *own == c,
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`Problem::Pattern`] for a backslash before anything that needs none.
    pub(super) fn new(text: &str) -> Result<Pattern, Problem> {
        let mut elements = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            elements.push(match c {
                '*' => Element::Star,
                '?' => Element::Any,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Element::Literal(c),
                    _ => return Err(Problem::Pattern(text.to_owned())),
                },
                c => Element::Literal(c),
            });
        }
        Ok(Pattern { elements })
    }

    /// Returns the byte length of the shortest or longest beginning of `value` that matches.
    pub(super) fn prefix(&self, value: &str, longest: bool) -> Option<usize> {
        // `reached[i]`: the first i elements match what has been read.
        let mut reached = self.start();
        let mut best = None;
        let ends = value.char_indices().map(|(at, c)| (at, Some(c)));
        for (at, c) in ends.chain([(value.len(), None)]) {
            if reached[self.elements.len()] {
                best = Some(at);
                if !longest {
                    return best;
                }
            }
            let Some(c) = c else { break };
            reached = self.step(&reached, c);
            if is_dead(&reached) {
                break;
            }
        }
        best
    }

    /// Returns where the shortest or longest end of `value` that matches begins.
    pub(super) fn suffix(&self, value: &str, longest: bool) -> Option<usize> {
        let starts = value.char_indices().map(|(at, _)| at).chain([value.len()]);
        let whole = |at: &usize| self.matches(&value[*at..]);
        if longest {
            starts.into_iter().find(whole)
        } else {
            let starts: Vec<usize> = starts.collect();
            starts.into_iter().rev().find(whole)
        }
    }

    /// Replaces the first match, or all of them, each as long as can be. An empty match counts, unless it touches the end
    /// of the one before. `None` where that makes more than `limit` bytes.
    pub(super) fn replace(&self, value: &str, by: &str, all: bool, limit: usize) -> Option<String> {
        let mut result = String::new();
        let mut at = 0;
        let mut last_end = None;
        loop {
            if result.len() > limit {
                return None;
            }
            let found = self.prefix(&value[at..], true);
            if let Some(length) = found.filter(|length| *length > 0 || last_end != Some(at)) {
                result.push_str(by);
                at += length;
                if !all {
                    break;
                }
                if length > 0 {
                    last_end = Some(at);
                    continue;
                }
            }
            let Some(c) = value[at..].chars().next() else {
                break;
            };
            result.push(c);
            at += c.len_utf8();
        }
        result.push_str(&value[at..]);
        Some(result)
    }

    fn matches(&self, value: &str) -> bool {
        let mut reached = self.start();
        for c in value.chars() {
            reached = self.step(&reached, c);
            if is_dead(&reached) {
                return false;
            }
        }
        reached[self.elements.len()]
    }

    fn start(&self) -> Vec<bool> {
        let mut reached = vec![false; self.elements.len() + 1];
        reached[0] = true;
        self.skip_stars(&mut reached);
        reached
    }

    fn step(&self, reached: &[bool], c: char) -> Vec<bool> {
        let mut next = vec![false; reached.len()];
        for (index, element) in self.elements.iter().enumerate() {
            if !reached[index] {
                continue;
            }
            match element {
                Element::Star => next[index] = true,
                element if element.takes(c) => next[index + 1] = true,
                _ => {}
            }
        }
        self.skip_stars(&mut next);
        next
    }

    fn skip_stars(&self, reached: &mut [bool]) {
        for (index, element) in self.elements.iter().enumerate() {
            if reached[index] && matches!(element, Element::Star) {
                reached[index + 1] = true;
            }
        }
    }
}

/// Whether nothing that may follow can match any more.
fn is_dead(reached: &[bool]) -> bool {
    !reached.contains(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn prefixes_and_suffixes() {
        assert_eq!(p("a*").prefix("abcabc", false), Some(1));
        assert_eq!(p("a*c").prefix("abcabc", false), Some(3));
        assert_eq!(p("a*c").prefix("abcabc", true), Some(6));
        assert_eq!(p("b").prefix("abc", true), None);
        assert_eq!(p(".*").suffix("x.y.z", false), Some(3));
        assert_eq!(p(".*").suffix("x.y.z", true), Some(1));
        assert_eq!(p("[a]?").prefix("[a]é", false), Some(5));
        assert_eq!(p("\\*").prefix("*", false), Some(1));
    }

    #[test]
    fn replacements() {
        assert_eq!(p("a").replace("banana", "o", false, 99).unwrap(), "bonana");
        assert_eq!(p("a*").replace("banana", "o", true, 99).unwrap(), "bo");
        assert_eq!(p("a").replace("aaaa", "xx", true, 5), None);
        assert_eq!(p("").replace("ab", "-", false, 99).unwrap(), "-ab");
        assert_eq!(p("").replace("ab", "-", true, 99).unwrap(), "-a-b-");
        assert_eq!(p("*").replace("ab", "-", true, 99).unwrap(), "-");
    }

    #[test]
    fn refused() {
        for text in ["\\", "\\x", "a\\\\\\", "\\["] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        assert_eq!(p(&"*a".repeat(200)).prefix(&"a".repeat(199), true), None);
    }
}
