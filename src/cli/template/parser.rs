//! Tokens → tree. Spec: text/template/parse/parse.go.

use std::collections::BTreeMap;

use super::funcs;
use super::lexer::{Kind, Token};
use super::limits::MAX_DEPTH;
use super::{Error, parse_error};

/// A piece of the source, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Where Go says it is: for `.A.B`, at the second field.
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    Template {
        name: String,
        argument: Option<Pipeline>,
        span: Span,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// `$a, $b := command | command`.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) variables: Vec<String>,
    /// `=` in place of `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(super) struct Command {
    /// Never empty.
    pub(super) operands: Vec<Operand>,
    pub(super) span: Span,
}

#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) kind: OperandKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Function(String),
    /// `.A.B`.
    Field(Vec<String>),
    /// `$x.A.B`.
    Variable(String, Vec<String>),
    /// `(pipeline)`.
    Pipeline(Box<Pipeline>),
    /// `(pipeline).A.B`.
    Chain(Box<Operand>, Vec<String>),
}

/// The parsed main template and those it defines.
type Parsed = (Vec<Node>, BTreeMap<String, Vec<Node>>);

/// Builds the tree.
pub(super) fn parse(source: &str, tokens: &[Token]) -> Result<Parsed, Error> {
    let mut parser = Parser {
        source,
        tokens,
        next: 0,
        variables: vec![String::new()],
        loops: 0,
        depth: 0,
        defined: BTreeMap::new(),
    };
    let (body, end) = parser.list(false)?;
    match end {
        End::OfText => Ok((body, parser.defined)),
        End::Reached => Err(parser.error("unexpected {{end}}")),
        End::Else => Err(parser.error("unexpected {{else}}")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token],
    next: usize,
    /// Names in scope; `""` is `$`.
    variables: Vec<String>,
    loops: usize,
    depth: usize,
    defined: BTreeMap<String, Vec<Node>>,
}

/// What ended a list of nodes. After `{{else` the parser stands behind the word.
#[derive(Debug, PartialEq, Eq)]
enum End {
    OfText,
    Reached,
    Else,
}

impl<'a> Parser<'a> {
    fn error(&self, message: &str) -> Error {
        parse_error(self.source, self.position(), message)
    }

    /// Where the token that comes next begins.
    fn position(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.source.len(), |token| token.at)
    }

    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn take(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.next);
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Kind::Space) {
            self.next += 1;
        }
    }

    fn unexpected(&self, context: &str) -> Error {
        let what = match self.tokens.get(self.next) {
            None => "EOF".to_owned(),
            Some(token) => format!("{:?}", &self.source[token.at..token.end]).replace("\\\"", "\""),
        };
        let what = if what == "\"}}\"" {
            "\"}}\"".to_owned()
        } else {
            what
        };
        self.error(&format!("unexpected {what} in {context}"))
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("max expression depth exceeded"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Nodes up to `{{end}}`, `{{else` or the end of the text.
    fn list(&mut self, nested: bool) -> Result<(Vec<Node>, End), Error> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                None if nested => return Err(self.error("unexpected EOF")),
                None => return Ok((nodes, End::OfText)),
                Some(Kind::Text(text)) => {
                    nodes.push(Node::Text(text.clone()));
                    self.next += 1;
                }
                Some(_) => {
                    // Outside of text there are only actions.
                    self.next += 1;
                    self.skip_space();
                    if let Some(end) = self.action(&mut nodes)? {
                        return Ok((nodes, end));
                    }
                }
            }
        }
    }

    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<Option<End>, Error> {
        let word = match self.peek() {
            Some(Kind::Word(word)) => word.as_str(),
            _ => "",
        };
        if matches!(
            word,
            "if" | "with"
                | "range"
                | "template"
                | "block"
                | "define"
                | "end"
                | "else"
                | "break"
                | "continue"
        ) {
            self.next += 1;
        }
        match word {
            "end" => {
                self.close("end")?;
                return Ok(Some(End::Reached));
            }
            "else" => return Ok(Some(End::Else)),
            "if" => nodes.push(Node::If(self.nested(|p| p.branch("if"))?)),
            "with" => nodes.push(Node::With(self.nested(|p| p.branch("with"))?)),
            "range" => nodes.push(Node::Range(self.nested(|p| p.branch("range"))?)),
            "break" | "continue" => {
                if self.loops == 0 {
                    return Err(self.error(&format!("{{{{{word}}}}} outside {{{{range}}}}")));
                }
                self.close(word)?;
                nodes.push(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                });
            }
            "template" => nodes.push(self.template()?),
            "define" => {
                if self.depth > 0 {
                    return Err(self.error("unexpected {{define}}"));
                }
                let (name, _) = self.name("define clause")?;
                self.close("define clause")?;
                self.define(name)?;
            }
            "block" => {
                let (name, span) = self.name("block clause")?;
                let argument = Some(self.pipeline("block clause")?);
                self.define(name.clone())?;
                nodes.push(Node::Template {
                    name,
                    argument,
                    span,
                });
            }
            _ => {
                let pipeline = self.pipeline("command")?;
                nodes.push(Node::Action(pipeline));
            }
        }
        Ok(None)
    }

    /// The end of an action that has nothing more to say.
    fn close(&mut self, context: &str) -> Result<(), Error> {
        self.skip_space();
        if self.peek() != Some(&Kind::Close) {
            return Err(self.unexpected(context));
        }
        self.next += 1;
        Ok(())
    }

    /// The body of a `define` or `block`, which sees none of the variables around it.
    fn define(&mut self, name: String) -> Result<(), Error> {
        let variables = std::mem::replace(&mut self.variables, vec![String::new()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.nested(|p| p.list(true))?;
        if end == End::Else {
            return Err(self.error("unexpected {{else}} in define clause"));
        }
        self.variables = variables;
        self.loops = loops;
        self.defined.insert(name, body);
        Ok(())
    }

    fn template(&mut self) -> Result<Node, Error> {
        let start = self.tokens[..self.next]
            .iter()
            .rposition(|token| token.kind == Kind::Open)
            .map_or(0, |open| self.tokens[open].at);
        let (name, mut span) = self.name("template clause")?;
        self.skip_space();
        let argument = match self.peek() {
            Some(Kind::Close) => {
                self.next += 1;
                None
            }
            _ => Some(self.pipeline("template clause")?),
        };
        // Go shows the whole action.
        span.start = start;
        span.end = self.tokens[self.next - 1].end;
        Ok(Node::Template {
            name,
            argument,
            span,
        })
    }

    /// A quoted name.
    fn name(&mut self, context: &str) -> Result<(String, Span), Error> {
        self.skip_space();
        let Some(Kind::String(name)) = self.peek() else {
            return Err(self.unexpected(context));
        };
        let token = &self.tokens[self.next];
        self.next += 1;
        let span = Span {
            at: token.at,
            start: token.at,
            end: token.end,
        };
        Ok((name.clone(), span))
    }

    fn branch(&mut self, word: &str) -> Result<Branch, Error> {
        let scope = self.variables.len();
        let pipeline = self.pipeline(word)?;
        if word == "range" {
            self.loops += 1;
        }
        let (body, end) = self.list(true)?;
        if word == "range" {
            self.loops -= 1;
        }
        let mut otherwise = Vec::new();
        if end == End::Else {
            self.skip_space();
            match self.peek() {
                // `{{else if}}` and, since Go 1.23, `{{else with}}` share the `{{end}}`.
                Some(Kind::Word(next)) if next == word && word != "range" => {
                    self.next += 1;
                    let inner = self.nested(|p| p.branch(word))?;
                    otherwise.push(if word == "if" {
                        Node::If(inner)
                    } else {
                        Node::With(inner)
                    });
                }
                _ => {
                    self.close("else")?;
                    let (nodes, end) = self.list(true)?;
                    if end == End::Else {
                        return Err(self.error("expected end; found {{else}}"));
                    }
                    otherwise = nodes;
                }
            }
        }
        self.variables.truncate(scope);
        Ok(Branch {
            pipeline,
            body,
            otherwise,
        })
    }

    /// A pipeline and the end of its action.
    fn pipeline(&mut self, context: &str) -> Result<Pipeline, Error> {
        self.piped(context, &Kind::Close)
    }

    fn piped(&mut self, context: &str, end: &Kind) -> Result<Pipeline, Error> {
        self.skip_space();
        let (variables, assigns) = self.declarations(context)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(kind) if kind == end => {
                    if commands.is_empty() {
                        return Err(self.error(&format!("missing value for {context}")));
                    }
                    self.check_commands(&commands)?;
                    self.next += 1;
                    break;
                }
                Some(Kind::Pipe) if !commands.is_empty() => {
                    self.next += 1;
                    self.skip_space();
                    if self.peek().is_some_and(|kind| kind == end) {
                        return Err(self.error(&format!("missing value for {context}")));
                    }
                    commands.push(self.command(context)?);
                }
                Some(_) if commands.is_empty() => commands.push(self.command(context)?),
                _ => return Err(self.unexpected(context)),
            }
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline {
            variables,
            assigns,
            commands,
        })
    }

    /// Only the first command of a pipeline may be a plain value: the others are handed one.
    fn check_commands(&self, commands: &[Command]) -> Result<(), Error> {
        for (index, command) in commands.iter().enumerate().skip(1) {
            if matches!(
                command.operands[0].kind,
                OperandKind::Bool(_)
                    | OperandKind::Dot
                    | OperandKind::Nil
                    | OperandKind::Integer(_)
                    | OperandKind::Float(_)
                    | OperandKind::String(_)
            ) {
                return Err(self.error(&format!(
                    "non executable command in pipeline stage {}",
                    index + 1
                )));
            }
        }
        Ok(())
    }

    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
        let begin = self.next;
        let mut names = Vec::new();
        while let Some(Kind::Variable(name)) = self.peek() {
            self.next += 1;
            names.push(name.clone());
            self.skip_space();
            match self.peek() {
                Some(Kind::Declare) => {
                    self.next += 1;
                    return Ok((names, false));
                }
                Some(Kind::Assign) => {
                    self.next += 1;
                    for name in &names {
                        self.known(name)?;
                    }
                    return Ok((names, true));
                }
                Some(Kind::Comma) if context == "range" && names.len() < 2 => {
                    self.next += 1;
                    self.skip_space();
                }
                Some(Kind::Comma) => {
                    return Err(self.error(&format!("too many declarations in {context}")));
                }
                _ => break,
            }
        }
        self.next = begin;
        Ok((Vec::new(), false))
    }

    fn known(&self, name: &str) -> Result<(), Error> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(self.error(&format!("undefined variable \"${name}\"")))
    }

    fn command(&mut self, context: &str) -> Result<Command, Error> {
        let start = self.position();
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(Kind::Pipe | Kind::Close | Kind::CloseParen) if !operands.is_empty() => break,
                None => return Err(self.error("unclosed action")),
                _ => operands.push(self.operand(context)?),
            }
            if !matches!(
                self.peek(),
                Some(Kind::Space | Kind::Pipe | Kind::Close | Kind::CloseParen)
            ) {
                return Err(self.unexpected("operand"));
            }
        }
        let end = operands
            .last()
            .map_or(start, |operand: &Operand| operand.span.end);
        let span = Span {
            at: start,
            start,
            end,
        };
        Ok(Command { operands, span })
    }

    fn operand(&mut self, context: &str) -> Result<Operand, Error> {
        let start = self.position();
        let Some(token) = self.take() else {
            return Err(self.error("unclosed action"));
        };
        let kind = match &token.kind {
            Kind::Dot => OperandKind::Dot,
            Kind::Field(name) => OperandKind::Field(vec![name.clone()]),
            Kind::Variable(name) => {
                self.known(name)?;
                OperandKind::Variable(name.clone(), Vec::new())
            }
            Kind::String(text) => OperandKind::String(text.clone()),
            Kind::Integer(number) => OperandKind::Integer(*number),
            Kind::Float(number) => OperandKind::Float(*number),
            Kind::Word(word) => match word.as_str() {
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                "nil" => OperandKind::Nil,
                name if funcs::exists(name) => OperandKind::Function(name.to_owned()),
                name => {
                    return Err(self.error(&format!("function {name:?} not defined")));
                }
            },
            Kind::OpenParen => {
                let inner =
                    self.nested(|p| p.piped("parenthesized pipeline", &Kind::CloseParen))?;
                OperandKind::Pipeline(Box::new(inner))
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected(context));
            }
        };
        let mut span = Span {
            at: start,
            start,
            end: self.tokens[self.next - 1].end,
        };
        let mut fields = Vec::new();
        let first_chained = self.position();
        while let Some(Kind::Field(name)) = self.peek() {
            fields.push(name.clone());
            span.end = self.tokens[self.next].end;
            self.next += 1;
        }
        if fields.is_empty() {
            return Ok(Operand { kind, span });
        }
        let bare = span;
        span.at = first_chained;
        let kind = match kind {
            OperandKind::Field(mut names) => {
                names.append(&mut fields);
                OperandKind::Field(names)
            }
            OperandKind::Variable(name, _) => OperandKind::Variable(name, fields),
            OperandKind::Bool(_)
            | OperandKind::String(_)
            | OperandKind::Integer(_)
            | OperandKind::Float(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let text = &self.source[start..first_chained];
                return Err(self.error(&format!("unexpected . after term {text:?}")));
            }
            kind => OperandKind::Chain(Box::new(Operand { kind, span: bare }), fields),
        };
        Ok(Operand { kind, span })
    }
}
