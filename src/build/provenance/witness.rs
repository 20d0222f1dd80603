//! What a stage has used, told while it is built.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::material::Material;
use super::op::Inputs;
use crate::build::dockerfile::Span;
use crate::build::error::Error;
use crate::content::Digest;

/// Bytes of the steps of all stages, as JSON: a frame of [`crate::build::message`] has room for them.
const MAX_STEPS_BYTES: usize = 16 << 20;

/// What a stage has used. It says nothing of the stage that it begins with, which has a witness of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::build) struct Witness {
    /// What came from elsewhere, in the order of its use.
    pub(super) materials: Vec<Material>,
    /// Files of the user that were used: `context`, or what `--build-context` calls them.
    pub(super) locals: BTreeSet<String>,
    /// Ids of secrets, each with whether the build would do without.
    pub(super) secrets: BTreeMap<String, bool>,
    /// As `secrets`, of agents.
    pub(super) agents: BTreeMap<String, bool>,
    /// Whether a command could reach others.
    pub(super) has_network: bool,
    /// The steps, where somebody wants to know them.
    pub(super) steps: Option<Vec<Step>>,
    /// Bytes of the steps. Those beyond [`MAX_STEPS_BYTES`] are counted, but not kept.
    told_bytes: usize,
    /// The lines of the instruction that is carried out.
    lines: Option<(usize, usize)>,
    /// What the stage is so far.
    top: Option<Input>,
    /// What the instruction has used; `None` for what is empty.
    used: Vec<Option<Input>>,
}

/// A step, in the words of BuildKit's LLB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    /// An `Op` of BuildKit's solver/pb/ops.proto as JSON, without its inputs.
    pub(super) op: Value,
    pub(super) inputs: Vec<Input>,
    /// First and last line of its instruction.
    pub(super) lines: Option<(usize, usize)>,
    /// What the registry has said of the layers that it consists of.
    pub(super) layers: Vec<Value>,
}

/// What a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Input {
    /// The result of a step of the same stage, by its number.
    Step(usize),
    /// The result of a stage.
    Stage(usize),
}

impl Witness {
    /// Begins; with `with_steps` it takes note of the steps as well.
    pub(in crate::build) fn new(with_steps: bool) -> Witness {
        Witness {
            steps: with_steps.then(Vec::new),
            ..Witness::default()
        }
    }

    /// An instruction begins; `None` for one of a base image.
    pub(in crate::build) fn begin(&mut self, span: Option<Span>) {
        self.lines = span.map(|span| (span.first, span.last));
        self.used.clear();
    }

    /// Something from elsewhere is used. `layers` are an image's, as its manifest has them.
    pub(in crate::build) fn material(&mut self, material: Material, layers: Vec<Value>) {
        let op = json!({"Op": {"source": {"identifier": material.identifier()}}});
        if !self.materials.contains(&material) {
            self.materials.push(material);
        }
        self.source(op, layers);
    }

    /// Files of the user are used.
    pub(in crate::build) fn local(&mut self, name: &str) {
        self.locals.insert(name.to_owned());
        let op = json!({"Op": {"source": {"identifier": format!("local://{name}")}}});
        self.source(op, Vec::new());
    }

    /// The result of another stage is used.
    pub(in crate::build) fn stage(&mut self, number: usize, other: &Witness) {
        self.used.push(other.top.map(|_| Input::Stage(number)));
    }

    /// What has no files is used.
    pub(in crate::build) fn nothing(&mut self) {
        self.used.push(None);
    }

    /// Returns which of what the instruction has used came last.
    pub(in crate::build) fn last_used(&self) -> usize {
        self.used.len().saturating_sub(1)
    }

    /// What was used is what the stage begins with.
    pub(in crate::build) fn base(&mut self) {
        self.top = self.used.pop().flatten();
    }

    /// A file that was used without its digest has this one.
    pub(in crate::build) fn identify(&mut self, shown_url: &str, found: &Digest) {
        for material in &mut self.materials {
            if let Material::File { url, digest } = material
                && url == shown_url
            {
                digest.get_or_insert_with(|| found.clone());
            }
        }
    }

    /// A secret is used, if it is there.
    pub(in crate::build) fn secret(&mut self, id: &str, is_optional: bool) {
        let known = self.secrets.entry(id.to_owned()).or_insert(true);
        *known &= is_optional;
    }

