//! `--format`: tables, Go templates, JSON – one row per object.
//!
//! Spec: docker/cli, `cli/command/formatter/formatter.go`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{escape, go, table};
use crate::cli::error::Failure;
use crate::cli::template::{self, Object, Plain, Template, Value};

/// How rows are printed.
#[derive(Debug)]
pub(crate) enum Format {
    /// A table of these fields, in Docker's layout.
    Columns(Vec<&'static str>),
    /// `table TEMPLATE`: a table with a header.
    Table(Template),
    /// `TEMPLATE`: a line per row.
    Lines(Template),
    /// One JSON object per line.
    Json,
}

/// What was printed before a template failed, and why it failed.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The lines, and the beginning of the last one.
    pub(crate) text: String,
    /// The template's.
    pub(crate) failure: Failure,
}

/// A table's columns: field and header.
pub(crate) type Headers = &'static [(&'static str, &'static str)];

/// What is known of rows before there is one.
#[derive(Debug)]
pub(crate) struct RowType {
    /// As [`Object::type_name`].
    pub(crate) name: &'static str,
    /// As [`Object::fields`].
    pub(crate) fields: &'static [&'static str],
    /// All fields, those too that JSON does not show, and their headers.
    pub(crate) headers: Headers,
}

/// A row whose type has a description.
pub(crate) trait TableRow: std::fmt::Debug {
    /// The description.
    const TYPE: &'static RowType;

    /// As [`Object::field`].
    fn cell(&self, name: &str) -> Option<Json>;

    /// As [`Object::method`].
    fn call(&self, name: &str, argument: &str) -> Option<String>;
}

impl<R: TableRow> Object for R {
    fn type_name(&self) -> &'static str {
        R::TYPE.name
    }

    fn fields(&self) -> &'static [&'static str] {
        R::TYPE.fields
    }

    fn field(&self, name: &str) -> Option<Json> {
        self.cell(name)
    }

    fn method(&self, name: &str, argument: &str) -> Option<String> {
        self.call(name, argument)
    }
}

impl Format {
    /// Reads `--format`; `columns` is what there is without one.
    ///
    /// # Errors
    ///
    /// A template that cannot be parsed.
    pub(crate) fn parse(
        text: Option<&str>,
        columns: impl IntoIterator<Item = &'static str>,
    ) -> Result<Format, Failure> {
        Format::read(text, columns).map_err(parsing)
    }

    /// As [`Format::parse`], with the error as the template has it.
    ///
    /// # Errors
    ///
    /// A template that cannot be parsed.
    pub(crate) fn read(
        text: Option<&str>,
        columns: impl IntoIterator<Item = &'static str>,
    ) -> Result<Format, template::Error> {
        let text = text.unwrap_or_default().trim();
        let template = |text: &str| {
            // Docker's own escapes, which shells do not turn into the characters.
            Template::parse(&text.replace("\\t", "\t").replace("\\n", "\n"))
        };
        match text {
            "" | "table" => Ok(Format::Columns(columns.into_iter().collect())),
            "json" => Ok(Format::Json),
            text => match text.strip_prefix("table ") {
                Some(text) => template(text.trim()).map(Format::Table),
                None => template(text).map(Format::Lines),
            },
        }
    }

    /// One field per line, as for `-q`.
    pub(crate) fn quiet(field: &'static str) -> Result<Format, Failure> {
        Format::parse(Some(&format!("{{{{.{field}}}}}")), [])
    }

    /// Returns whether a row's `field` is shown, so that what is costly can be left out.
    pub(crate) fn shows(&self, field: &str) -> bool {
        match self {
            Format::Columns(columns) => columns.contains(&field),
            Format::Table(template) | Format::Lines(template) => template.mentions(field),
            Format::Json => false,
        }
    }

