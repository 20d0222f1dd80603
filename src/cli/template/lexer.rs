//! Text → tokens. Spec: text/template/parse/lex.go.

use super::{Error, parse_error};

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
    /// Just behind its last byte.
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Outside of `{{` and `}}`, trimmed.
    Text(String),
    Open,
    Close,
    /// A run of white space, which separates arguments.
    Space,
    /// `.Name`.
    Field(String),
    /// `.` alone.
    Dot,
    /// `$` or `$name`, without the dollar.
    Variable(String),
    /// A function, keyword or constant.
    Word(String),
    /// A quoted text, unquoted.
    String(String),
    Integer(i64),
    Float(f64),
    Pipe,
    Comma,
    Assign,
    Declare,
    OpenParen,
    CloseParen,
}

/// Cuts `source` into tokens.
pub(super) fn lex(source: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut trim_left = false;
    while at <= source.len() {
        let open = source[at..].find("{{").map(|offset| at + offset);
        let mut text = &source[at..open.unwrap_or(source.len())];
        if trim_left {
            text = text.trim_start_matches(is_space);
        }
        let Some(open) = open else {
            push_text(&mut tokens, text, at, source.len());
            break;
        };
        let mut inside = open + 2;
        if trims(&source[inside..]) {
            text = text.trim_end_matches(is_space);
            inside += 2;
        }
        push_text(&mut tokens, text, at, open);
        let body = &source[inside..];
        if body.starts_with("/*") {
            (at, trim_left) = comment(source, inside)?;
            continue;
        }
        tokens.push(token(Kind::Open, open, inside));
        (at, trim_left) = action(source, inside, &mut tokens)?;
    }
    Ok(tokens)
}

fn push_text(tokens: &mut Vec<Token>, text: &str, at: usize, end: usize) {
    if !text.is_empty() {
        tokens.push(token(Kind::Text(text.to_owned()), at, end));
    }
}

fn token(kind: Kind, at: usize, end: usize) -> Token {
    Token { kind, at, end }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// `{{- `: a minus and white space.
fn trims(inside: &str) -> bool {
    inside.starts_with('-') && inside[1..].starts_with(is_space)
}

/// Skips a comment; returns where it ends and whether it trims what follows.
fn comment(source: &str, at: usize) -> Result<(usize, bool), Error> {
    let end = source[at..]
        .find("*/")
        .ok_or_else(|| parse_error(source, at, "unclosed comment"))?;
    let rest = &source[at + end + 2..];
    let after = at + end + 2;
    if rest.starts_with("}}") {
        Ok((after + 2, false))
    } else if rest.starts_with(is_space) && rest[1..].starts_with("-}}") {
        Ok((after + 4, true))
    } else {
        Err(parse_error(
            source,
            at,
            "comment ends before closing delimiter",
        ))
    }
}

/// Cuts what stands between the delimiters; returns where it ends and whether it trims what follows.
fn action(source: &str, start: usize, tokens: &mut Vec<Token>) -> Result<(usize, bool), Error> {
    let mut at = start;
    let mut parens = 0_usize;
    loop {
        let rest = &source[at..];
        let Some(first) = rest.chars().next() else {
            return Err(parse_error(source, at, "unclosed action"));
        };
        let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
        if trims || rest.starts_with("}}") {
            if parens > 0 {
                return Err(parse_error(source, at, "unclosed left paren"));
            }
            let begin = at + if trims { 2 } else { 0 };
            tokens.push(token(Kind::Close, begin, begin + 2));
            return Ok((begin + 2, trims));
        }
        let (kind, length) = match first {
            c if is_space(c) => {
                // White space before a trimming end belongs to the end.
                let length = rest.len() - rest.trim_start_matches(is_space).len();
                let length = if rest[length..].starts_with("-}}") {
                    length - 1
                } else {
                    length
                };
                (Kind::Space, length.max(1))
            }
            ':' if rest.starts_with(":=") => (Kind::Declare, 2),
            ':' => return Err(parse_error(source, at, "expected :=")),
            '=' => (Kind::Assign, 1),
            '|' => (Kind::Pipe, 1),
            ',' => (Kind::Comma, 1),
            '(' => {
                parens += 1;
                (Kind::OpenParen, 1)
            }
            ')' => {
                parens = parens
                    .checked_sub(1)
                    .ok_or_else(|| parse_error(source, at, "unexpected right paren"))?;
                (Kind::CloseParen, 1)
            }
            '"' => quoted(source, at)?,
            '`' => match rest[1..].find('`') {
                Some(end) => (Kind::String(rest[1..=end].to_owned()), end + 2),
                None => return Err(parse_error(source, at, "unterminated raw quoted string")),
            },
            '\'' => character(source, at)?,
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let name = word(&rest[1..]);
                match name {
                    "" => (Kind::Dot, 1),
                    name => (Kind::Field(name.to_owned()), name.len() + 1),
                }
            }
            '$' => {
                let name = word(&rest[1..]);
                (Kind::Variable(name.to_owned()), name.len() + 1)
            }
            c if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => number(source, at)?,
            c if c == '_' || c.is_alphabetic() => {
                let name = word(rest);
                (Kind::Word(name.to_owned()), name.len())
            }
            c => {
                let message = format!("unrecognized character in action: U+{:04X} {c:?}", c as u32);
                return Err(parse_error(source, at, &message));
            }
        };
        let ends = matches!(kind, Kind::Field(_) | Kind::Variable(_) | Kind::Word(_));
        tokens.push(token(kind, at, at + length));
        at += length;
        let next = source[at..].chars().next();
        if ends && !next.is_none_or(ends_word) {
            let message = format!("bad character {:?}", next.unwrap_or_default());
            return Err(parse_error(source, at, &message));
        }
    }
}

