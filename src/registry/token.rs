//! Token services: a login and a scope in, a bearer token out.
//!
//! Spec: distribution, `docs/spec/auth/token.md` (GET, password as Basic) and `oauth.md` (POST, refresh token).

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Body, Client, Url};
use serde::Deserialize;

use super::error::Error;
use super::retry::Failure;
use super::{Credentials, Secret, answer, header, limits, transport};

/// How we name ourselves to token services.
const CLIENT_ID: &str = "ctr";

/// What a Bearer challenge asked for.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) realm: &'a str,
    pub(super) service: Option<&'a str>,
    pub(super) scopes: &'a [String],
    pub(super) wire: Wire,
}

/// How the registry itself is reached, which the token service may not fall behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Over HTTPS.
    Tls,
    /// Over HTTP; passwords are kept off the network all the same.
    Plain,
    /// As it comes: the user asks for no more.
    Any,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Fetches a token.
pub(super) async fn fetch(
    http: &Client,
    request: &Request<'_>,
    credentials: &Credentials,
) -> Result<Secret, Failure> {
    let bad_realm = || Error::Shape {
        what: "token service",
        url: super::error::printable(request.realm),
        source: None,
    };
    let mut realm = Url::parse(request.realm).map_err(|_| bad_realm())?;
    if !matches!(realm.scheme(), "http" | "https") {
        return Err(bad_realm().into());
    }
    // A realm may not bring credentials of its own along.
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err(bad_realm().into());
    }
    let may_be_plain = match request.wire {
        Wire::Tls => false,
        Wire::Plain => *credentials == Credentials::Anonymous,
        Wire::Any => true,
    };
    if !may_be_plain && !transport::is_confidential(&realm) {
        return Err(Error::InsecureRealm(answer::shown(&realm)).into());
    }
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    pairs.extend(request.service.map(|service| ("service", service)));
    // As Docker: each on its own in a query, all in one in a form.
    let together = request.scopes.join(" ");
    let (method, builder) = match credentials {
        Credentials::Identity(refresh) => {
            if !together.is_empty() {
                pairs.push(("scope", &together));
            }
            pairs.extend([
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", refresh.reveal()),
            ]);
            let builder = http
                .post(realm.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                // One that is not sent twice: a redirect would take the login to another server.
                .body(Body::wrap(form(&pairs)));
            ("Post", builder)
        }
        _ => {
            pairs.extend(request.scopes.iter().map(|scope| ("scope", scope.as_str())));
            if let Credentials::Password { user, .. } = credentials {
                pairs.extend([("account", user.as_str()), ("client_id", CLIENT_ID)]);
            }
            realm.query_pairs_mut().extend_pairs(&pairs);
            let mut builder = http.get(realm.clone());
            if let Some(basic) = header::basic(credentials) {
                builder = builder.header(AUTHORIZATION, basic);
            }
            ("Get", builder)
        }
    };
    let response = answer::send(builder, method, &realm).await?;
    if !response.status().is_success() {
        return Err(answer::refusal(response, method, None).await);
    }
    let body = answer::read(response, method, "token", limits::TOKEN_BYTES).await?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|source| Error::Shape {
        what: "token",
        url: answer::shown(&realm),
        source: Some(source),
    })?;
    match answer.access_token.or(answer.token) {
        Some(token) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(Error::Shape {
            what: "token",
            url: answer::shown(&realm),
            source: None,
        }
        .into()),
    }
}

/// Encodes pairs as a form; the query of a URL has the same encoding.
fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:/").expect("a constant");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}
