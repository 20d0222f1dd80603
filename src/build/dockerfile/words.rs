//! Quotes, escapes and variables within a line: what a shell does to words, as far as Dockerfiles have it.
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/reference.md`, "Environment replacement"; POSIX sh, 2.6.2.

use std::iter::Peekable;
use std::str::Chars;

use super::Problem;
use super::pattern::Pattern;

/// Nesting of `${a:-${b:-…}}`: each level is a level of recursion.
const MAX_DEPTH: usize = 64;

/// Bytes that variables may put into one text.
const MAX_EXPANDED: usize = 1 << 20;

/// Bytes of all variables at once.
const MAX_VARIABLES: usize = 8 << 20;

/// Counts what variables hold: with `ARG b=$a$a`, `ARG c=$b$b`, … each line doubles it.
#[derive(Debug, Clone, Default)]
pub struct Budget(usize);

impl Budget {
    /// Counts one more variable; one that had another value before counts once more.
    ///
    /// # Errors
    ///
    /// [`Problem::Variables`].
    pub fn take(&mut self, name: &str, value: Option<&str>) -> Result<(), Problem> {
        self.0 = (self.0).saturating_add(name.len() + value.map_or(0, str::len));
        match self.0 > MAX_VARIABLES {
            true => Err(Problem::Variables(MAX_VARIABLES)),
            false => Ok(()),
        }
    }
}

/// Where variables get their values.
pub trait Variables {
    /// Returns the value, or `None` where the variable is not set.
    fn get(&self, name: &str) -> Option<&str>;
}

impl<F: for<'a> Fn(&'a str) -> Option<&'static str>> Variables for F {
    fn get(&self, name: &str) -> Option<&str> {
        self(name)
    }
}

impl Variables for std::collections::BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        std::collections::BTreeMap::get(self, name).map(String::as_str)
    }
}

/// Expands words with one set of variables.
#[derive(Debug, Clone, Copy)]
pub struct Expander<'a, V: ?Sized> {
    variables: &'a V,
    escape: char,
    /// Whether quotes mean anything.
    quotes: bool,
}

impl<'a, V: Variables + ?Sized> Expander<'a, V> {
    /// Returns an expander; `escape` is the file's escape character.
    pub fn new(variables: &'a V, escape: char) -> Self {
        Expander {
            variables,
            escape,
            quotes: true,
        }
    }

    /// Removes quotes and replaces variables in `text`, which stays one word.
    ///
    /// # Errors
    ///
    /// [`Problem::UnterminatedQuote`], [`Problem::Substitution`], [`Problem::Modifier`], [`Problem::Required`].
    pub fn word(&self, text: &str) -> Result<String, Problem> {
        let mut scanner = Scanner::new(self, text);
        let found = scanner.until(None, false)?;
        Ok(found.text)
    }

    /// Returns where values come from.
    pub(super) fn variables(&self) -> &'a V {
        self.variables
    }

    /// Returns the escape character.
    pub(super) fn escape(&self) -> char {
        self.escape
    }

    /// Replaces variables in the text of a here-document: quotes are ordinary characters, and the escape is a backslash
    /// whatever the file's is. It goes away, and what follows it stays, whatever that is.
    ///
    /// # Errors
    ///
    /// As for [`Expander::word`].
    pub fn text(&self, text: &str) -> Result<String, Problem> {
        let plain = Expander {
            variables: self.variables,
            escape: '\\',
            quotes: false,
        };
        plain.word(text)
    }

    /// As [`Expander::word`], split at blanks that are neither quoted nor escaped. Blanks of values split, too.
    ///
    /// # Errors
    ///
    /// As for [`Expander::word`].
    pub fn words(&self, text: &str) -> Result<Vec<String>, Problem> {
        let mut scanner = Scanner::new(self, text);
        let found = scanner.until(None, false)?;
        Ok(found.words.done())
    }
}

/// One pass over a text.
struct Scanner<'a, V: ?Sized> {
    expander: &'a Expander<'a, V>,
    rest: Peekable<Chars<'a>>,
    depth: usize,
    /// What is left of [`MAX_EXPANDED`].
    left: usize,
}

/// The text so far, as one word and as several.
#[derive(Default)]
struct Found {
    text: String,
    words: Words,
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: String,
}

impl Words {
    fn literal(&mut self, text: &str) {
        self.word.push_str(text);
    }

    fn splitting(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.end_word();
            } else {
                self.word.push(c);
            }
        }
    }

    /// An empty word, quoted or not, is none.
    fn end_word(&mut self) {
        if !self.word.is_empty() {
            self.done.push(std::mem::take(&mut self.word));
        }
    }

    fn done(mut self) -> Vec<String> {
        self.end_word();
        self.done
    }
}

impl Found {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.words.literal(text);
    }

    fn splitting(&mut self, text: &str) {
        self.text.push_str(text);
        self.words.splitting(text);
    }
}

impl<'a, V: Variables + ?Sized> Scanner<'a, V> {
    fn new(expander: &'a Expander<'a, V>, text: &'a str) -> Self {
        Scanner {
            expander,
            rest: text.chars().peekable(),
            depth: 0,
            left: MAX_EXPANDED,
        }
    }

    /// Reads up to `stop`, or to the end where there is none. With `raw`, escapes are kept, for patterns.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result<Found, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::Substitution);
        }
        let mut found = Found::default();
        loop {
            let Some(c) = self.rest.next() else {
                if stop.is_some() {
                    return Err(Problem::Substitution);
                }
                break;
            };
            if Some(c) == stop {
                break;
            }
            match c {
                '\'' if self.expander.quotes => found.literal(&self.single_quoted()?),
                '"' if self.expander.quotes => found.literal(&self.double_quoted(raw)?),
                '$' => {
                    let value = self.dollar()?;
                    found.splitting(&value);
                }
                c if c == self.expander.escape => {
                    let Some(next) = self.rest.next() else { break };
                    if raw {
                        found.literal(&c.to_string());
                    }
                    found.literal(&next.to_string());
                }
                c => found.splitting(c.encode_utf8(&mut [0; 4])),
            }
        }
        self.depth -= 1;
        Ok(found)
    }

    fn single_quoted(&mut self) -> Result<String, Problem> {
        let mut text = String::new();
        for c in self.rest.by_ref() {
            if c == '\'' {
                return Ok(text);
            }
            text.push(c);
        }
        Err(Problem::UnterminatedQuote("single-quote"))
    }

    fn double_quoted(&mut self, raw: bool) -> Result<String, Problem> {
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return Ok(text),
                '$' => text.push_str(&self.dollar()?),
                c if c == self.expander.escape => {
                    // Only these three lose their meaning; before anything else the escape is an ordinary character.
                    let takes = |n: char| matches!(n, '"' | '$') || n == c;
                    match self.rest.next_if(|n| takes(*n)) {
                        Some(next) => {
                            if raw {
                                text.push(c);
                            }
                            text.push(next);
                        }
                        None => text.push(c),
                    }
                }
                c => text.push(c),
            }
        }
        Err(Problem::UnterminatedQuote("double-quote"))
    }

    /// What stands after `$`, as long as there is room for it.
    fn dollar(&mut self) -> Result<String, Problem> {
        let value = self.value()?;
        let left = self.left.checked_sub(value.len());
        self.left = left.ok_or(Problem::Variables(MAX_EXPANDED))?;
        Ok(value)
    }

    fn value(&mut self) -> Result<String, Problem> {
        if self.rest.next_if_eq(&'{').is_some() {
            return self.braces();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        Ok(self.expander.variables.get(&name).unwrap_or("").to_owned())
    }

    /// A variable's name, a number, or one of the shell's special parameters; empty where there is none.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.rest.peek() {
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.rest.next_if(char::is_ascii_digit) {
                    name.push(c);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.rest.next()),
            _ => {
                while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }

    /// What stands after `${`.
    fn braces(&mut self) -> Result<String, Problem> {
        if matches!(self.rest.peek(), None | Some('{' | '}' | ':')) {
            return Err(Problem::Substitution);
        }
        let name = self.name();
        let value = self.expander.variables.get(&name);
        let operator = self.rest.next().ok_or(Problem::Substitution)?;
        match operator {
            '}' => Ok(value.unwrap_or("").to_owned()),
            ':' => {
                let operator = self.rest.next().ok_or(Problem::Substitution)?;
                if !matches!(operator, '-' | '+' | '?') {
                    return Err(Problem::Modifier(format!(":{operator}")));
                }
                self.alternative(&name, value.filter(|v| !v.is_empty()), operator, true)
            }
            '-' | '+' | '?' => self.alternative(&name, value, operator, false),
            '#' | '%' => self.trimmed(value.unwrap_or(""), operator),
            '/' => self.replaced(value.unwrap_or("")),
            other => Err(Problem::Modifier(other.to_string())),
        }
    }

    /// `${v-word}`, `${v+word}`, `${v?word}`, and with a colon, where an empty value counts as none.
    fn alternative(
        &mut self,
        name: &str,
        value: Option<&str>,
        operator: char,
        colon: bool,
    ) -> Result<String, Problem> {
        let word = self.until(Some('}'), false)?.text;
        Ok(match (operator, value) {
            ('+', Some(_)) => word,
            ('+', None) => String::new(),
            (_, Some(value)) => value.to_owned(),
            ('-', None) => word,
            (_, None) if !word.is_empty() => {
                return Err(Problem::Required(format!("{name}: {word}")));
            }
            (_, None) => {
                let state = if colon { "empty" } else { "unset" };
                return Err(Problem::Required(format!(
                    "{name}: is not allowed to be {state}"
                )));
            }
        })
    }

    /// `${v#p}`, `${v##p}`, `${v%p}`, `${v%%p}`.
    fn trimmed(&mut self, value: &str, operator: char) -> Result<String, Problem> {
        let longest = self.rest.next_if_eq(&operator).is_some();
        let pattern = Pattern::new(&self.until(Some('}'), true)?.text)?;
        let kept = if operator == '#' {
            &value[pattern.prefix(value, longest).unwrap_or(0)..]
        } else {
            &value[..pattern.suffix(value, longest).unwrap_or(value.len())]
        };
        Ok(kept.to_owned())
    }

    /// `${v/p/r}` and `${v//p/r}`. Escapes in the replacement stay.
    fn replaced(&mut self, value: &str) -> Result<String, Problem> {
        let all = self.rest.next_if_eq(&'/').is_some();
        let pattern = Pattern::new(&self.until(Some('/'), true)?.text)?;
        let replacement = self.until(Some('}'), true)?.text;
        let replaced = pattern.replace(value, &replacement, all, self.left);
        replaced.ok_or(Problem::Variables(MAX_EXPANDED))
    }
}

/// Splits `text` at blanks outside of quotes, and leaves quotes, escapes and variables as they are. Each word is looked for
/// when it is asked for: an instruction may have thousands of flags.
pub(super) fn raw_words(text: &str, escape: char) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let end = word_end(rest, escape);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Returns where the word ends that `text` begins with.
fn word_end(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => return at,
            (Some('\''), c) if c == escape && c != '\'' => {}
            (_, c) if c == escape => {
                chars.next();
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, Problem> {
        Expander::new(&values, '\\').word(text)
    }

    fn values(name: &str) -> Option<&'static str> {
        Some(match name {
            "PWD" => "/home",
            "SHELL" => "bash",
            "EMPTY" => "",
            "TWO" => "a b",
            "FILE" => "/usr/lib/x.tar.gz",
            _ => return None,
        })
    }

    #[test]
    fn one_word() {
        for (text, wanted) in [
            ("hello", "hello"),
            ("he'll'o", "hello"),
            ("\"he$PWD\"", "he/home"),
            ("'he$PWD'", "he$PWD"),
            ("he\\$PWD", "he$PWD"),
            ("\"a\\b\\\"c\"", "a\\b\"c"),
            ("$", "$"),
            ("a$.b", "a$.b"),
            ("$PWD.x", "/home.x"),
            ("${PWD}x", "/homex"),
            ("$NONE-x", "-x"),
            ("${NONE:-x}", "x"),
            ("${NONE-x}", "x"),
            ("${EMPTY-x}", ""),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY:+x}", ""),
            ("${EMPTY+x}", "x"),
            ("${PWD:+${SHELL}}", "bash"),
            ("${NONE:-${NONE:-deep}}", "deep"),
            ("${PWD:?no}", "/home"),
            ("${FILE#*/}", "usr/lib/x.tar.gz"),
            ("${FILE##*/}", "x.tar.gz"),
            ("${FILE%.*}", "/usr/lib/x.tar"),
            ("${FILE%%.*}", "/usr/lib/x"),
            ("${FILE/usr/opt}", "/opt/lib/x.tar.gz"),
            ("${FILE//\\//-}", "-usr-lib-x.tar.gz"),
            ("a\\ b", "a b"),
            ("tail\\", "tail"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn refused() {
        for text in [
            "${}",
            "${:x}",
            "${",
            "${PWD",
            "${{x}}",
            "${NONE:?}",
            "${NONE?say}",
            "${PWD^}",
            "'x",
            "\"x",
            "${PWD:=x}",
        ] {
            assert!(expand(text).is_err(), "{text}");
        }
        assert_eq!(
            expand("${NONE:?say}"),
            Err(Problem::Required("NONE: say".into()))
        );
        assert!(expand(&"${a:-".repeat(10_000)).is_err());
    }

    #[test]
    fn several_words() {
        let words = |text: &str| Expander::new(&values, '\\').words(text).unwrap();
        assert_eq!(words("a  b"), ["a", "b"]);
        assert_eq!(words("x$TWO 'c d'"), ["xa", "b", "c d"]);
        assert_eq!(words("\"$TWO\" ''"), ["a b"]);
        assert_eq!(words(" $EMPTY "), Vec::<String>::new());
    }

    #[test]
    fn raw() {
        assert_eq!(
            raw_words("a 'b c' \"d e\"f g\\ h", '\\').collect::<Vec<_>>(),
            ["a", "'b c'", "\"d e\"f", "g\\ h"]
        );
    }
}