    /// Returns the fields that rows are asked for, found by trying a template on a row without content, as Docker does for
    /// `ps` (docker/cli, `buildContainerListOptions`).
    ///
    /// # Errors
    ///
    /// A field that rows do not have. Whatever else an empty row is too little for is left to those that come.
    pub(crate) fn uses(&self, rows: &'static RowType) -> Result<BTreeSet<String>, template::Error> {
        let template = match self {
            Format::Columns(columns) => {
                return Ok(columns.iter().map(|name| (*name).to_owned()).collect());
            }
            Format::Json => return Ok(BTreeSet::new()),
            Format::Table(template) | Format::Lines(template) => template,
        };
        let probe = Probe {
            rows,
            used: RefCell::default(),
            has_failed: Cell::default(),
        };
        match template.execute(Value::Object(&probe), &Plain) {
            Err(interrupted) if probe.has_failed.get() => Err(interrupted.error),
            _ => Ok(probe.used.into_inner()),
        }
    }

    /// Prints the rows.
    ///
    /// # Errors
    ///
    /// A template that cannot be executed, with what it wrote until then.
    pub(crate) fn render<'r>(
        &self,
        rows: impl Iterator<Item = &'r dyn Object>,
        headers: Headers,
    ) -> Result<String, Box<Cut>> {
        let mut text = String::new();
        match self {
            Format::Json => {
                for row in rows {
                    text.push_str(&go::json(&json_of(row)));
                    text.push('\n');
                }
            }
            Format::Columns(columns) => {
                let heads: Vec<&str> = columns
                    .iter()
                    .map(|column| header(headers, column).unwrap_or(column))
                    .collect();
                text.push_str(&heads.join("\t"));
                text.push('\n');
                for row in rows {
                    for (index, column) in columns.iter().enumerate() {
                        if index > 0 {
                            text.push('\t');
                        }
                        if let Some(Json::String(cell)) = row.field(column) {
                            text.push_str(&escape::line(&cell));
                        }
                    }
                    text.push('\n');
                }
                text = table::align(&text);
            }
            Format::Table(template) => {
                let head = Header(headers);
                match template.execute(Value::Object(&head), &Plain) {
                    Ok(line) => text.push_str(&line),
                    // As with Docker, a header ends where a template makes no sense for it.
                    Err(interrupted) => text.push_str(&interrupted.written),
                }
                text.push('\n');
                let result = lines(template, rows, &mut text);
                text = table::align(&escape::text(&text));
                if let Err(failure) = result {
                    return Err(Box::new(Cut { text, failure }));
                }
            }
            Format::Lines(template) => {
                if let Err(failure) = lines(template, rows, &mut text) {
                    return Err(Box::new(Cut { text, failure }));
                }
            }
        }
        Ok(text)
    }
}

/// Docker's words, of parsing and of executing alike.
pub(crate) fn parsing(error: template::Error) -> Failure {
    Failure::plain(format!("template parsing error: {error}"))
}

/// A row without content that takes note of what it is asked for.
#[derive(Debug)]
struct Probe {
    rows: &'static RowType,
    used: RefCell<BTreeSet<String>>,
    /// Whether it was asked for a field that rows do not have.
    has_failed: Cell<bool>,
}

impl Object for Probe {
    fn type_name(&self) -> &'static str {
        self.rows.name
    }

    fn fields(&self) -> &'static [&'static str] {
        self.rows.fields
    }

    fn field(&self, name: &str) -> Option<Json> {
        if header(self.rows.headers, name).is_none() {
            self.has_failed.set(true);
            return None;
        }
        self.used.borrow_mut().insert(name.to_owned());
        Some(Json::from(""))
    }

    fn method(&self, name: &str, _: &str) -> Option<String> {
        (name == "Label").then(String::new)
    }
}

fn lines<'r>(
    template: &Template,
    rows: impl Iterator<Item = &'r dyn Object>,
    text: &mut String,
) -> Result<(), Failure> {
    for row in rows {
        match template.execute(Value::Object(row), &Plain) {
            Ok(line) => text.push_str(&line),
            Err(interrupted) => {
                if !interrupted.written.is_empty() {
                    text.push_str(&interrupted.written);
                    text.push('\n');
                }
                return Err(parsing(interrupted.error));
            }
        }
        text.push('\n');
    }
    Ok(())
}