/// What may follow a name. Spec: `lexer.atTerminator`.
fn ends_word(c: char) -> bool {
    is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(' | '}' | '=')
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len());
    &text[..end]
}

/// A text in double quotes, with Go's escapes.
fn quoted(source: &str, at: usize) -> Result<(Kind, usize), Error> {
    let unterminated = || parse_error(source, at, "unterminated quoted string");
    let mut text = String::new();
    let mut rest = &source[at + 1..];
    loop {
        let c = rest.chars().next().ok_or_else(unterminated)?;
        match c {
            '"' => return Ok((Kind::String(text), source.len() - rest.len() + 1 - at)),
            '\n' => return Err(unterminated()),
            '\\' => {
                let (c, length) =
                    escape(rest).ok_or_else(|| parse_error(source, at, "invalid syntax"))?;
                text.push(c);
                rest = &rest[length..];
            }
            c => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}

/// A character in single quotes, which is a number.
fn character(source: &str, at: usize) -> Result<(Kind, usize), Error> {
    let unterminated = || parse_error(source, at, "unterminated character constant");
    let rest = &source[at + 1..];
    let first = rest.chars().next().ok_or_else(unterminated)?;
    let (c, length) = match first {
        '\\' => escape(rest).ok_or_else(unterminated)?,
        c => (c, c.len_utf8()),
    };
    if !rest[length..].starts_with('\'') {
        return Err(unterminated());
    }
    Ok((Kind::Integer(i64::from(c as u32)), length + 2))
}

/// Reads an escape sequence, backslash included; returns its character and length.
fn escape(text: &str) -> Option<(char, usize)> {
    let kind = text[1..].chars().next()?;
    let simple = |c| Some((c, 1 + kind.len_utf8()));
    let hex = |digits: usize| {
        let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
        Some((char::from_u32(code)?, 2 + digits))
    };
    match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' | '"' | '\'' => simple(kind),
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        '0'..='7' => {
            let code = u32::from_str_radix(text.get(1..4)?, 8).ok()?;
            Some((char::from_u32(code)?, 4))
        }
        _ => None,
    }
}

/// A number: decimal, `0x`, `0o`, `0b`, with underscores, or floating-point.
fn number(source: &str, at: usize) -> Result<(Kind, usize), Error> {
    let rest = &source[at..];
    let mut end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(0);
    let prefixed = rest[end..].len() > 1
        && rest[end..].starts_with('0')
        && matches!(
            rest.as_bytes()[end + 1],
            b'x' | b'X' | b'o' | b'O' | b'b' | b'B'
        );
    while let Some(c) = rest[end..].chars().next() {
        let after_exponent = !prefixed && rest[..end].ends_with(['e', 'E']);
        if c == '_' || c == '.' || c.is_alphanumeric() || (after_exponent && matches!(c, '+' | '-'))
        {
            end += c.len_utf8();
        } else {
            break;
        }
    }
    let text = rest[..end].replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let lower = digits.to_ascii_lowercase();
    let integer = match lower.as_bytes() {
        [b'0', b'x', ..] => i64::from_str_radix(&format!("{sign}{}", &lower[2..]), 16),
        [b'0', b'o', ..] => i64::from_str_radix(&format!("{sign}{}", &lower[2..]), 8),
        [b'0', b'b', ..] => i64::from_str_radix(&format!("{sign}{}", &lower[2..]), 2),
        [b'0', b'0'..=b'7', ..] if !lower.contains(['.', 'e']) => {
            i64::from_str_radix(&format!("{sign}{}", &lower[1..]), 8)
        }
        _ => format!("{sign}{lower}").parse::<i64>(),
    };
    let plain = lower
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    let kind = match (integer, format!("{sign}{lower}").parse::<f64>()) {
        (Ok(integer), _) => Kind::Integer(integer),
        // Go takes a floating-point constant that is a whole number for an integer.
        (_, Ok(float)) if plain && float.fract() == 0.0 && float.abs() < 9e15 => {
            Kind::Integer(float as i64)
        }
        (_, Ok(float)) if plain => Kind::Float(float),
        _ => {
            let message = format!("bad number syntax: {:?}", &rest[..end.max(1)]);
            return Err(parse_error(source, at, &message));
        }
    };
    Ok((kind, end))
}
