//! A registry inside the test process, on loopback, that can be told to fail.
//!
//! It serves images and plain files from memory and takes images, notes every request, and follows a list of faults: the first one that fits a request and
//! is not used up decides the answer. It knows no more of HTTP than registry clients need. One that speaks TLS is called
//! `registry.test`; it is also the proxy through which a client can reach that name.
//!
//! Its threads end with it.

mod answer;
mod wire;

use std::collections::{HashMap, HashSet};

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::image::{Content, TestImage};
use wire::accept;

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
            CertificateDer::from_pem_slice(include_bytes!("../../testfiles/tls/server.crt"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../testfiles/tls/server.key"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(include_bytes!("../../testfiles/tls/ca.crt"));
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
