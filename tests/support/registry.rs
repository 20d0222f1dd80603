//! A registry inside the test process, on loopback, that can be told to fail.
//!
//! It serves images and plain files from memory and takes images, notes every request, and follows a list of faults: the first one that fits a request and
//! is not used up decides the answer. It knows no more of HTTP than registry clients need. One that speaks TLS is called
//! `registry.test`; it is also the proxy through which a client can reach that name.
//!
//! Its threads end with it.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::image::{Content, TestImage, digest};

/// What a client must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// User and password with each request.
    Basic(&'static str, &'static str),
    /// A token, which everybody gets.
    BearerAnonymous,
    /// A token, which this user gets for this password.
    Bearer(&'static str, &'static str),
    /// A token, to be had by POST for this refresh token.
    BearerIdentity(&'static str),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The connection is closed without an answer.
    Hangup,
    /// The connection is closed after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes of the body, and the connection stays open.
    StallAfter(usize),
    /// The body comes in pieces of 64 KiB with this pause between them.
    Slow(Duration),
    /// One bit of the body is wrong.
    FlipBit(usize),
    /// `Content-Length` says so much more than there is.
    LongerLength(u64),
    /// `Range` is taken for nothing.
    IgnoreRange,
    /// Other bytes in place of the content.
    Replace(Vec<u8>),
    /// Accepted tokens are accepted no more.
    ForgetTokens,
    /// The connection is closed after so many bytes of what the client sends; they are kept.
    CutUpload(usize),
    /// The upload that the request is about is not known any more.
    ForgetUpload,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct State {
    blobs: HashMap<String, Vec<u8>>,
    /// Which repositories have a blob that was uploaded; one that the test put is everywhere.
    places: HashMap<String, HashSet<String>>,
    /// Uploads that have begun, by number.
    uploads: HashMap<String, Vec<u8>>,
    begun: usize,
    /// By `repository/reference`.
    manifests: HashMap<String, Content>,
    /// Files of a plain web server, by path, each with its headers.
    files: HashMap<String, File>,
    auth: Option<Auth>,
    tokens: Vec<String>,
    faults: Vec<Rule>,
    requests: Vec<Request>,
    connections: Vec<TcpStream>,
    tls: Option<Arc<ServerConfig>>,
    stopped: bool,
}

#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

struct Rule {
    /// A part of `METHOD path`.
    of: String,
    times: usize,
    fault: Fault,
}

/// See the module.
pub(crate) struct Registry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// Starts one, without any images, open to everybody.
    pub(crate) fn start() -> Registry {
        Registry::start_with(State::default())
    }

    /// Starts one that speaks TLS only, with the certificate of `registry.test`; see `tests/testfiles/tls`.
    pub(crate) fn start_tls() -> Registry {
        Registry::start_tls_with(false)
    }

    /// The same, for clients that show a certificate of `ca.crt`'s.
    pub(crate) fn start_tls_for_known_clients() -> Registry {
        Registry::start_tls_with(true)
    }

    fn start_tls_with(for_known_clients: bool) -> Registry {
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("../testfiles/tls/server.crt"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../testfiles/tls/server.key"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(include_bytes!("../testfiles/tls/ca.crt"));
        roots.add(ca.expect("PEM")).expect("a certificate");
        let known = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let clients = match for_known_clients {
            true => known.build().expect("a root"),
            false => WebPkiClientVerifier::no_client_auth(),
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring's versions")
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
            .expect("a certificate and its key");
        Registry::start_with(State {
            tls: Some(Arc::new(config)),
            ..State::default()
        })
    }

    fn start_with(state: State) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let thread = thread::spawn(move || accept(&listener, &shared));
        Registry {
            address,
            state,
            thread: Some(thread),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// `127.0.0.1:PORT/NAME`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// From now on clients must show this.
    pub(crate) fn require(&self, auth: Auth) {
        self.state().auth = Some(auth);
    }

    /// Stores a blob.
    pub(crate) fn put_blob(&self, content: &Content) {
        self.put_blob_as(&content.digest(), &content.bytes);
    }

    /// Stores `bytes` under a digest, be it theirs or not.
    pub(crate) fn put_blob_as(&self, digest: &str, bytes: &[u8]) {
        self.state().blobs.insert(digest.to_owned(), bytes.to_vec());
    }

    /// Stores a manifest or index under its digest and, unless empty, under `tag`.
    pub(crate) fn put_manifest(&self, repository: &str, tag: &str, content: &Content) {
        let mut state = self.state();
        for reference in [&content.digest(), tag] {
            if !reference.is_empty() {
                let key = format!("{repository}/{reference}");
                state.manifests.insert(key, content.clone());
            }
        }
    }

    /// Stores an image and returns its manifest's digest.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &TestImage) -> String {
        for blob in &image.layers {
            self.put_blob(blob);
        }
        self.put_blob(&image.config_blob());
        let manifest = image.manifest();
        self.put_manifest(repository, tag, &manifest);
        manifest.digest()
    }

    /// Serves a file at `path` (`/a/b`) to everybody, as a plain web server does.
    pub(crate) fn put_file(
        &self,
        path: &str,
        bytes: impl Into<Vec<u8>>,
        headers: &[(&'static str, &str)],
    ) {
        let headers = (headers.iter())
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let file = File {
            bytes: bytes.into(),
            headers,
        };
        self.state().files.insert(path.to_owned(), file);
    }

    /// The next `times` requests with `of` in their `METHOD path` go wrong.
    pub(crate) fn fail(&self, of: &str, times: usize, fault: Fault) {
        self.state().faults.push(Rule {
            of: of.to_owned(),
            times,
            fault,
        });
    }

    /// No more faults.
    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    /// Every request since the last call.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().requests)
    }

    /// A blob, whoever brought it.
    pub(crate) fn blob(&self, digest: &str) -> Option<Vec<u8>> {
        self.state().blobs.get(digest).cloned()
    }

    /// What a tag or digest means.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<Content> {
        let key = format!("{repository}/{reference}");
        self.state().manifests.get(&key).cloned()
    }

    /// How many requests since the last [`Registry::take_requests`] have `of` in their `METHOD path`.
    pub(crate) fn count(&self, of: &str) -> usize {
        self.state()
            .requests
            .iter()
            .filter(|request| format!("{} {}", request.method, request.path).contains(of))
            .count()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        {
            let mut state = self.state();
            state.stopped = true;
            for connection in &state.connections {
                // It may be closed already.
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        {
            let mut state = lock(state);
            if state.stopped {
                break;
            }
            state.connections.extend(stream.try_clone());
        }
        let state = state.clone();
        threads.push(thread::spawn(move || {
            // A client that goes away is not the test's business.
            let _ = greet(stream, &state);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// What is sent back.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
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

/// A connection, plain or not.
trait Wire: Read + Write {
    /// Ends it in both directions, without a farewell.
    fn cut(&self) -> std::io::Result<()>;
}

impl Wire for TcpStream {
    fn cut(&self) -> std::io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn cut(&self) -> std::io::Result<()> {
        self.sock.shutdown(Shutdown::Both)
    }
}

/// Finds out what the client speaks.
fn greet(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(tls) = lock(state).tls.clone() else {
        return converse(stream, state);
    };
    let mut first = [0; 1];
    stream.peek(&mut first)?;
    if first == *b"C" {
        // A proxy, asked to CONNECT.
        let mut head = Vec::new();
        let mut byte = [0; 1];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
            head.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&head);
        let mut words = line.split_whitespace();
        lock(state).requests.push(Request {
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            headers: HashMap::new(),
            body: Vec::new(),
        });
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    } else if first != [0x16] {
        // As Go's net/http.
        let body = "Client sent an HTTP request to an HTTPS server.\n";
        let head = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes())?;
        return stream.cut();
    }
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    converse(StreamOwned::new(connection, stream), state)
}

fn converse(stream: impl Wire, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, state)? {
        let (fault, mut answer) = {
            let mut state = lock(state);
            state.requests.push(request.clone());
            let fault = state.take_fault(&request);
            if fault == Some(Fault::ForgetTokens) {
                state.tokens.clear();
            }
            (fault.clone(), state.answer(&request, fault.as_ref()))
        };
        if fault == Some(Fault::Hangup) {
            return reader.get_ref().cut();
        }
        let mut length = answer.body.len() as u64;
        match &fault {
            Some(Fault::FlipBit(at)) if *at < answer.body.len() => answer.body[*at] ^= 1,
            Some(Fault::LongerLength(more)) => length += more,
            _ => {}
        }
        if request.method == "HEAD" {
            answer.body.clear();
        }
        write_answer(reader.get_mut(), state, &answer, length, fault.as_ref())?;
    }
    Ok(())
}

fn read_request(
    reader: &mut BufReader<impl Wire>,
    state: &Mutex<State>,
) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // What a proxy is asked for is a whole URL.
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: HashMap::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    let cut = lock(state).take_cut(&request);
    let mut body = vec![0; cut.map_or(length, |cut| cut.min(length))];
    reader.read_exact(&mut body)?;
    request.body = body;
    if cut.is_some() {
        let mut state = lock(state);
        state.append(&request);
        state.requests.push(request);
        drop(state);
        reader.get_ref().cut()?;
        return Ok(None);
    }
    Ok(Some(request))
}

fn write_answer(
    stream: &mut impl Wire,
    state: &Mutex<State>,
    answer: &Answer,
    length: u64,
    fault: Option<&Fault>,
) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {} Any\r\nContent-Length: {length}\r\n",
        answer.status
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    match fault {
        Some(Fault::CutAfter(bytes)) => {
            stream.write_all(&answer.body[..answer.body.len().min(*bytes)])?;
            stream.cut()
        }
        Some(Fault::LongerLength(_)) => {
            stream.write_all(&answer.body)?;
            stream.cut()
        }
        Some(Fault::StallAfter(bytes)) => {
            stream.write_all(&answer.body[..answer.body.len().min(*bytes)])?;
            // Until the client or the test has had enough.
            let mut nothing = [0; 1];
            while stream.read(&mut nothing)? > 0 {}
            Ok(())
        }
        Some(Fault::Slow(pause)) => {
            for piece in answer.body.chunks(64 << 10) {
                if lock(state).stopped {
                    break;
                }
                stream.write_all(piece)?;
                thread::sleep(*pause);
            }
            Ok(())
        }
        _ => stream.write_all(&answer.body),
    }
}

impl State {
    fn take_fault(&mut self, request: &Request) -> Option<Fault> {
        let line = format!("{} {}", request.method, request.path);
        let rule = self.faults.iter_mut().find(|rule| {
            rule.times > 0 && line.contains(&rule.of) && !matches!(rule.fault, Fault::CutUpload(_))
        })?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    fn take_cut(&mut self, request: &Request) -> Option<usize> {
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
    fn append(&mut self, request: &Request) -> Option<usize> {
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

    fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Answer {
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
