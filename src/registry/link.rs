//! Requests to one registry: the scheme found out, a 401 answered, refusals made errors.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Client, Response, Url};

use super::access::Access;
use super::answer::{Asked, go_name, is_refused_plain_http, refusal, send, shown};
use super::authorizer::{Authorizer, Outcome};
use super::error::Error;
use super::retry::{Failure, Retry};
use super::token::Wire;
use super::{Credentials, Timing, transport};
use crate::content::Reference;
use crate::settings::Settings;

/// How long a loopback registry that broke off plain HTTP is given to answer a TLS greeting.
const TLS_PROBE: Duration = Duration::from_secs(5);

/// The async half of a [`Session`](super::Session).
#[derive(Debug)]
pub(super) struct Link {
    http: Client,
    /// For requests with a body, where there are any.
    sender: Option<Client>,
    pub(super) authorizer: Authorizer,
    pub(super) timing: Timing,
    /// `host[:port]`.
    endpoint: String,
    /// What it is all about; nothing in particular for a login.
    reference: Option<Reference>,
    access: Access,
    /// Whether the registry speaks TLS; only a loopback one need not, unless the user says so.
    tls: AtomicBool,
    /// Whether the registry has answered at all.
    met: AtomicBool,
    /// Whether plain HTTP does where there is no TLS, and not on loopback alone.
    insecure: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum To<'a> {
    /// Below `/v2/`, with its query.
    Path(&'a str),
    /// Where the registry said.
    Url(&'a Url),
}

/// A request that can be sent as often as it takes.
pub(super) struct Ask<'a> {
    method: Method,
    to: To<'a>,
    headers: HeaderMap,
    body: Option<&'a (dyn Fn() -> io::Result<Body> + Sync)>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, to: To<'a>) -> Self {
        Ask {
            method,
            to,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(super) fn with(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sends what `body` makes, anew for each try.
    pub(super) fn sending(mut self, body: &'a (dyn Fn() -> io::Result<Body> + Sync)) -> Self {
        self.body = Some(body);
        self
    }
}

impl Link {
    pub(super) fn to_repository(
        reference: &Reference,
        access: Access,
        credentials: Credentials,
        settings: &Settings,
        timing: Timing,
    ) -> Result<Link, Error> {
        let scope = access.scope(reference.repository());
        let authorizer = Authorizer::new(credentials, access, vec![scope]);
        let mut link =
            Link::to_registry(reference.endpoint(), access, authorizer, settings, timing)?;
        link.reference = Some(reference.clone());
        Ok(link)
    }

    /// For requests that are about no repository.
    pub(super) fn to_registry(
        endpoint: &str,
        access: Access,
        authorizer: Authorizer,
        settings: &Settings,
        timing: Timing,
    ) -> Result<Link, Error> {
        let sender = match access {
            Access::Pull => None,
            Access::Push => Some(transport::client(endpoint, settings, &timing, None)?),
        };
        Ok(Link {
            http: transport::client(endpoint, settings, &timing, Some(timing.stall))?,
            sender,
            authorizer,
            timing,
            tls: AtomicBool::new(!transport::is_loopback(transport::host(endpoint))),
            met: AtomicBool::new(false),
            insecure: settings.registries.insecure,
            endpoint: endpoint.to_owned(),
            reference: None,
            access,
        })
    }

    /// Returns the path of something in the repository.
    pub(super) fn in_repository(&self, path: &str) -> String {
        let repository = self.reference.as_ref().map_or("", Reference::repository);
        format!("{repository}/{path}")
    }

    pub(super) fn url(&self, to: To<'_>, tls: bool) -> Result<Url, Error> {
        match to {
            To::Url(url) => Ok(url.clone()),
            To::Path(path) => {
                let scheme = if tls { "https" } else { "http" };
                let text = format!("{scheme}://{}/v2/{path}", self.endpoint);
                Url::parse(&text).map_err(|error| Error::Client(error.into()))
            }
        }
    }

    /// Sends a request and answers one 401.
    pub(super) async fn exchange(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let mut result = self.ask(ask).await;
        if let Err(failure) = &mut result
            && let Error::Unauthorized { logged_in, .. } = &mut failure.error
        {
            *logged_in = self.authorizer.has_login();
        }
        result
    }

    async fn ask(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let name = go_name(&ask.method);
        let mut authorization = self.authorizer.current().await;
        let mut answered = false;
        loop {
            let mut headers = ask.headers.clone();
            // Where a registry sends us for an upload need not be the registry; others get no credentials of ours.
            if let Some(header) = authorization.header.as_ref().filter(|_| self.is_home(ask)) {
                headers.insert(AUTHORIZATION, header.clone());
            }
            let response = self.reach(ask, headers).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            // The peer that answers may be one we were redirected to, too.
            let tls = self.tls.load(Ordering::Relaxed);
            let at_home = response.url().origin() == self.url(To::Path(""), tls)?.origin();
            if response.status() != StatusCode::UNAUTHORIZED || answered || !at_home {
                let asked = self.reference.as_ref().map(|reference| Asked {
                    reference,
                    access: self.access,
                });
                return Err(refusal(response, name, asked).await);
            }
            answered = true;
            let wire = match tls {
                _ if self.insecure => Wire::Any,
                true => Wire::Tls,
                false => Wire::Plain,
            };
            let outcome = self
                .authorizer
                .renew(&self.http, &authorization, response.headers(), wire)
                .await?;
            match outcome {
                Outcome::Retry(new) => authorization = new,
                Outcome::NothingToShow => {
                    return Err(Error::NoCredentials {
                        method: name,
                        url: shown(response.url()),
                    }
                    .into());
                }
            }
        }
    }

    /// Whether a request goes to the registry itself.
    fn is_home(&self, ask: &Ask<'_>) -> bool {
        let To::Url(url) = ask.to else { return true };
        let tls = self.tls.load(Ordering::Relaxed);
        self.url(To::Path(""), tls)
            .is_ok_and(|home| home.origin() == url.origin())
    }

    /// Sends a request. The first one, which carries no credentials, finds out the scheme of a loopback registry, or of any
    /// where plain HTTP is allowed: there HTTPS is tried first.
    async fn reach(&self, ask: &Ask<'_>, headers: HeaderMap) -> Result<Response, Failure> {
        let tls = self.tls.load(Ordering::Relaxed);
        let first = self.send(ask, headers.clone(), tls).await;
        let failure = match first {
            Ok(response) if self.met.load(Ordering::Relaxed) || tls || !is_bad(&response) => {
                self.met.store(true, Ordering::Relaxed);
                return Ok(response);
            }
            Ok(response) => match is_refused_plain_http(response, go_name(&ask.method)).await {
                Ok(failure) => failure,
                Err(failure) => {
                    self.met.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            },
            Err(failure) if self.met.load(Ordering::Relaxed) => return Err(failure),
            Err(failure) if tls && self.insecure => {
                return match self.send(ask, headers, false).await {
                    Ok(response) => {
                        self.tls.store(false, Ordering::Relaxed);
                        self.met.store(true, Ordering::Relaxed);
                        Ok(response)
                    }
                    Err(_) => Err(failure),
                };
            }
            // A registry that was never there is not waited for.
            Err(mut failure) if tls || is_unreachable(&failure.error) => {
                if is_unreachable(&failure.error) {
                    failure.retry = Retry::Never;
                }
                return Err(failure);
            }
            Err(failure) => failure,
        };
        let over_tls = self.send(ask, headers, true);
        match tokio::time::timeout(TLS_PROBE, over_tls).await {
            Ok(Ok(response)) => {
                self.tls.store(true, Ordering::Relaxed);
                self.met.store(true, Ordering::Relaxed);
                Ok(response)
            }
            // It is no TLS server either, so it was HTTP, and a bad moment.
            _ => Err(failure),
        }
    }

    async fn send(
        &self,
        ask: &Ask<'_>,
        headers: HeaderMap,
        tls: bool,
    ) -> Result<Response, Failure> {
        let url = self.url(ask.to, tls)?;
        let client = match &self.sender {
            Some(sender) if ask.body.is_some() => sender,
            _ => &self.http,
        };
        let mut request = client.request(ask.method.clone(), url.clone());
        request = request.headers(headers);
        if let Some(body) = ask.body {
            request = request.body(body().map_err(Error::Content)?);
        }
        send(request, go_name(&ask.method), &url).await
    }
}

/// Whether nobody answered at that address.
fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Transport { source, .. } if source.is_connect() || source.is_timeout())
}

fn is_bad(response: &Response) -> bool {
    response.status() == StatusCode::BAD_REQUEST
}
