//! What the registry answers: blobs, manifests, uploads, tokens, plain files.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::image::{Content, digest};
use super::{Auth, Fault, Request, State};

/// What is sent back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    fn error(status: u16, code: &str, message: &str) -> Answer {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Answer::new(status, body.to_string()).with("Content-Type", "application/json")
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}

impl State {
    pub(super) fn take_fault(&mut self, request: &Request) -> Option<Fault> {
        let line = format!("{} {}", request.method, request.path);
        let rule = self.faults.iter_mut().find(|rule| {
            rule.times > 0 && line.contains(&rule.of) && !matches!(rule.fault, Fault::CutUpload(_))
        })?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    pub(super) fn take_cut(&mut self, request: &Request) -> Option<usize> {
        let line = format!("{} {}", request.method, request.path);
        let rule = self.faults.iter_mut().find(|rule| {
            rule.times > 0 && line.contains(&rule.of) && matches!(rule.fault, Fault::CutUpload(_))
        })?;
        rule.times -= 1;
        match rule.fault {
            Fault::CutUpload(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Adds what came to the upload that the request is about; its new length, unless it is about none.
    pub(super) fn append(&mut self, request: &Request) -> Option<usize> {
        let path = request.path.split('?').next().unwrap_or_default();
        let (_, number) = path.split_once("/blobs/uploads/")?;
        let upload = self.uploads.get_mut(number)?;
        upload.extend_from_slice(&request.body);
        Some(upload.len())
    }

    /// A POST, PATCH, PUT or GET of an upload. Spec: distribution-spec, "Pushing blobs".
    fn upload(&mut self, request: &Request, repository: &str, number: &str) -> Answer {
        let query = |name: &str| {
            let url = request.path.replace("%3A", ":").replace("%2F", "/");
            let (_, query) = url.split_once('?')?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        if request.method == "POST" {
            if let (Some(digest), Some(from)) = (query("mount"), query("from"))
                && self
                    .places
                    .get(&digest)
                    .is_some_and(|places| places.contains(&from))
            {
                self.places
                    .entry(digest)
                    .or_default()
                    .insert(repository.to_owned());
                return Answer::new(201, "");
            }
            self.begun += 1;
            let number = self.begun.to_string();
            self.uploads.insert(number.clone(), Vec::new());
            // As distribution: with a state that the client has to hand back.
            let location = format!("/v2/{repository}/blobs/uploads/{number}?_state=x%2By");
            return Answer::new(202, "").with("Location", location);
        }
        let unknown = Answer::error(
            404,
            "BLOB_UPLOAD_UNKNOWN",
            "blob upload unknown to registry",
        );
        if query("_state").as_deref() != Some("x%2By") {
            return unknown;
        }
        let Some(length) = self.uploads.get(number).map(Vec::len) else {
            return unknown;
        };
        let range = |length: usize| format!("0-{}", length.saturating_sub(1));
        let location = request.path.clone();
        match request.method.as_str() {
            "GET" => Answer::new(204, "")
                .with("Range", range(length))
                .with("Location", location),
            "PATCH" => {
                let start = request
                    .header("content-range")
                    .split('-')
                    .next()
                    .unwrap_or_default();
                if !start.is_empty() && start != length.to_string() {
                    return Answer::error(416, "BLOB_UPLOAD_INVALID", "blob upload invalid");
                }
                let length = self.append(request).unwrap_or_default();
                Answer::new(202, "")
                    .with("Range", range(length))
                    .with("Location", location)
            }
            _ => {
                self.append(request);
                let bytes = self.uploads.remove(number).unwrap_or_default();
                let name = query("digest").unwrap_or_default();
                if digest(&bytes) != name {
                    return Answer::error(
                        400,
                        "DIGEST_INVALID",
                        "provided digest did not match uploaded content",
                    );
                }
                self.blobs.insert(name.clone(), bytes);
                self.places
                    .entry(name)
                    .or_default()
                    .insert(repository.to_owned());
                Answer::new(201, "")
            }
        }
    }

    /// A PUT of a manifest, whose blobs must be there.
    fn take_manifest(&mut self, request: &Request, repository: &str, reference: &str) -> Answer {
        let value: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let blobs = value["layers"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(value.get("config"));
        for blob in blobs {
            if !self.has(repository, blob["digest"].as_str().unwrap_or_default()) {
                return Answer::error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
            }
        }
        let content = Content {
            media_type: request.header("content-type").to_owned(),
            bytes: request.body.clone(),
        };
        for name in [&content.digest(), reference] {
            self.manifests
                .insert(format!("{repository}/{name}"), content.clone());
        }
        Answer::new(201, "").with("Docker-Content-Digest", content.digest())
    }

    fn has(&self, repository: &str, digest: &str) -> bool {
        let placed = |places: &HashSet<String>| places.contains(repository);
        self.blobs.contains_key(digest) && self.places.get(digest).is_none_or(placed)
    }

    pub(super) fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
        if let Some(Fault::Answer(status, headers, body)) = fault {
            let mut answer = Answer::new(*status, body.as_bytes());
            answer.headers.clone_from(headers);
            return answer;
        }
        if request.path.starts_with("/token") {
            return self.token(request);
        }
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(file) = self.files.get(path) {
            let mut answer = Answer::new(200, file.bytes.clone());
            answer.headers.clone_from(&file.headers);
            return answer;
        }
        if let Some(refusal) = self.refuse(request) {
            return refusal;
        }
        if request.path == "/v2/" {
            return Answer::new(200, "{}");
        }
        let Some(path) = path.strip_prefix("/v2/") else {
            return Answer::error(404, "UNSUPPORTED", "no such page");
        };
        let replace = |bytes: &[u8]| match fault {
            Some(Fault::Replace(other)) => other.clone(),
            _ => bytes.to_vec(),
        };
        if let Some((repository, number)) = path.split_once("/blobs/uploads/") {
            if fault == Some(&Fault::ForgetUpload) {
                self.uploads.remove(number);
            }
            return self.upload(request, repository, number);
        }
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            if request.method == "PUT" {
                return self.take_manifest(request, repository, reference);
            }
            let Some(content) = self.manifests.get(&format!("{repository}/{reference}")) else {
                return Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
            };
            return Answer::new(200, replace(&content.bytes))
                .with("Content-Type", content.media_type.as_str())
                .with("Docker-Content-Digest", content.digest());
        }
        if let Some((repository, digest)) = path.split_once("/blobs/") {
            let blob = self
                .blobs
                .get(digest)
                .filter(|_| self.has(repository, digest));
            let Some(blob) = blob else {
                return Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
            };
            return serve_blob(request, replace(blob), fault);
        }
        Answer::new(200, "{}")
    }

    /// The 401 of a client that does not show what it must.
    fn refuse(&self, request: &Request) -> Option<Answer> {
        let shown = request.header("authorization");
        let refusal = Answer::error(401, "UNAUTHORIZED", "authentication required");
        match self.auth.as_ref()? {
            Auth::Basic(user, password) => (shown != basic(user, password))
                .then(|| refusal.with("WWW-Authenticate", "Basic realm=\"test\"")),
            _ => {
                let token = shown.strip_prefix("Bearer ").unwrap_or("");
                let realm = format!("http://{}/token", request.header("host"));
                let challenge = format!(
                    "Bearer realm=\"{realm}\",service=\"test\",scope=\"repository:x:pull\""
                );
                (!self.tokens.iter().any(|known| known == token))
                    .then(|| refusal.with("WWW-Authenticate", challenge))
            }
        }
    }

    fn token(&mut self, request: &Request) -> Answer {
        let shown = request.header("authorization");
        let good = match self.auth.as_ref() {
            Some(Auth::Bearer(user, password)) => shown == basic(user, password),
            Some(Auth::BearerIdentity(refresh)) => {
                let body = String::from_utf8_lossy(&request.body);
                request.method == "POST"
                    && body.split('&').any(|pair| {
                        pair.strip_prefix("refresh_token=")
                            .is_some_and(|token| token == *refresh)
                    })
                    && body.contains("grant_type=refresh_token")
            }
            _ => true,
        };
        if !good {
            return Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let token = digest(format!("token {}", self.tokens.len()).as_bytes());
        self.tokens.push(token.clone());
        let name = if request.method == "POST" {
            "access_token"
        } else {
            "token"
        };
        Answer::new(200, serde_json::json!({ name: token }).to_string())
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn serve_blob(request: &Request, bytes: Vec<u8>, fault: Option<&Fault>) -> Answer {
    let start = request
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'))
        .and_then(|start| start.parse::<usize>().ok())
        .filter(|_| fault != Some(&Fault::IgnoreRange));
    match start {
        Some(start) if start >= bytes.len() => Answer::new(416, ""),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            Answer::new(206, &bytes[start..]).with("Content-Range", range)
        }
        None => Answer::new(200, bytes),
    }
}
