//! `--format`: tables, Go templates, JSON – one row per object.
//!
//! Spec: docker/cli, `cli/command/formatter/formatter.go`.

use serde_json::Value as Json;

use super::{go, table};
use crate::cli::error::Failure;
use crate::cli::template::{Object, Plain, Template, Value};

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
        let text = text.unwrap_or_default().trim();
        let template = |text: &str| {
            // Docker's own escapes, which shells do not turn into the characters.
            let text = text.replace("\\t", "\t").replace("\\n", "\n");
            Template::parse(&text)
                .map_err(|error| Failure::plain(format!("template parsing error: {error}")))
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
                            text.push_str(&cell);
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
                text = table::align(&text);
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
                let error = interrupted.error;
                return Err(Failure::plain(format!("template parsing error: {error}")));
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
