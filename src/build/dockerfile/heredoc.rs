//! Here-documents of RUN, COPY and ADD: `<<NAME`, `<<-NAME`, `<<"NAME"`, `3<<NAME`.

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
    /// Reads a raw word (with its quotes) as the beginning of a here-document.
    pub(super) fn of_word(word: &str) -> Option<Opening> {
        let at = word.find("<<")?;
        let (digits, rest) = (&word[..at], &word[at + 2..]);
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let descriptor = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
        let (chomp, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        // `<<<` is bash's here-string, and stays in the command.
        if rest.contains('<') {
            return None;
        }
        let name: String = rest
            .chars()
            .filter(|c| !matches!(c, '"' | '\'' | '\\'))
            .collect();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        Some(Opening {
            expand: name == rest,
            name,
            chomp,
            descriptor,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_open_one() {
        let open =
            |word: &str| Opening::of_word(word).map(|o| (o.name, o.expand, o.chomp, o.descriptor));
        assert_eq!(open("<<EOF"), Some(("EOF".into(), true, false, 0)));
        assert_eq!(open("<<-EOF"), Some(("EOF".into(), true, true, 0)));
        assert_eq!(open("3<<'E'"), Some(("E".into(), false, false, 3)));
        assert_eq!(open("<<\"a.txt\""), Some(("a.txt".into(), false, false, 0)));
        assert_eq!(open("<<E\"O\"F"), Some(("EOF".into(), false, false, 0)));
        for word in ["<<", "<<<EOF", "a<<EOF", "<EOF", "x", "<<-", "<<''"] {
            assert_eq!(open(word), None, "{word}");
        }
    }
}