    /// An agent is used, if it is there.
    pub(in crate::build) fn agent(&mut self, id: &str, is_optional: bool) {
        let known = self.agents.entry(id.to_owned()).or_insert(true);
        *known &= is_optional;
    }

    /// A command could reach others.
    pub(in crate::build) fn network(&mut self) {
        self.has_network = true;
    }

    /// A step that changes the stage's files, and reads what was used since [`Witness::begin`].
    pub(in crate::build) fn step(&mut self, op: impl FnOnce(Inputs) -> Value) {
        let used = std::mem::take(&mut self.used);
        let Some(steps) = &mut self.steps else {
            return;
        };
        let mut inputs: Vec<Input> = self.top.into_iter().collect();
        let number = |input: Option<Input>| {
            inputs.push(input?);
            Some(inputs.len() - 1)
        };
        let used = used.into_iter().map(number).collect();
        let op = json!({"Op": op(Inputs {
            has_below: self.top.is_some(),
            used,
            count: inputs.len(),
        })});
        self.told_bytes += op.to_string().len();
        if self.told_bytes > MAX_STEPS_BYTES {
            return;
        }
        steps.push(Step {
            op,
            inputs,
            lines: self.lines,
            layers: Vec::new(),
        });
        self.top = Some(Input::Step(steps.len() - 1));
    }

    /// Adds the bytes of its steps to those of other stages.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where that is more than anybody should have to read.
    pub(in crate::build) fn count(&self, told_bytes: &mut usize) -> Result<(), Error> {
        *told_bytes = told_bytes.saturating_add(self.told_bytes);
        match *told_bytes > MAX_STEPS_BYTES {
            true => Err(Error::Invalid(format!(
                "the steps are too long for provenance with mode=max: it has room for {MAX_STEPS_BYTES} bytes"
            ))),
            false => Ok(()),
        }
    }

    fn source(&mut self, op: Value, layers: Vec<Value>) {
        let Some(steps) = &mut self.steps else {
            return;
        };
        let number = match steps.iter().position(|step| step.op == op) {
            Some(known) => known,
            None => {
                steps.push(Step {
                    op,
                    inputs: Vec::new(),
                    lines: self.lines,
                    layers,
                });
                steps.len() - 1
            }
        };
        self.used.push(Some(Input::Step(number)));
    }

    /// What the stage has become.
    pub(super) fn top(&self) -> Option<Input> {
        self.top
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::provenance::op::workdir;

    #[test]
    fn what_is_empty_is_no_input() {
        let mut other = Witness::new(true);
        let mut witness = Witness::new(true);
        witness.stage(0, &other);
        witness.base();
        witness.begin(None);
        witness.nothing();
        witness.local("context");
        let mut seen = None;
        witness.step(|inputs| {
            seen = Some((inputs.has_below, inputs.used.clone(), inputs.count));
            workdir("/w", inputs)
        });
        assert_eq!(seen, Some((false, vec![None, Some(0)], 1)));
        other.local("context");
        other.base();
        witness.begin(None);
        witness.stage(0, &other);
        witness.step(|inputs| {
            seen = Some((inputs.has_below, inputs.used.clone(), inputs.count));
            workdir("/w", inputs)
        });
        assert_eq!(seen, Some((true, vec![Some(1)], 2)));
    }

    #[test]
    fn steps_have_an_end() {
        let mut witness = Witness::new(true);
        let path = "x".repeat(MAX_STEPS_BYTES / 4);
        for _ in 0..3 {
            witness.step(|inputs| workdir(&path, inputs));
        }
        let mut told = 0;
        witness.count(&mut told).unwrap();
        assert!(told > 3 * path.len(), "{told}");
        // Two such stages are too much, and so is one that goes on; what is too much is not kept.
        witness.count(&mut told).unwrap_err();
        for _ in 0..3 {
            witness.step(|inputs| workdir(&path, inputs));
        }
        witness.count(&mut 0).unwrap_err();
        assert_eq!(witness.steps.unwrap().len(), 3);
        // Where nobody asks for them there are none.
        let mut brief = Witness::new(false);
        brief.step(|inputs| workdir(&path, inputs));
        assert_eq!(brief.told_bytes, 0);
    }
}
