//! `WWW-Authenticate`: which ways of proving who we are a registry offers.
//!
//! Spec: RFC 9110, section 11.6.1; distribution, `docs/spec/auth/token.md`.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::limits;

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from a token service.
    Bearer {
        /// URL of the token service.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

/// Returns the challenges of an answer, Bearer first, as Docker prefers it. Unknown schemes are left out.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|value| value.len() <= limits::CHALLENGE_BYTES)
        .flat_map(parse)
        .collect();
    found.sort_by_key(|challenge| matches!(challenge, Challenge::Basic));
    found
}

/// Reads one header value, which may hold several challenges.
fn parse(value: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scanner = Scanner { rest: value };
    while let Some(scheme) = scanner.scheme() {
        let params = scanner.params();
        let get = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = get("realm")
        {
            found.push(Challenge::Bearer {
                realm,
                service: get("service"),
                scope: get("scope"),
            });
        }
    }
    found
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn token(&mut self) -> Option<&'a str> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn scheme(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        self.token()
    }

    /// Parameters up to the next scheme: a word that no `=` follows.
    fn params(&mut self) -> Vec<(&'a str, String)> {
        let mut params = Vec::new();
        loop {
            let before = self.rest;
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let Some(name) = self.token() else { break };
            let after = self.rest.trim_start();
            let Some(value) = after.strip_prefix('=') else {
                self.rest = before;
                break;
            };
            self.rest = value.trim_start();
            let Some(value) = self.value() else { break };
            params.push((name, value));
        }
        params
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            // Some registries leave quotes out around URLs, so a value ends at a comma only.
            let end = self.rest.find(',').unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(value.trim().to_owned());
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                _ => value.push(c),
            }
        }
        self.rest = "";
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn reads_what_registries_send() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        assert_eq!(
            parse(hub),
            [bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:a/b:pull,push")
            )]
        );
        assert_eq!(parse(r#"Basic realm="x, y""#), [Challenge::Basic]);
        assert_eq!(parse("basic"), [Challenge::Basic]);
        assert_eq!(
            parse(r#"Negotiate, Basic realm="a", Bearer realm="b""#),
            [Challenge::Basic, bearer("b", None, None)]
        );
        assert_eq!(
            parse(r#"Bearer realm="q\"x" , service = s"#),
            [bearer("q\"x", Some("s"), None)]
        );
        for bad in [
            "",
            ",",
            "=",
            r#"Bearer realm="x"#,
            "Bearer",
            "Digest nonce=1",
            "\"\"",
        ] {
            assert_eq!(parse(bad), [], "{bad:?}");
        }
    }

    #[test]
    fn prefers_bearer() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=\"x\"".parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Bearer realm=\"y\"".parse().unwrap());
        assert_eq!(
            challenges(&headers),
            [bearer("y", None, None), Challenge::Basic]
        );
    }
}
