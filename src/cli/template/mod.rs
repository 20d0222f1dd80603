//! Go's `text/template` over JSON, with the functions of Docker's command line.
//!
//! ```text
//! lexer    text → tokens
//! parser   tokens → tree
//! eval     tree and data → text
//! value    what a template computes with
//! funcs    index, len, eq, json, join, …
//! printf   Go's format verbs
//! ```
//!
//! Go tells structs from maps (an unknown field of the one is an error, a missing key of the other is no value), JSON does
//! not. A [`Schema`] gives the difference back. Messages are Go's, because people search for them.
//!
//! A template comes from the user and its data partly from images, so both are bounded: see [`limits`].
//!
//! Spec: pkg.go.dev/text/template, Go 1.24; docker/cli, `templates/templates.go`.

mod eval;
mod funcs;
mod lexer;
mod parser;
mod printf;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use value::{Object, Plain, Schema, Shape, Value};

/// Bounds of a template's work, each far above what a person writes.
mod limits {
    /// Blocks within blocks, pipelines within pipelines, templates that call templates.
    pub(super) const MAX_DEPTH: usize = 100;
    /// Nodes and loop turns that are executed.
    pub(super) const MAX_STEPS: usize = 10_000_000;
    /// Bytes of output, and of any one text on the way.
    pub(super) const MAX_BYTES: usize = 64 << 20;
    /// Width and precision of a format verb. Go has the same bound.
    pub(super) const MAX_WIDTH: usize = 1_000_000;
}

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Template {
    source: String,
    body: Vec<parser::Node>,
    defined: BTreeMap<String, Vec<parser::Node>>,
}

/// Why a template cannot be parsed or executed, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

/// An error and what had been written before it.
#[derive(Debug)]
pub(crate) struct Interrupted {
    /// What the template wrote until then.
    pub(crate) written: String,
    /// Why it ended.
    pub(crate) error: Error,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// `template: :1: unclosed action` and the like.
    pub(crate) fn parse(source: &str) -> Result<Template, Error> {
        let tokens = lexer::lex(source)?;
        let (body, defined) = parser::parse(source, &tokens)?;
        Ok(Template {
            source: source.to_owned(),
            body,
            defined,
        })
    }

    /// Returns whether the template may use the field or method `name` of its data: by its name, or all of it by a bare
    /// dot.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.source.contains(&format!(".{name}"))
    }

    /// Executes the template on `data`.
    ///
    /// # Errors
    ///
    /// `template: :1:2: executing "" at <.NoSuch>: …`.
    pub(crate) fn execute(
        &self,
        data: Value<'_>,
        schema: &dyn Schema,
    ) -> Result<String, Box<Interrupted>> {
        eval::execute(&self.source, &self.body, &self.defined, data, schema)
    }
}

/// Line and column of byte `at` of `source`, as Go has them: from 1, and from 0.
fn position(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rfind('\n')
        .map_or(before.len(), |newline| before.len() - newline - 1);
    (line, column)
}

fn parse_error(source: &str, at: usize, message: &str) -> Error {
    Error(format!("template: :{}: {message}", position(source, at).0))
}
