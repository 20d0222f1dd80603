//! From a 401 to the header that answers it.
//!
//! Requests start with what worked last. A 401 names the ways; the first request that meets it gets a token for all of
//! them: the others wait for it and try again with it.

use std::sync::PoisonError;

use http::{HeaderMap, HeaderValue};
use reqwest::Client;
use tokio::sync::Mutex;

use super::access::Access;
use super::challenge::{Challenge, challenges};
use super::retry::Failure;
use super::token::Wire;
use super::{Credentials, header, token};

/// The authorization of one session.
#[derive(Debug)]
pub(super) struct Authorizer {
    credentials: Credentials,
    access: Access,
    /// What the session needs. Where it only reads, a challenge that names a scope knows better.
    scopes: std::sync::Mutex<Vec<String>>,
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
    pub(super) fn new(credentials: Credentials, access: Access, scopes: Vec<String>) -> Self {
        Authorizer {
            credentials,
            access,
            scopes: std::sync::Mutex::new(scopes),
            current: Mutex::default(),
        }
    }

    /// Asks for one thing more with the next token.
    pub(super) fn add_scope(&self, scope: String) {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }

    /// Asks for one thing less: a token service may refuse everything for its sake.
    pub(super) fn remove_scope(&self, scope: &str) {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.retain(|known| known != scope);
    }

    /// What to ask a token service for that was named together with `challenged`. A session that writes asks for that from
    /// the beginning, so that one token does for all of it.
    fn scopes(&self, challenged: Option<&str>) -> Vec<String> {
        let own = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let challenged = challenged.unwrap_or_default().split_ascii_whitespace();
        let challenged: Vec<String> = challenged.map(str::to_owned).collect();
        if self.access == Access::Pull && !challenged.is_empty() {
            return challenged;
        }
        let mut scopes = own.clone();
        let subject = |scope: &str| {
            scope
                .rsplit_once(':')
                .map(|(subject, _)| subject.to_owned())
        };
        for scope in challenged {
            if !own.iter().any(|own| subject(own) == subject(&scope)) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Returns whether there is a login for the registry.
    pub(super) fn has_login(&self) -> bool {
        self.credentials != Credentials::Anonymous
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
        wire: Wire,
    ) -> Result<Outcome, Failure> {
        let mut current = self.current.lock().await;
        if current.generation != used.generation {
            return Ok(Outcome::Retry(current.clone()));
        }
        for challenge in challenges(headers) {
            let header = match (&challenge, &self.credentials) {
                (Challenge::Bearer { .. }, Credentials::Registry(token)) => header::bearer(token),
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
                        scopes: &self.scopes(scope.as_deref()),
                        wire,
                    };
                    let token = token::fetch(http, &request, credentials).await?;
                    header::bearer(&token)
                }
                (Challenge::Basic, credentials) => header::basic(credentials),
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
