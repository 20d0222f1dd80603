//! What is wrong with a Dockerfile, and where.

use super::Span;
use super::suggest::did_you_mean;

/// A Dockerfile that cannot be read, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dockerfile parse error on line {}: {problem}", span.first)]
pub struct Error {
    /// Where.
    pub span: Span,
    /// What.
    pub problem: Problem,
}

/// What is wrong. The words are BuildKit's where scripts may look for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No instruction at all.
    #[error("file with no instructions")]
    Empty,
    /// Larger than [`super::MAX_DOCKERFILE_BYTES`].
    #[error("the file is larger than {} bytes", super::MAX_DOCKERFILE_BYTES)]
    TooLarge,
    /// Not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// `# escape=x`.
    #[error("invalid ESCAPE '{0}' does not match ` or \\")]
    Escape(String),
    /// The same directive again.
    #[error("only one {0} parser directive can be used")]
    DirectiveTwice(String),
    /// A word that is no instruction, and the instruction that may have been meant.
    #[error("unknown instruction: {0}{hint}", hint = did_you_mean(*.1))]
    UnknownInstruction(String, Option<&'static str>),
    /// `<<EOF` without its end.
    #[error("unterminated heredoc: no line {0:?} ends it")]
    UnterminatedHeredoc(String),
    /// A quote without its end.
    #[error("unexpected end of statement while looking for matching {0}")]
    UnterminatedQuote(&'static str),
    /// A pattern with an escape that means nothing.
    #[error("invalid pattern ({0}) in substitution")]
    Pattern(String),
    /// `$` forms the language does not have.
    #[error("unsupported modifier ({0}) in substitution")]
    Modifier(String),
    /// `${}` and the like.
    #[error("syntax error: bad substitution")]
    Substitution,
    /// `${v:?words}` of a variable without a value.
    #[error("{0}")]
    Required(String),
    /// More bytes than variables may have.
    #[error("variables have more than {0} bytes")]
    Variables(usize),
    /// The instruction needs arguments.
    #[error("{0} requires {1}")]
    Arguments(&'static str, &'static str),
    /// `ENV a` and `LABEL a`.
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    /// `ENV a=b c`.
    #[error("syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NoEquals(String),
    /// `ENV =b`.
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    /// A flag the instruction does not have, and the flag that may have been meant.
    #[error("unknown flag: --{0}{hint}", hint = did_you_mean(*.1))]
    UnknownFlag(String, Option<&'static str>),
    /// A flag twice.
    #[error("duplicate flag specified: --{0}")]
    DuplicateFlag(String),
    /// `--chown` without a value.
    #[error("missing a value on flag: --{0}")]
    FlagValue(String),
    /// Anything else, in words of its own.
    #[error("{0}")]
    Other(String),
}

impl Problem {
    /// Gives the problem its place.
    pub fn at(self, span: Span) -> Error {
        Error {
            span,
            problem: self,
        }
    }
}
