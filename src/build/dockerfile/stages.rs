//! Instructions → global ARGs and stages.

use super::parse::{Argument, Node, Parsed};
use super::suggest::nearest;
use super::{Error, Problem};

/// Names of images that are mistyped often; BuildKit has them, too.
const COMMON_IMAGES: [&str; 7] = [
    "alpine", "busybox", "centos", "debian", "fedora", "golang", "ubuntu",
];

/// The instructions of a Dockerfile, by stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The ARGs before the first FROM.
    pub global: Vec<Node>,
    /// In order; never empty.
    pub stages: Vec<Stage>,
}

/// One FROM and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The name after AS, in lower case.
    pub name: Option<String>,
    /// The FROM.
    pub from: Node,
    /// The rest.
    pub nodes: Vec<Node>,
}

impl Stages {
    /// Sorts the instructions of `parsed`.
    ///
    /// # Errors
    ///
    /// [`Problem::Other`] for an instruction before the first FROM that is not ARG, and where there is no FROM.
    pub fn of(parsed: Parsed) -> Result<Stages, Error> {
        let mut global = Vec::new();
        let mut stages: Vec<Stage> = Vec::new();
        for node in parsed.nodes {
            if node.instruction == "FROM" {
                stages.push(Stage {
                    name: stage_name(&node),
                    from: node,
                    nodes: Vec::new(),
                });
            } else if let Some(stage) = stages.last_mut() {
                stage.nodes.push(node);
            } else if node.instruction == "ARG" {
                global.push(node);
            } else {
                let words = "no build stage in current context";
                return Err(Problem::Other(words.to_owned()).at(node.span));
            }
        }
        if stages.is_empty() {
            let span = global
                .last()
                .map_or(super::Span { first: 1, last: 1 }, |n| n.span);
            return Err(Problem::Other("no build stage in current context".to_owned()).at(span));
        }
        Ok(Stages { global, stages })
    }

    /// Puts the image `name` in the place of the first FROM's.
    pub fn replace_base(&mut self, name: &str) {
        let first = self.stages.first_mut();
        if let Some(Argument::Words(words)) = first.map(|stage| &mut stage.from.argument)
            && let Some(base) = words.first_mut()
        {
            name.clone_into(base);
        }
    }

    /// Finds the stage that `word` means to an instruction of stage `before`: a name (the last one of that name), else a
    /// number. Only earlier stages have a meaning.
    pub fn find(&self, word: &str, before: usize) -> Option<usize> {
        let earlier = &self.stages[..before.min(self.stages.len())];
        let lower = word.to_ascii_lowercase();
        let named = earlier
            .iter()
            .rposition(|s| s.name.as_deref() == Some(&lower));
        named.or_else(|| word.parse().ok().filter(|index| *index < earlier.len()))
    }

    /// Finds the stage that `from` means to an instruction of stage `of` that takes files from it; `None` for an image.
    ///
    /// # Errors
    ///
    /// [`Problem::Other`] for the stage itself, and for a number that no earlier stage has: it is no image's name. The words
    /// are BuildKit's.
    pub fn source(&self, from: &str, of: usize) -> Result<Option<usize>, Problem> {
        if let Some(stage) = self.find(from, of) {
            return Ok(Some(stage));
        }
        let own = self.stages.get(of).and_then(|stage| stage.name.as_deref());
        let is_number = !from.is_empty() && from.bytes().all(|byte| byte.is_ascii_digit());
        if own == Some(&from.to_ascii_lowercase()) || from.parse() == Ok(of) {
            let words = format!("circular dependency detected on stage: {from}");
            return Err(Problem::Other(words));
        }
        match is_number {
            true => Err(Problem::Other(format!("invalid stage index {from}"))),
            false => Ok(None),
        }
    }

    /// Returns the name of a stage or of a common image that `word`, which names none of the stages before stage `before`, may
    /// have meant.
    pub fn near<'a>(&'a self, word: &str, before: usize) -> Option<&'a str> {
        let earlier = &self.stages[..before.min(self.stages.len())];
        let names = earlier.iter().filter_map(|stage| stage.name.as_deref());
        nearest(&word.to_ascii_lowercase(), names.chain(COMMON_IMAGES))
    }

    /// Returns the name of the stage that `--target`, which names none, may have meant.
    pub fn near_target(&self, word: &str) -> Option<&str> {
        let names = self.stages.iter().filter_map(|stage| stage.name.as_deref());
        nearest(&word.to_ascii_lowercase(), names)
    }

    /// Finds the stage of `--target`: a name or a number of any stage; without one the last.
    pub fn target(&self, word: Option<&str>) -> Option<usize> {
        match word {
            None => Some(self.stages.len() - 1),
            Some(word) => self.find(word, self.stages.len()),
        }
    }
}

/// The word after AS, which needs no variables.
fn stage_name(node: &Node) -> Option<String> {
    match &node.argument {
        Argument::Words(words) => match &words[..] {
            [_, word, name] if word.eq_ignore_ascii_case("as") => Some(name.to_ascii_lowercase()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn stages(text: &str) -> Result<Stages, Error> {
        Stages::of(parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn sorted_and_found() {
        let found =
            stages("ARG V=1\nFROM a AS One\nRUN x\nFROM b\nFROM c as one\nRUN y\nRUN z").unwrap();
        assert_eq!((found.global.len(), found.stages.len()), (1, 3));
        assert_eq!(found.stages[2].nodes.len(), 2);
        assert_eq!(found.find("ONE", 2), Some(0));
        assert_eq!(found.find("one", 3), Some(2));
        assert_eq!(found.find("1", 2), Some(1));
        assert_eq!(found.find("1", 1), None);
        assert_eq!(found.find("two", 3), None);
        assert_eq!(found.source("0", 1), Ok(Some(0)));
        assert_eq!(found.source("image", 1), Ok(None));
        for (from, of) in [("1", 1), ("one", 0), ("One", 0), ("2", 1), ("7", 2)] {
            assert!(found.source(from, of).is_err(), "{from} in {of}");
        }

        assert_eq!(found.near("oen", 1), Some("one"));
        assert_eq!(found.near("oen", 0), None);
        assert_eq!(found.near("Busybux", 0), Some("busybox"));
        assert_eq!(found.near_target("onee"), Some("one"));
        assert_eq!(found.near_target("busybux"), None);
        assert_eq!(found.target(None), Some(2));
        assert_eq!(found.target(Some("0")), Some(0));
        assert_eq!(found.target(Some("9")), None);
    }

    #[test]
    fn refused() {
        assert!(stages("RUN x\nFROM a").is_err());
        assert!(stages("ARG x").is_err());
    }
}
