//! What a step is called in the progress, in BuildKit's words (`dockerfile2llb`, `prefixCommand`, `summarizeHeredoc`):
//! `[stage 2/5] RUN make`.

use super::Worker;
use crate::build::dockerfile::Node;
use crate::secret::without_logins;

impl Worker<'_> {
    /// Returns the name of the current step, which carries out `node`.
    pub(super) fn caption(&self, node: &Node) -> String {
        let text = one_line(node);
        match self.is_triggered {
            true => self.caption_of(&format!("ONBUILD {text}")),
            false => self.caption_of(&text),
        }
    }

    /// As [`Worker::caption`], for what is no instruction of its own.
    pub(super) fn caption_of(&self, text: &str) -> String {
        let mut stage = match self.request.is_one_of_several {
            true => format!("{} ", self.platform),
            false => String::new(),
        };
        if self.request.stages.stages.len() > 1 {
            stage += &format!("{} ", self.stage.label);
        }
        let (step, steps) = (self.step.step, self.steps);
        let width = steps.to_string().len();
        let text = without_logins(text);
        format!("[{stage}{step:>width$}/{steps}] {text}")
    }
}

/// The instruction without its line ends, and the first line of the script that a here-document is.
fn one_line(node: &Node) -> String {
    let words: Vec<&str> = node.text.split_whitespace().collect();
    let text = words.join(" ");
    let [document] = node.heredocs.as_slice() else {
        return text;
    };
    // Where more than the here-document stands, that tells what is done.
    let mut command = words.iter().skip(1 + node.flags.len());
    let is_script = command.next().is_some_and(|word| word.starts_with("<<"));
    if node.instruction != "RUN" || !is_script || command.next().is_some() {
        return text;
    }
    match document.content.trim().split_once('\n') {
        Some((first, _)) => format!("{text} ({}...)", first.trim_end()),
        None => format!("{text} ({})", document.content.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::parse;

    #[test]
    fn a_script_is_shown_by_its_first_line() {
        let shown = |text: &str| one_line(&parse(text.as_bytes()).unwrap().nodes[0]);
        assert_eq!(shown("RUN a \\\n  && b"), "RUN a && b");
        let script = "RUN --network=none <<E\n\nset -e\nmake\nE\n";
        assert_eq!(shown(script), "RUN --network=none <<E (set -e...)");
        assert_eq!(shown("RUN <<-\"E\"\n\tmake\r\nE\n"), "RUN <<-\"E\" (make)");
        assert_eq!(shown("RUN cat <<E >/a\nx\nE\n"), "RUN cat <<E >/a");
        assert_eq!(shown("RUN python3 <<E\nx\nE\n"), "RUN python3 <<E");
        assert_eq!(shown("COPY <<E /a\nx\nE\n"), "COPY <<E /a");
    }
}
