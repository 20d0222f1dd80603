//! How an image was made, as a statement that goes along with it: SLSA provenance, as BuildKit has it.
//!
//! ```text
//! material   something that came from elsewhere
//! witness    what a stage has used, told while it is built
//! op         the instructions that change files, in the words of BuildKit's LLB
//! steps      the steps of all stages as one list
//! ```
//!
//! | | `mode=min` | `mode=max` |
//! |---|---|---|
//! | materials with digests, platform, times, target | ✓ | ✓ |
//! | values of build arguments, labels | | ✓ |
//! | ids of secrets and agents; never their values | | ✓ |
//! | the Dockerfile; the steps with their commands and environment | | ✓ |
//!
//! No login of a URL is told, wherever the URL stands.
//!
//! With `SOURCE_DATE_EPOCH` that is the time at which the build began and ended, and its id follows from what is told, so
//! that the same build is told in the same bytes.
//!
//! Spec: SLSA v0.2 and v1.0, "Provenance"; BuildKit, docs/attestations/slsa-definitions.md.

mod material;
mod op;
mod steps;
mod witness;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use material::Material;
pub(super) use op::{Exec, copy, exec, workdir};
pub(super) use witness::Witness;

use crate::content::Digest;
use crate::image::Platform;
use crate::image::attestation::Attestation;
use crate::secret::without_logins;

/// What is asked for with `--provenance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How much is told.
    pub mode: Mode,
    /// In which form.
    pub version: Version,
    /// Who says it: a URL, or nothing.
    pub builder_id: String,
    /// Whether the user says that the same build gives the same bytes.
    pub is_reproducible: bool,
    /// Whether it goes only where an image goes to a registry.
    pub is_inline_only: bool,
    /// What the file is called beside files (`-o type=local`).
    pub file_name: String,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing that may be nobody's business.
    Min,
    /// Everything.
    Max,
}

/// A version of SLSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 0.2
    V0_2,
    /// 1
    V1,
}

/// What is asked for, and what the command line has to say of the build.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// What is asked for.
    pub options: Options,
    /// The id of this build; `None` where it follows from what is told.
    pub invocation: Option<String>,
    /// Where the context is, if it is not the user's.
    pub context: Option<String>,
    /// What the Dockerfile is called.
    pub file_name: String,
    /// The Dockerfile.
    pub dockerfile: Vec<u8>,
    /// What was fetched whatever the Dockerfile says: the context, the Dockerfile.
    pub fetched: Vec<Material>,
    /// Flags, in BuildKit's words: `target`, `build-arg:NAME`, …
    pub arguments: BTreeMap<String, String>,
}

/// What a build was.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// By stage.
    pub(super) witnesses: &'a BTreeMap<usize, Witness>,
    /// The stage that was asked for.
    pub(super) target: usize,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

const BUILD_TYPE_0_2: &str = "https://mobyproject.org/buildkit@v1";
const BUILD_TYPE_1: &str =
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

/// What the Dockerfile is called as a source.
const DOCKERFILE: &str = "dockerfile";