fn json_of(row: &dyn Object) -> Json {
    let fields = row.fields().iter();
    Json::Object(
        fields
            .map(|name| ((*name).to_owned(), row.field(name).unwrap_or_default()))
            .collect(),
    )
}

fn header(headers: Headers, field: &str) -> Option<&'static str> {
    let found = headers.iter().find(|(name, _)| *name == field);
    found.map(|(_, header)| *header)
}

/// The row of headers, for `table TEMPLATE`.
#[derive(Debug)]
struct Header(Headers);

impl Object for Header {
    fn type_name(&self) -> &'static str {
        "formatter.SubHeaderContext"
    }

    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn field(&self, name: &str) -> Option<Json> {
        header(self.0, name).map(Json::from)
    }

    fn method(&self, name: &str, argument: &str) -> Option<String> {
        // `{{.Label "com.example.x"}}` heads its column with the label's last word.
        (name == "Label").then(|| {
            argument
                .rsplit('.')
                .next()
                .unwrap_or(argument)
                .replace(['-', '_'], " ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Row(&'static str);

    impl Object for Row {
        fn type_name(&self) -> &'static str {
            "*formatter.Row"
        }

        fn fields(&self) -> &'static [&'static str] {
            &["ID", "Names"]
        }

        fn field(&self, name: &str) -> Option<Json> {
            match name {
                "ID" => Some("0123456789ab".into()),
                "Names" => Some(self.0.into()),
                _ => None,
            }
        }

        fn method(&self, _: &str, _: &str) -> Option<String> {
            None
        }
    }

    const HEADERS: Headers = &[("ID", "CONTAINER ID"), ("Names", "NAMES")];

    #[test]
    fn knows_what_a_template_uses() {
        static ROWS: RowType = RowType {
            name: "*formatter.Row",
            fields: &["ID", "Names"],
            headers: HEADERS,
        };
        let uses = |text| {
            let format = Format::parse(Some(text), []).unwrap();
            let uses = format.uses(&ROWS).map_err(|error| error.to_string());
            uses.map(|uses| uses.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(uses("{{.ID}}{{.Label \"a\"}}").unwrap(), "ID");
        assert_eq!(uses("{{json .}}").unwrap(), "ID Names");
        assert_eq!(uses("json").unwrap(), "");
        // An empty row has no second byte; others may.
        assert_eq!(uses("{{slice .ID 0 2}}").unwrap(), "ID");
        assert!(
            uses("{{.Foo}}")
                .unwrap_err()
                .contains("can't evaluate field Foo")
        );
    }

    fn render(text: Option<&str>) -> Result<String, String> {
        let rows = [Row("a"), Row("<b>")];
        let rows = rows.iter().map(|row| row as &dyn Object);
        let format = Format::parse(text, ["ID", "Names"]).map_err(|f| f.render("ctr", false))?;
        format
            .render(rows, HEADERS)
            .map_err(|cut| cut.text + &cut.failure.render("ctr", false))
    }

    #[test]
    fn prints_rows_as_docker() {
        let table = "CONTAINER ID   NAMES\n0123456789ab   a\n0123456789ab   <b>\n";
        assert_eq!(render(None).unwrap(), table);
        assert_eq!(render(Some("table")).unwrap(), table);
        assert_eq!(render(Some(r"table {{.ID}}\t{{.Names}}")).unwrap(), table);
        assert_eq!(
            render(Some(r"{{.Names}}\t{{.ID}}")).unwrap(),
            "a\t0123456789ab\n<b>\t0123456789ab\n"
        );
        assert_eq!(
            render(Some("json")).unwrap(),
            "{\"ID\":\"0123456789ab\",\"Names\":\"a\"}\n{\"ID\":\"0123456789ab\",\"Names\":\"\\u003cb\\u003e\"}\n"
        );
        assert_eq!(
            render(Some("json")).unwrap(),
            render(Some("{{json .}}")).unwrap()
        );
        assert_eq!(
            render(Some("x{{.Foo}}")).unwrap_err(),
            "x\ntemplate parsing error: template: :1:3: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.Row\n"
        );
    }
}
