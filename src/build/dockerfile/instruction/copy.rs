//! COPY and ADD.

use super::super::heredoc::{Heredoc, Opening};
use super::super::parse::Argument;
use super::flags::Flags;
use super::{Problem, Reader, Variables};

/// `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// ADD: archives are unpacked, URLs fetched.
    pub is_add: bool,
    /// Paths with wildcards, URLs.
    pub sources: Vec<String>,
    /// Files given in the Dockerfile itself.
    pub inline: Vec<Heredoc>,
    /// Where they go.
    pub destination: String,
    /// `--from`.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`, octal or symbolic.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`, in order.
    pub exclude: Vec<String>,
    /// ADD's `--checksum`.
    pub checksum: Option<String>,
    /// ADD's `--keep-git-dir`.
    pub keep_git_dir: bool,
    /// ADD's `--unpack`; `None` for the default: local archives are, remote ones are not.
    pub unpack: Option<bool>,
}

/// The flags of COPY.
const COPY: [&str; 6] = ["from", "chown", "chmod", "link", "parents", "exclude"];

/// The flags of ADD.
const ADD: [&str; 7] = [
    "chown",
    "chmod",
    "link",
    "exclude",
    "checksum",
    "keep-git-dir",
    "unpack",
];

impl<V: Variables + ?Sized> Reader<'_, V> {
    pub(super) fn copy(&self, is_add: bool) -> Result<Copy, Problem> {
        let instruction = self.node.instruction;
        let (Argument::Words(words) | Argument::Json(words)) = &self.node.argument else {
            return Err(self.arguments("at least two arguments"));
        };
        let Some((destination, sources)) = words.split_last().filter(|(_, s)| !s.is_empty()) else {
            let given = if words.is_empty() { "none" } else { "one" };
            return Err(Problem::Other(format!(
                "{instruction} requires at least two arguments, but only {given} was provided. Destination could not be determined"
            )));
        };
        if opens_heredoc(destination) {
            let words = format!("{instruction} cannot accept a heredoc as a destination");
            return Err(Problem::Other(words));
        }
        let flags = Flags::of(self.node, if is_add { &ADD } else { &COPY })?;
        let from = flags.value("from")?.filter(|from| !from.is_empty());
        if from.is_some_and(|from| from.contains('$')) {
            return Err(Problem::Other(
                "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround"
                    .to_owned(),
            ));
        }
        let inline = self.node.heredocs.iter().map(|heredoc| self.file(heredoc));
        let files = |source: &&String| self.node.heredocs.is_empty() || !opens_heredoc(source);
        let paths = sources.iter().filter(files);
        Ok(Copy {
            is_add,
            inline: inline.collect::<Result<_, _>>()?,
            sources: paths
                .map(|source| self.expander.word(source))
                .collect::<Result<_, _>>()?,
            destination: self.expander.word(destination)?,
            from: from.map(str::to_owned),
            chown: self.expanded(flags.value("chown")?)?,
            chmod: self.expanded(flags.value("chmod")?)?,
            link: flags.boolean("link")?.unwrap_or(false),
            parents: flags.boolean("parents")?.unwrap_or(false),
            exclude: flags
                .values("exclude")?
                .into_iter()
                .map(str::to_owned)
                .collect(),
            checksum: self.expanded(flags.value("checksum")?)?,
            keep_git_dir: flags.boolean("keep-git-dir")?.unwrap_or(false),
            unpack: flags.boolean("unpack")?,
        })
    }

    /// A here-document as the file it becomes.
    fn file(&self, heredoc: &Heredoc) -> Result<Heredoc, Problem> {
        let content = heredoc.file_content();
        Ok(Heredoc {
            content: if heredoc.expand {
                self.expander.text(&content)?
            } else {
                content
            },
            chomp: false,
            ..heredoc.clone()
        })
    }
}

fn opens_heredoc(word: &str) -> bool {
    matches!(Opening::of_word(word), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::super::Instruction;
    use super::super::tests::read;
    use super::Copy;

    fn copy(text: &str) -> Copy {
        match read(text) {
            Ok(Instruction::Copy(copy)) => *copy,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn flags_and_paths() {
        let copy = copy(
            "COPY --from=x --link --parents --chmod=u=rwX,go=rX --exclude=*.o --exclude=$DIR src $DIR/",
        );
        assert!(copy.link && copy.parents && !copy.is_add);
        assert_eq!(copy.destination, "/srv/");
        assert_eq!(copy.exclude, ["*.o", "$DIR"]);
        assert_eq!(copy.chmod.as_deref(), Some("u=rwX,go=rX"));
    }

    #[test]
    fn heredocs() {
        let mixed = copy("COPY <<a <<'b' c /d/\n$TAG \\$TAG 'x \\n\na\n$TAG\nb\n");
        assert_eq!(mixed.sources, ["c"]);
        assert_eq!(mixed.inline[0].content, "3.9 $TAG 'x n\n");
        assert_eq!(mixed.inline[1].content, "$TAG\n");
        let chomped = copy("COPY <<-EOF /bar\n\tTEST\n\tEOF\n");
        assert_eq!(chomped.inline[0].content, "TEST\n");
        // After BuildKit's TestCopyHeredocSpecialSymbols.
        for (text, wanted) in [
            ("\"quotes\"", "\"quotes\""),
            ("\\", ""),
            ("\\\\", "\\"),
            ("\\$", "$"),
        ] {
            let found = copy(&format!("COPY <<EOF /f\n{text}\nEOF\n"));
            assert_eq!(found.inline[0].content, format!("{wanted}\n"), "{text}");
            let raw = copy(&format!("COPY <<\"EOF\" /f\n{text}\nEOF\n"));
            assert_eq!(raw.inline[0].content, format!("{text}\n"), "{text}");
        }
    }

    #[test]
    fn refused() {
        for bad in [
            "COPY a",
            "COPY",
            "ADD --from=x a b",
            "COPY --checksum=x a b",
            "COPY --from=$TAG a b",
            "COPY /foo <<EOF\nEOF",
            "COPY \"a b\" c",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
