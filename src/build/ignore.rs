//! `.dockerignore`: which paths of the context do not exist for the build.
//!
//! The rules are moby's, not git's: patterns are anchored at the context's root, the last one that matches decides, and one
//! that matches a directory also decides about everything below it unless a later `!pattern` takes it back.
//!
//! Reference: moby/patternmatcher; Docker, "Build context", ".dockerignore files"; Go's `path/filepath.Match`.

/// Lines of a `.dockerignore`; more are refused.
const MAX_PATTERNS: usize = 100_000;

/// The patterns of one file, in order.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// `!`: what matches exists after all.
    exception: bool,
    components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq)]
enum Component {
    /// `**`: any number of directories, none included.
    Tree,
    /// One name.
    Name(Vec<Element>),
}

#[derive(Debug, Clone, PartialEq)]
enum Element {
    /// `*`: anything but a slash.
    Star,
    /// `**` within a name: as `*`, and slashes too.
    DoubleStar,
    /// `?`.
    Any,
    Literal(char),
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Why a line is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// A set that is not closed, or a trailing backslash.
    #[error("line {line}: syntax error in pattern {pattern:?}")]
    Pattern {
        /// From 1.
        line: usize,
        /// As written.
        pattern: String,
    },
    /// `!` alone.
    #[error("line {0}: illegal exclusion pattern: \"!\"")]
    LoneExclamation(usize),
    /// Too many lines.
    #[error("more than {MAX_PATTERNS} patterns")]
    TooMany,
}

/// What the rules say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The path does not exist for the build.
    pub ignored: bool,
    /// It is an ignored directory, and no exception can match below it: no need to look inside.
    pub prune: bool,
}

impl Ignore {
    /// Reads the file. Empty lines and comments (`#` in the first column) are skipped.
    ///
    /// # Errors
    ///
    /// All of [`IgnoreError`].
    pub fn parse(text: &str) -> Result<Ignore, IgnoreError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let line_number = index + 1;
            let line = line.trim();
            let (exception, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            if exception && pattern.is_empty() {
                return Err(IgnoreError::LoneExclamation(line_number));
            }
            let components = components(pattern).ok_or_else(|| IgnoreError::Pattern {
                line: line_number,
                pattern: line.to_owned(),
            })?;
            if components.is_empty() {
                continue;
            }
            if patterns.len() == MAX_PATTERNS {
                return Err(IgnoreError::TooMany);
            }
            patterns.push(Rule {
                exception,
                components,
            });
        }
        Ok(Ignore { patterns })
    }

    /// Whether there is a `!pattern`.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|rule| rule.exception)
    }

    /// Whether a single pattern hides whatever there is in the context.
    pub fn hides_everything(&self) -> bool {
        let star = Component::Name(vec![Element::Star]);
        self.patterns.iter().any(|rule| {
            let all = match &rule.components[..] {
                [Component::Tree] => true,
                [only] => *only == star,
                [Component::Tree, last] => *last == star,
                _ => false,
            };
            all && !rule.exception
        })
    }

    /// Judges a path relative to the context, with slashes and without a leading one.
    pub fn verdict(&self, path: &str) -> Verdict {
        let names: Vec<&str> = path.split('/').collect();
        let mut ignored = false;
        for rule in &self.patterns {
            if rule.exception == ignored && rule.matches_or_parent(&names) {
                ignored = !rule.exception;
            }
        }
        let below = |rule: &Rule| rule.exception && rule.may_match_below(&names);
        Verdict {
            ignored,
            prune: ignored && !self.patterns.iter().any(below),
        }
    }
}

impl Rule {
    /// Whether the pattern matches the path or one of the directories it lies in.
    fn matches_or_parent(&self, names: &[&str]) -> bool {
        (1..=names.len()).any(|length| matches(&self.components, &names[..length]))
    }

    /// Whether the pattern could match something in the directory `names`.
    fn may_match_below(&self, names: &[&str]) -> bool {
        may_match_below(&self.components, names)
    }
}

/// The pattern cleaned as a path and split; `None` for a syntax error.
fn components(pattern: &str) -> Option<Vec<Component>> {
    let mut cleaned: Vec<&str> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                cleaned.pop();
            }
            name => cleaned.push(name),
        }
    }
    cleaned
        .into_iter()
        .map(|name| match name {
            "**" => Some(Component::Tree),
            name => Some(Component::Name(elements(name)?)),
        })
        .collect()
}

fn elements(name: &str) -> Option<Vec<Element>> {
    let mut chars = name.chars().peekable();
    let mut elements = Vec::new();
    while let Some(c) = chars.next() {
        elements.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => Element::DoubleStar,
            '*' => Element::Star,
            '?' => Element::Any,
            '\\' => Element::Literal(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let mut low = chars.next()?;
                    if low == ']' && !ranges.is_empty() {
                        break;
                    }
                    if low == '\\' {
                        low = chars.next()?;
                    }
                    let mut high = low;
                    if chars.next_if_eq(&'-').is_some() {
                        high = chars.next()?;
                        if high == '\\' {
                            high = chars.next()?;
                        }
                    }
                    ranges.push((low, high));
                }
                Element::Set { negated, ranges }
            }
            c => Element::Literal(c),
        });
    }
    Some(elements)
}

