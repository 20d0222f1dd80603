//! The steps of all stages as one list, as `buildConfig` has them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::witness::{Input, Witness};

/// What is told of the steps.
#[derive(Debug, Default)]
pub(super) struct List {
    /// `llbDefinition`: a step after those that it reads.
    pub(super) definition: Vec<Value>,
    /// The lines of the Dockerfile, by step.
    pub(super) locations: Map<String, Value>,
    /// Layers that a registry has named, by the step's result.
    pub(super) layers: Map<String, Value>,
}

/// Lists the steps that the stage `target` was made by.
pub(super) fn list(witnesses: &BTreeMap<usize, Witness>, target: usize) -> List {
    let mut list = List::default();
    // By what a step is: the same one in two stages is one.
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut tops: BTreeMap<usize, usize> = BTreeMap::new();
    // Stages only use earlier ones.
    for (number, witness) in witnesses.range(..=target) {
        let mut own: Vec<usize> = Vec::new();
        let resolve = |own: &[usize], input: &Input| match input {
            Input::Step(step) => own.get(*step).copied(),
            Input::Stage(stage) => tops.get(stage).copied(),
        };
        for step in witness.steps.iter().flatten() {
            // A stage that is empty is no input.
            let inputs = step.inputs.iter().filter_map(|input| resolve(&own, input));
            let inputs: Vec<String> = inputs.map(|input| format!("step{input}:0")).collect();
            let mut told = json!({"op": step.op});
            if !inputs.is_empty() {
                told["inputs"] = json!(inputs);
            }
            let identity = told.to_string();
            let next = list.definition.len();
            let at = *known.entry(identity).or_insert(next);
            own.push(at);
            if at < next {
                continue;
            }
            let name = format!("step{at}");
            told["id"] = json!(name);
            list.definition.push(told);
            if let Some((first, last)) = step.lines {
                let range = json!({"start": {"line": first}, "end": {"line": last}});
                let location = json!({"locations": [{"ranges": [range]}]});
                list.locations.insert(name.clone(), location);
            }
            if !step.layers.is_empty() {
                (list.layers).insert(format!("{name}:0"), json!([step.layers]));
            }
        }
        let top = witness.top().and_then(|input| resolve(&own, &input));
        tops.extend(top.map(|top| (*number, top)));
    }
    // The last one says which is the result.
    let result = tops.get(&target).map(|top| format!("step{top}:0"));
    list.definition.push(json!({
        "id": format!("step{}", list.definition.len()),
        "op": {"Op": null},
        "inputs": Vec::from_iter(result),
    }));
    list
}
