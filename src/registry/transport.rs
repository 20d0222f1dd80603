//! The way to a registry: scheme, trust anchors, proxies, redirects.
//!
//! A registry on loopback is reached over HTTP or HTTPS, whichever it speaks, and its certificate is not checked, as Docker
//! does for `insecure-registries`, which always hold 127.0.0.0/8 and ::1 (moby `registry/config.go`). HTTP is tried first:
//! the first request carries no credentials, and a server that speaks TLS refuses it at once, while one that does not may
//! sit on a TLS greeting. Everybody else is reached over HTTPS only.
//!
//! Trust anchors are the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` included, see `rustls-native-certs`), read at the
//! first handshake that needs them, and for the registry itself the `*.crt` in `certs.d/HOST[:PORT]/` (dockerd(8)), where
//! pairs of a `*.cert` and a `*.key` are what to show it; a directory that the user names (`--cert-dir`) takes their place.
//! With `--tls-verify=false` no certificate is checked; who does not speak TLS is then reached over HTTP.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{NoProxy, Proxy, Url};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::{Error, TransportError};
use super::{Timing, limits};
use crate::settings::Settings;

/// Where Docker and podman look for a registry's own certificates.
const CERTS_D: [&str; 2] = ["/etc/docker/certs.d", "/etc/containers/certs.d"];

/// Makes the HTTP client for the registry at `endpoint` (`host[:port]`). `stall` is how long an answer may say nothing; none
/// for uploads, whose answer begins when all has been sent.
pub(super) fn client(
    endpoint: &str,
    settings: &Settings,
    timing: &Timing,
    stall: Option<Duration>,
) -> Result<reqwest::Client, Error> {
    let provider = Arc::new(ring::default_provider());
    let own = OwnCertificates::read(endpoint, settings)?;
    let verifier = Verifier {
        host: host(endpoint).to_owned(),
        is_checked: !settings.registries.insecure,
        own: own.trusted,
        provider: provider.clone(),
        system: OnceLock::new(),
        registry: OnceLock::new(),
    };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.into()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let tls = match own.client {
        None => tls.with_no_client_auth(),
        Some((path, chain, key)) => {
            let wrong = |source: rustls::Error| Error::Certificates {
                path,
                source: source.into(),
            };
            tls.with_client_auth_cert(chain, key).map_err(wrong)?
        }
    };
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("ctr/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timing.connect)
        .http1_max_headers(limits::HEADERS)
        .referer(false)
        .redirect(reqwest::redirect::Policy::custom(redirect))
        .no_proxy();
    if let Some(stall) = stall {
        builder = builder.read_timeout(stall);
    }
    for proxy in proxies(settings)? {
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| Error::Client(TransportError::from(error).into()))
}

/// Follows at most [`limits::REDIRECTS`] redirects and none from HTTPS to HTTP. That credentials go to the same host and
/// port only is reqwest's part.
fn redirect(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let downgrade = attempt.url().scheme() == "http"
        && attempt.previous().iter().any(|url| url.scheme() == "https");
    if downgrade {
        attempt.error("refusing a redirect from HTTPS to HTTP")
    } else if attempt.previous().len() > limits::REDIRECTS {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}

/// Returns the proxies of the environment. As Go's `ProxyFromEnvironment`, upper case wins and loopback needs none.
fn proxies(settings: &Settings) -> Result<Vec<Proxy>, Error> {
    let get = |name: &str| {
        let upper = name.to_uppercase();
        [upper.as_str(), name].into_iter().find_map(|name| {
            settings
                .proxies
                .iter()
                .find(|(key, value)| key == name && !value.is_empty())
        })
    };
    let exempt = format!(
        "localhost,127.0.0.0/8,::1,{}",
        get("no_proxy").map_or("", |(_, list)| list)
    );
    let invalid = |variable: &str| Error::Proxy {
        variable: variable.to_owned(),
    };
    let mut proxies = Vec::new();
    if let Some((variable, url)) = get("http_proxy") {
        proxies.push(Proxy::http(url).map_err(|_| invalid(variable))?);
    }
    if let Some((variable, url)) = get("https_proxy") {
        proxies.push(Proxy::https(url).map_err(|_| invalid(variable))?);
    }
    let exempted = |proxy: Proxy| proxy.no_proxy(NoProxy::from_string(&exempt));
    Ok(proxies.into_iter().map(exempted).collect())
}

/// Returns the host of `host[:port]`, without the brackets of an IPv6 address.
pub(super) fn host(endpoint: &str) -> &str {
    match endpoint.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => endpoint.split(':').next().unwrap_or(endpoint),
    }
}

/// Whether the host is this machine by name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Whether a password may be sent there: encrypted, or not leaving this machine.
pub(super) fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https"
        || url
            .host_str()
            .is_some_and(|host| is_loopback(host.trim_matches(['[', ']'])))
}

