//! `--progress=rawjson`: everything that happens as JSON, an object per line, for programs that show it in their own way.
//!
//! ```text
//! {"vertexes":[{"digest":"sha256:…","inputs":["sha256:…"],"name":"[2/4] RUN make","started":"…","completed":"…","cached":true,"error":"…"}]}
//! {"statuses":[{"id":"naming to …","vertex":"sha256:…","current":0,"timestamp":"…","started":"…","completed":"…"}]}
//! {"logs":[{"vertex":"sha256:…","stream":1,"data":"base64","timestamp":"…"}]}
//! {"warnings":[{"vertex":"sha256:…","level":1,"short":"base64","detail":["base64"],"url":"…","sourceInfo":{…},"range":[…]}]}
//! ```
//!
//! A vertex is told again whenever there is something new about it. Its digest names it, and nothing more: it is one of its
//! name and its place.
//!
//! Spec: BuildKit, `client/graph.go`, `SolveStatus`; `solver/pb`, `SourceInfo` and `Range`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::build::context::DockerfileText;
use crate::build::event::{Event, Observer, StepId};
use crate::build::lint::Warning;
use crate::cli::context::eprint;
use crate::content::Digest;

/// What a source is written in.
const LANGUAGE: &str = "Dockerfile";

/// A step.
#[derive(Debug, Clone, Serialize)]
struct Vertex {
    digest: Digest,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Digest>,
    name: String,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

impl Vertex {
    /// One that begins now.
    fn begin(place: &str, name: &str, inputs: Vec<Digest>) -> Vertex {
        Vertex {
            digest: Digest::sha256_of(format!("{place} {name}").as_bytes()),
            inputs,
            name: name.to_owned(),
            started: now(),
            completed: None,
            cached: false,
            error: String::new(),
        }
    }

    fn tell(&self) {
        line(&json!({ "vertexes": [self] }));
    }

    /// Tells parts of it that are done.
    fn status(&self, done: &[impl AsRef<str>]) {
        let status = |words: &str| {
            let now = now();
            json!({
                "id": words,
                "vertex": self.digest,
                "current": 0,
                "timestamp": now,
                "started": self.started,
                "completed": now,
            })
        };
        let statuses: Vec<Json> = done.iter().map(|words| status(words.as_ref())).collect();
        line(&json!({ "statuses": statuses }));
    }

    fn complete(mut self) {
        self.completed = Some(now());
        self.tell();
    }
}

/// Tells a build event by event.
pub(super) struct RawJson {
    /// Steps that are at work.
    running: BTreeMap<StepId, Vertex>,
    /// The last step of each stage.
    last: BTreeMap<usize, Digest>,
}

impl RawJson {
    pub(super) fn new() -> RawJson {
        RawJson {
            running: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }
}

impl Observer for RawJson {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, name } => {
                let before = self.last.get(&step.stage).cloned();
                let place = format!("{}.{}", step.stage, step.step);
                let vertex = Vertex::begin(&place, name, before.into_iter().collect());
                self.last.insert(step.stage, vertex.digest.clone());
                vertex.tell();
                self.running.insert(*step, vertex);
            }
            Event::Cached { step } => {
                if let Some(mut vertex) = self.running.remove(step) {
                    vertex.cached = true;
                    vertex.complete();
                }
            }
            Event::Output {
                step,
                stderr,
                bytes,
            } => {
                if let Some(vertex) = self.running.get(step) {
                    line(&json!({ "logs": [{
                        "vertex": vertex.digest,
                        "stream": 1 + u8::from(*stderr),
                        "data": STANDARD.encode(bytes),
                        "timestamp": now(),
                    }] }));
                }
            }
            Event::Status { step, text } => {
                if let Some(vertex) = self.running.get(step) {
                    vertex.status(&[text]);
                }
            }
            Event::Ended { step, error } => {
                if let Some(mut vertex) = self.running.remove(step) {
                    vertex.error = error.clone().unwrap_or_default();
                    vertex.complete();
                }
            }
            Event::Missed { step, error } => {
                if let Some(mut vertex) = self.running.remove(step) {
                    vertex.error.clone_from(error);
                    vertex.complete();
                }
            }
            // Who has the terminal sees it.
            Event::Shell { .. } => {}
            Event::Warning { text } => warn(text),
        }
    }

    fn finish(&mut self) {
        for (_, mut vertex) in std::mem::take(&mut self.running) {
            // Go's words, which BuildKit has here.
            vertex.error = "context canceled".to_owned();
            vertex.complete();
        }
    }
}

/// Tells a warning.
pub(super) fn warn(text: &str) {
    line(&json!({ "warnings": [{ "level": 1, "short": STANDARD.encode(text) }] }));
}

/// Tells what the linter has found.
pub(crate) fn findings(dockerfile: &DockerfileText, warnings: &[Warning]) {
    let DockerfileText { name, bytes, .. } = dockerfile;
    let loading = format!("[internal] load build definition from {name}");
    let vertex = Vertex::begin("", &loading, Vec::new());
    let digest = vertex.digest.clone();
    vertex.complete();
    let warning = |warning: &Warning| {
        let Warning { rule, detail, span } = warning;
        let short = format!("{}: {detail} (line {})", rule.name(), span.first);
        json!({
            "vertex": digest,
            "level": 1,
            "short": STANDARD.encode(short),
            "detail": [STANDARD.encode(rule.description())],
            "url": rule.url(),
            "sourceInfo": { "filename": name, "data": STANDARD.encode(bytes), "language": LANGUAGE },
            "range": [{ "start": { "line": span.first }, "end": { "line": span.last } }],
        })
    };
    let warnings: Vec<Json> = warnings.iter().map(warning).collect();
    line(&json!({ "warnings": warnings }));
}

/// Tells that an image has been made: what was done for it, in words.
pub(super) fn exported(done: &[String]) {
    let vertex = Vertex::begin("", "exporting to image", Vec::new());
    vertex.tell();
    vertex.status(done);
    vertex.complete();
}

fn line(object: &Json) {
    eprint(&format!("{object}\n"));
}

fn now() -> String {
    Timestamp::now().to_string()
}
