//! Here-documents of RUN, COPY and ADD: `<<NAME`, `<<-NAME`, `<<"NAME"`, `3<<NAME`, `<<  NAME`.
//!
//! Words are split here as BuildKit splits them for this purpose: the escape is a backslash whatever the file's is, blanks
//! after `<<` belong to the word, and in a line whose quotes do not pair there is no here-document at all.

use super::Problem;

/// One here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, unquoted. COPY and ADD take it as the file's name.
    pub name: String,
    /// Whether variables in it are expanded: the word was not quoted.
    pub expand: bool,
    /// `<<-`: leading tabs of each line are dropped.
    pub chomp: bool,
    /// The descriptor before `<<`, 0 if none.
    pub descriptor: u32,
    /// The lines between, each with its end, as written: a shell that gets the document chomps it by itself.
    pub content: String,
}

impl Heredoc {
    /// Returns the content as a file gets it: with `<<-`, without the tabs that lines begin with.
    pub fn file_content(&self) -> String {
        if !self.chomp {
            return self.content.clone();
        }
        let lines = self.content.split_inclusive('\n');
        lines.map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// What a word announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) name: String,
    pub(super) expand: bool,
    pub(super) chomp: bool,
    pub(super) descriptor: u32,
}

impl Opening {
    /// Finds all that are opened in a line, in order.
    ///
    /// # Errors
    ///
    /// As for [`Opening::of_word`].
    pub(super) fn all_of_line(line: &str) -> Result<Vec<Opening>, Problem> {
        let mut openings = Vec::new();
        for word in words(line).unwrap_or_default() {
            openings.extend(Opening::of_word(word)?);
        }
        Ok(openings)
    }

    /// Reads a raw word (with its quotes) as the beginning of a here-document.
    ///
    /// # Errors
    ///
    /// [`Problem::UnterminatedQuote`].
    pub(super) fn of_word(word: &str) -> Result<Option<Opening>, Problem> {
        let Some((digits, rest)) = word.split_once("<<") else {
            return Ok(None);
        };
        let descriptor = match digits {
            "" => Some(0),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        let (chomp, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start();
        // `<<<` is bash's here-string, and stays in the command.
        let (Some(descriptor), false) = (descriptor, rest.is_empty() || rest.contains('<')) else {
            return Ok(None);
        };
        Ok(name(rest)?.map(|(name, quoted)| Opening {
            expand: !quoted,
            name,
            chomp,
            descriptor,
        }))
    }

    /// Whether `line` (without its end) ends the document.
    pub(super) fn ends_with(&self, line: &str) -> bool {
        let line = if self.chomp {
            line.trim_start_matches('\t')
        } else {
            line
        };
        line == self.name
    }

    pub(super) fn with_content(self, content: String) -> Heredoc {
        Heredoc {
            name: self.name,
            expand: self.expand,
            chomp: self.chomp,
            descriptor: self.descriptor,
            content,
        }
    }
}

/// The word that ends the document without its quotes, and whether it had any; `None` where there is not one word.
fn name(text: &str) -> Result<Option<(String, bool)>, Problem> {
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                quoted = true;
                let kind = if c == '"' {
                    "double-quote"
                } else {
                    "single-quote"
                };
                loop {
                    match chars.next().ok_or(Problem::UnterminatedQuote(kind))? {
                        end if end == c => break,
                        inner => name.push(inner),
                    }
                }
            }
            '\\' => name.extend(chars.next()),
            c if c.is_whitespace() => return Ok(None),
            c => name.push(c),
        }
    }
    Ok((!name.is_empty()).then_some((name, quoted)))
}

/// The words of a line, quotes kept; `None` if a quote is not closed.
fn words(line: &str) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            words.extend(start.take().map(|start| &line[start..at]));
            continue;
        }
        start.get_or_insert(at);
        match c {
            '\\' => drop(chars.next()),
            '\'' => drop(chars.find(|(_, c)| *c == '\'')?),
            '"' => loop {
                match chars.next()?.1 {
                    '"' => break,
                    '\\' => drop(chars.next()),
                    _ => {}
                }
            },
            '<' if chars.next_if(|(_, c)| *c == '<').is_some() => {
                chars.next_if(|(_, c)| *c == '-');
                while chars.next_if(|(_, c)| matches!(c, ' ' | '\t')).is_some() {}
            }
            _ => {}
        }
    }
    words.extend(start.map(|start| &line[start..]));
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_open_one() {
        let open = |word: &str| {
            let opening = Opening::of_word(word).unwrap();
            opening.map(|o| (o.name, o.expand, o.chomp, o.descriptor))
        };
        for (word, name, expand, chomp, descriptor) in [
            ("<<EOF", "EOF", true, false, 0),
            ("<<-EOF", "EOF", true, true, 0),
            ("3<<'E'", "E", false, false, 3),
            ("<<\"a.txt\"", "a.txt", false, false, 0),
            ("<<E\"O\"F", "EOF", false, false, 0),
            ("<<-'EOF'", "EOF", false, true, 0),
            ("<< EOF", "EOF", true, false, 0),
            ("<<- EOF", "EOF", true, true, 0),
            ("<< -EOF", "-EOF", true, false, 0),
            ("<<e\\'f", "e'f", true, false, 0),
            ("<<'e'o\\'f", "eo'f", false, false, 0),
            ("<<'one two'", "one two", false, false, 0),
            ("<<$EOF", "$EOF", true, false, 0),
        ] {
            assert_eq!(
                open(word),
                Some((name.to_owned(), expand, chomp, descriptor)),
                "{word}"
            );
        }
        for word in [
            "", "EOF", "<<", "<<<EOF", "a<<EOF", "<EOF", "x", "<<-", "<<''", "<<EOF sh",
        ] {
            assert_eq!(open(word), None, "{word}");
        }
        for word in ["<<'EOF", "<<\"EOF", "<<EOF'", "<<EOF\""] {
            assert!(Opening::of_word(word).is_err(), "{word}");
        }
    }

    #[test]
    fn lines_that_open_some() {
        for (line, names) in [
            ("RUN <<EOF <<-  E2 > x", vec!["EOF", "E2"]),
            ("RUN 4<<EOF cat", vec!["EOF"]),
            ("RUN '<<EOF' \"<<EOF\" \\<<EOF", vec![]),
            ("RUN echo $((1<<2)) a<<EOF", vec![]),
            ("RUN echo it's <<EOF", vec![]),
        ] {
            let found = Opening::all_of_line(line).unwrap();
            let found: Vec<&str> = found.iter().map(|o| o.name.as_str()).collect();
            assert_eq!(found, names, "{line}");
        }
    }
}