/// What belongs to one registry.
#[derive(Default)]
struct OwnCertificates {
    /// Trust anchors.
    trusted: Vec<CertificateDer<'static>>,
    /// What to show it: the file, the certificate with those that lead to its root, the key.
    client: Option<(
        PathBuf,
        Vec<CertificateDer<'static>>,
        PrivateKeyDer<'static>,
    )>,
}

impl OwnCertificates {
    /// Reads what there is for `endpoint`.
    fn read(endpoint: &str, settings: &Settings) -> Result<OwnCertificates, Error> {
        let own = settings.config_dir.join("certs.d");
        let dirs = match &settings.registries.certificates {
            Some(dir) => vec![dir.clone()],
            None => (CERTS_D.iter().map(Path::new).chain([own.as_path()]))
                .map(|dir| dir.join(endpoint))
                .collect(),
        };
        let mut found = OwnCertificates::default();
        for dir in dirs {
            let Ok(entries) = std::fs::read_dir(dir) else {
                continue;
            };
            let mut files: Vec<PathBuf> = entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect();
            files.sort();
            for path in files {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => found.trusted.extend(chain(&path)?),
                    Some("cert") if found.client.is_none() => {
                        let key = path.with_extension("key");
                        let read = PrivateKeyDer::from_pem_file(&key);
                        let read = read.map_err(unreadable(&key))?;
                        found.client = Some((path.clone(), chain(&path)?, read));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }
}

/// Reads the certificates of a file.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all = CertificateDer::pem_file_iter(path).map_err(unreadable(path))?;
    let all: Result<Vec<_>, _> = all.collect();
    all.map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> Error {
    move |source| Error::Certificates {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// Checks certificates: not at all on loopback and where the user does not want it, by the registry's own anchors as well
/// for the registry, by the system's for everybody else (token services, storage it redirects to).
#[derive(Debug)]
struct Verifier {
    host: String,
    is_checked: bool,
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    system: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
    registry: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl Verifier {
    fn for_name(&self, name: &ServerName<'_>) -> Result<&Arc<WebPkiServerVerifier>, rustls::Error> {
        let own = !self.own.is_empty() && name.to_str() == self.host;
        let cell = if own { &self.registry } else { &self.system };
        cell.get_or_init(|| self.build(own))
            .as_ref()
            .map_err(|text| rustls::Error::General(text.clone()))
    }

    fn build(&self, own: bool) -> Result<Arc<WebPkiServerVerifier>, String> {
        let system = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(system.certs);
        if own {
            roots.add_parsable_certificates(self.own.iter().cloned());
        }
        if roots.is_empty() {
            return Err(
                "no trusted certificates found on this system (package ca-certificates)".into(),
            );
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| error.to_string())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.is_checked || is_loopback(&server_name.to_str()) {
            return Ok(ServerCertVerified::assertion());
        }
        self.for_name(server_name)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_loopback() {
        for (endpoint, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.8.9.1:80", true),
            ("[::1]:5000", true),
            ("[::2]:5000", false),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_loopback(host(endpoint)), expected, "{endpoint}");
        }
    }
}