impl Provenance {
    /// Tells how an image was made.
    pub(super) fn attestation(&self, facts: &Facts<'_>) -> Attestation {
        let told = Told::new(self, facts);
        let (statement_type, predicate_type, mut predicate, id) = match self.options.version {
            Version::V0_2 => (
                "https://in-toto.io/Statement/v0.1",
                "https://slsa.dev/provenance/v0.2",
                told.v0_2(),
                "/metadata/buildInvocationID",
            ),
            Version::V1 => (
                "https://in-toto.io/Statement/v1",
                "https://slsa.dev/provenance/v1",
                told.v1(),
                "/runDetails/metadata/invocationId",
            ),
        };
        hide_logins(&mut predicate);
        let own = || invocation(predicate.to_string().as_bytes());
        let invocation = self.invocation.clone().unwrap_or_else(own);
        if let Some(place) = predicate.pointer_mut(id) {
            *place = json!(invocation);
        }
        Attestation {
            statement_type,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}

/// What both versions tell, each in its own form.
struct Told<'a> {
    asked: &'a Provenance,
    facts: &'a Facts<'a>,
    /// `materials`, `resolvedDependencies`.
    materials: Vec<Value>,
    are_materials_complete: bool,
    /// `parameters`, `request`.
    request: Value,
    is_request_complete: bool,
    is_hermetic: bool,
    /// `buildConfig`.
    config: Option<Value>,
    /// BuildKit's own metadata.
    metadata: Value,
}

impl<'a> Told<'a> {
    fn new(asked: &'a Provenance, facts: &'a Facts<'a>) -> Told<'a> {
        let is_max = asked.options.mode == Mode::Max;
        let witnesses = || facts.witnesses.values();
        let used = witnesses().flat_map(|witness| &witness.materials);
        let mut materials: Vec<Value> = Vec::new();
        for entry in asked.fetched.iter().chain(used).map(Material::entry) {
            if !materials.contains(&entry) {
                materials.push(entry);
            }
        }
        // Stages are at work side by side, but what they are told as is always the same.
        materials.sort_by_cached_key(Value::to_string);
        let mut locals: Vec<&str> = witnesses()
            .flat_map(|witness| &witness.locals)
            .map(String::as_str)
            .collect();
        if asked.fetched.is_empty() {
            locals.push(DOCKERFILE);
        }
        locals.sort_unstable();
        locals.dedup();
        let is_pinned = |material: &Value| material.get("digest").is_some();
        let are_materials_complete = locals.is_empty() && materials.iter().all(is_pinned);
        let is_told =
            |name: &str| is_max || !(name.starts_with("build-arg:") || name.starts_with("label:"));
        let arguments = asked.arguments.iter();
        let arguments: Map<String, Value> = arguments
            .filter(|(name, _)| is_told(name))
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let is_request_complete = arguments.len() == asked.arguments.len();
        let mut request = json!({"frontend": "dockerfile.v0"});
        if !arguments.is_empty() {
            request["args"] = Value::Object(arguments);
        }
        if is_max {
            for (name, list) in [
                ("secrets", ids(witnesses().map(|witness| &witness.secrets))),
                ("ssh", ids(witnesses().map(|witness| &witness.agents))),
            ] {
                if !list.is_empty() {
                    request[name] = json!(list);
                }
            }
        }
        if !locals.is_empty() {
            let named = locals.iter().map(|name| json!({"name": name}));
            request["locals"] = named.collect();
        }
        let mut told = Told {
            asked,
            facts,
            is_hermetic: are_materials_complete && witnesses().all(|witness| !witness.has_network),
            materials,
            are_materials_complete,
            request,
            is_request_complete,
            config: None,
            metadata: json!({}),
        };
        if is_max {
            told.tell_steps();
        }
        told
    }

    /// Tells the steps, and where in the Dockerfile they are.
    fn tell_steps(&mut self) {
        let list = steps::list(self.facts.witnesses, self.facts.target);
        self.config = Some(json!({"llbDefinition": list.definition}));
        let name = &self.asked.file_name;
        let dockerfile = String::from_utf8_lossy(&self.asked.dockerfile);
        let source = json!({"source": {"identifier": format!("local://{DOCKERFILE}")}});
        self.metadata["source"] = json!({
            "locations": list.locations,
            "infos": [{
                "filename": name,
                "language": "Dockerfile",
                "data": STANDARD.encode(&*without_logins(&dockerfile)),
                "llbDefinition": [
                    {"id": "step0", "op": {"Op": source}},
                    {"id": "step1", "op": {"Op": null}, "inputs": ["step0:0"]},
                ],
            }],
        });
        if !list.layers.is_empty() {
            self.metadata["layers"] = Value::Object(list.layers);
        }
    }

    /// Where the build's definition comes from; `name` is what its file is called.
    fn config_source(&self, name: &str) -> Value {
        let mut source = json!({});
        if let Some(context) = &self.asked.context {
            source["uri"] = json!(context);
            let digest = self.asked.fetched.first().and_then(Material::digest);
            source["digest"] = digest.unwrap_or_else(|| json!({}));
        }
        source[name] = json!(self.asked.file_name);
        source
    }

    fn v0_2(self) -> Value {
        let options = &self.asked.options;
        let mut predicate = json!({
            "builder": {"id": options.builder_id},
            "buildType": BUILD_TYPE_0_2,
            "materials": self.materials,
            "invocation": {
                "configSource": self.config_source("entryPoint"),
                "parameters": self.request,
                "environment": {"platform": Platform::host().to_string()},
            },
            "metadata": {
                "buildInvocationID": null,
                "buildStartedOn": self.facts.started.to_string(),
                "buildFinishedOn": self.facts.finished.to_string(),
                "completeness": {
                    "parameters": self.is_request_complete,
                    "environment": true,
                    "materials": self.are_materials_complete,
                },
                "reproducible": options.is_reproducible,
                "https://mobyproject.org/buildkit@v1#hermetic": self.is_hermetic,
                "https://mobyproject.org/buildkit@v1#metadata": self.metadata,
            },
        });
        if let Some(config) = self.config {
            predicate["buildConfig"] = config;
        }
        predicate
    }

    fn v1(self) -> Value {
        let options = &self.asked.options;
        let mut predicate = json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE_1,
                "externalParameters": {
                    "configSource": self.config_source("path"),
                    "request": self.request,
                },
                "internalParameters": {"builderPlatform": Platform::host().to_string()},
                "resolvedDependencies": self.materials,
            },
            "runDetails": {
                "builder": {"id": options.builder_id},
                "metadata": {
                    "invocationId": null,
                    "startedOn": self.facts.started.to_string(),
                    "finishedOn": self.facts.finished.to_string(),
                    "buildkit_metadata": self.metadata,
                    "buildkit_hermetic": self.is_hermetic,
                    "buildkit_completeness": {
                        "request": self.is_request_complete,
                        "resolvedDependencies": self.are_materials_complete,
                    },
                    "buildkit_reproducible": options.is_reproducible,
                },
            },
        });
        if let Some(config) = self.config {
            predicate["buildDefinition"]["internalParameters"]["buildConfig"] = config;
        }
        predicate
    }
}

/// Takes the logins out of the URLs in all texts.
fn hide_logins(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(shown) = without_logins(text) {
                *text = shown;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide_logins),
        Value::Object(map) => map.values_mut().for_each(hide_logins),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns ids, each once; one that any stage cannot do without is not optional.
fn ids<'a>(lists: impl Iterator<Item = &'a BTreeMap<String, bool>>) -> Vec<Value> {
    let mut ids: BTreeMap<&str, bool> = BTreeMap::new();
    for (id, is_optional) in lists.flatten() {
        *ids.entry(id).or_insert(true) &= is_optional;
    }
    let shown = |(id, is_optional)| match is_optional {
        true => json!({"id": id, "optional": true}),
        false => json!({"id": id}),
    };
    ids.into_iter().map(shown).collect()
}

/// Returns the id of a build: 25 letters and digits as BuildKit's, from random bytes or, for one that has to be told in the
/// same bytes each time, from what is told.
pub fn invocation(seed: &[u8]) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digest = Digest::sha256_of(seed);
    let number = u128::from_str_radix(&digest.hex()[..32], 16).unwrap_or_default();
    let mut rest = number;
    let mut id = String::new();
    for _ in 0..25 {
        id.push(char::from(DIGITS[(rest % 36) as usize]));
        rest /= 36;
    }
    id
}