/// Whether the components match exactly these names.
fn matches(components: &[Component], names: &[&str]) -> bool {
    // `reached[i]`: the components so far match the first i names.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for component in components {
        reached = step(component, names, &reached);
    }
    reached[names.len()]
}

/// Whether some path below the directory `names` could match.
fn may_match_below(components: &[Component], names: &[&str]) -> bool {
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for component in components {
        if reached[names.len()] {
            // All names are used up and a component is left.
            return true;
        }
        let crosses = match component {
            Component::Tree => true,
            Component::Name(elements) => elements.contains(&Element::DoubleStar),
        };
        if crosses && reached.contains(&true) {
            return true;
        }
        reached = step(component, names, &reached);
    }
    false
}

fn step(component: &Component, names: &[&str], reached: &[bool]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for from in (0..reached.len()).filter(|from| reached[*from]) {
        match component {
            Component::Tree => next[from..].fill(true),
            Component::Name(elements) if elements.contains(&Element::DoubleStar) => {
                for to in from + 1..=names.len() {
                    next[to] |= name_matches(elements, &names[from..to].join("/"));
                }
            }
            Component::Name(elements) => {
                if from < names.len() && name_matches(elements, names[from]) {
                    next[from + 1] = true;
                }
            }
        }
    }
    next
}

fn name_matches(elements: &[Element], name: &str) -> bool {
    let mut reached = vec![false; elements.len() + 1];
    reached[0] = true;
    let skip_stars = |reached: &mut Vec<bool>| {
        for (index, element) in elements.iter().enumerate() {
            if reached[index] && matches!(element, Element::Star | Element::DoubleStar) {
                reached[index + 1] = true;
            }
        }
    };
    skip_stars(&mut reached);
    for c in name.chars() {
        let mut next = vec![false; reached.len()];
        for (index, element) in elements.iter().enumerate() {
            if !reached[index] {
                continue;
            }
            match element {
                Element::DoubleStar => next[index] = true,
                Element::Star => next[index] |= c != '/',
                Element::Any => next[index + 1] |= c != '/',
                Element::Literal(own) => next[index + 1] |= *own == c,
                Element::Set { negated, ranges } => {
                    let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                    next[index + 1] |= within != *negated && c != '/';
                }
            }
        }
        reached = next;
        skip_stars(&mut reached);
    }
    reached[elements.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &str, path: &str) -> bool {
        Ignore::parse(patterns).unwrap().verdict(path).ignored
    }

    /// moby/patternmatcher's cases, re-created.
    #[test]
    fn as_moby() {
        for (patterns, path, wanted) in [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("dir/**", "dir", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir2/file.txt", true),
            ("**file", "dir/file", true),
            ("**/file", "file", true),
            ("**file", "dir/dir/file", true),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a/*.txt", "a/file.txt", true),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcdef", false),
            ("abc\\*", "abc*", true),
            ("docs", "docs/a/b", true),
            ("/docs/", "docs/a", true),
            ("docs", "x/docs", false),
            ("a/../b", "b", true),
            ("docs\n!docs/README.md", "docs/README.md", false),
            ("docs\n!docs/README.md", "docs/x", true),
            ("*\n!a/b", "a/b/c", false),
            ("!a\na", "a", true),
            ("a\n!a\n*", "a", true),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            ("*.md\n!README*.md\nREADME-secret.md", "README-x.md", false),
            ("# c\n\n  b  ", "b", true),
            ("{a,b}", "a", false),
        ] {
            assert_eq!(ignored(patterns, path), wanted, "{patterns:?} {path}");
        }
    }

    #[test]
    fn an_exception_forces_no_walk_elsewhere() {
        let rules = Ignore::parse("node_modules\nsrc\n!src/keep/x\n").unwrap();
        assert_eq!(
            rules.verdict("node_modules"),
            Verdict {
                ignored: true,
                prune: true
            }
        );
        assert_eq!(
            rules.verdict("src"),
            Verdict {
                ignored: true,
                prune: false
            }
        );
        assert_eq!(
            rules.verdict("src/keep"),
            Verdict {
                ignored: true,
                prune: false
            }
        );
        assert_eq!(
            rules.verdict("src/other"),
            Verdict {
                ignored: true,
                prune: true
            }
        );
        let rules = Ignore::parse("*\n!**/x").unwrap();
        assert!(!rules.verdict("a/b").prune);
    }

    #[test]
    fn refused() {
        assert!(Ignore::parse("a[").is_err());
        assert!(Ignore::parse("a\\").is_err());
        assert_eq!(
            Ignore::parse("\n! \n").unwrap_err(),
            IgnoreError::LoneExclamation(2)
        );
    }
}
