//! Shell patterns (`*`, `?`, `[…]`) for `${v#p}`, `${v%p}` and `${v/p/r}`.
//!
//! Matching is by the classic table over (pattern element, character), so no pattern takes more than their product.

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
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Element {
    fn takes(&self, c: char) -> bool {
        match self {
            Element::Star => false,
            Element::Any => true,
            Element::Literal(own) => *own == c,
            Element::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

impl Pattern {
    /// Reads a pattern; a set that is not closed is literal, as in a shell.
    pub(super) fn new(text: &str, escape: char) -> Pattern {
        let chars: Vec<char> = text.chars().collect();
        let mut elements = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            at += 1;
            elements.push(match c {
                '*' => Element::Star,
                '?' => Element::Any,
                '[' => match set(&chars[at..], escape) {
                    Some((element, length)) => {
                        at += length;
                        element
                    }
                    None => Element::Literal('['),
                },
                c if c == escape && at < chars.len() => {
                    at += 1;
                    Element::Literal(chars[at - 1])
                }
                c => Element::Literal(c),
            });
        }
        Pattern { elements }
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

    /// Replaces the first match, or all of them, each as long as can be.
    pub(super) fn replace(&self, value: &str, by: &str, all: bool) -> String {
        let mut result = String::new();
        let mut at = 0;
        while at < value.len() {
            match self.prefix(&value[at..], true) {
                Some(length) if length > 0 => {
                    result.push_str(by);
                    at += length;
                    if !all {
                        break;
                    }
                }
                _ => {
                    let c = value[at..].chars().next().expect("a character boundary");
                    result.push(c);
                    at += c.len_utf8();
                }
            }
        }
        result.push_str(&value[at..]);
        result
    }

    fn matches(&self, value: &str) -> bool {
        let end = value
            .chars()
            .fold(self.start(), |reached, c| self.step(&reached, c));
        end[self.elements.len()]
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

/// Reads a set after its `[`; returns it and how many characters it took.
fn set(chars: &[char], escape: char) -> Option<(Element, usize)> {
    let negated = matches!(chars.first(), Some('!' | '^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut ranges = Vec::new();
    loop {
        let mut low = *chars.get(at)?;
        if low == ']' && at > first {
            return Some((Element::Set { negated, ranges }, at + 1));
        }
        if low == escape {
            at += 1;
            low = *chars.get(at)?;
        }
        at += 1;
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']') {
            ranges.push((low, chars[at + 1]));
            at += 2;
        } else {
            ranges.push((low, low));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes() {
        let p = |text: &str| Pattern::new(text, '\\');
        assert_eq!(p("a*").prefix("abcabc", false), Some(1));
        assert_eq!(p("a*c").prefix("abcabc", false), Some(3));
        assert_eq!(p("a*c").prefix("abcabc", true), Some(6));
        assert_eq!(p("b").prefix("abc", true), None);
        assert_eq!(p(".*").suffix("x.y.z", false), Some(3));
        assert_eq!(p(".*").suffix("x.y.z", true), Some(1));
        assert_eq!(p("[!a-c]?").prefix("dé", false), Some(3));
        assert_eq!(p("[]x]").prefix("]", false), Some(1));
        assert_eq!(p("[a").prefix("[a", false), Some(2));
        assert_eq!(p("\\*").prefix("*", false), Some(1));
    }

    #[test]
    fn hostile_patterns_end() {
        let pattern = Pattern::new(&"*a".repeat(200), '\\');
        assert_eq!(pattern.prefix(&"a".repeat(199), true), None);
    }
}
