//! From a 401 to the header that answers it.
//!
//! Requests start with what worked last. A 401 names the ways; the first request that meets it gets a token for all of
//! them: the others wait for it and try again with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use reqwest::Client;
use tokio::sync::Mutex;

use super::challenge::{Challenge, challenges};
use super::retry::Failure;
use super::{Credentials, token, transport};

/// The authorization of one session.
#[derive(Debug)]
pub(super) struct Authorizer {
    credentials: Credentials,
    /// Asked for where a challenge names no scope.
    scope: String,
    current: Mutex<Authorization>,
}

/// An `Authorization` header, and how many there were before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Authorization {
    pub(super) header: Option<HeaderValue>,
    generation: u64,
}

/// What came of a 401.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Try again with this.
    Retry(Authorization),
    /// There is no login for the way that the registry offers.
    NothingToShow,
}

impl Authorizer {
    pub(super) fn new(credentials: Credentials, repository: &str) -> Self {
        Authorizer {
            credentials,
            scope: format!("repository:{repository}:pull"),
            current: Mutex::default(),
        }
    }

    /// What to send with a new request.
    pub(super) async fn current(&self) -> Authorization {
        self.current.lock().await.clone()
    }

    /// Answers the challenges of a 401 that came in spite of `used`.
    pub(super) async fn renew(
        &self,
        http: &Client,
        used: &Authorization,
        headers: &HeaderMap,
        registry_is_tls: bool,
    ) -> Result<Outcome, Failure> {
        let mut current = self.current.lock().await;
        if current.generation != used.generation {
            return Ok(Outcome::Retry(current.clone()));
        }
        for challenge in challenges(headers) {
            let header = match (&challenge, &self.credentials) {
                (Challenge::Bearer { .. }, Credentials::Registry(token)) => {
                    transport::sensitive(&format!("Bearer {}", token.reveal()))
                }
                (
                    Challenge::Bearer {
                        realm,
                        service,
                        scope,
                    },
                    credentials,
                ) => {
                    let request = token::Request {
                        realm,
                        service: service.as_deref(),
                        scope: scope.as_deref().unwrap_or(&self.scope),
                        registry_is_tls,
                    };
                    let token = token::fetch(http, &request, credentials).await?;
                    transport::sensitive(&format!("Bearer {}", token.reveal()))
                }
                (Challenge::Basic, credentials) => basic(credentials),
            };
            if header.is_some() {
                *current = Authorization {
                    header,
                    generation: used.generation + 1,
                };
                return Ok(Outcome::Retry(current.clone()));
            }
        }
        Ok(Outcome::NothingToShow)
    }
}

/// Returns the header of Basic authentication, for logins that have a password.
pub(super) fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials::Password { user, password } = credentials else {
        return None;
    };
    let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
    transport::sensitive(&format!("Basic {pair}"))
}
