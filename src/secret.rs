//! Passwords and tokens, which are in no message.

use std::borrow::Cow;
use std::fmt;

/// A password or token. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// Returns the text, for the request that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What stands in the place of a login.
const HIDDEN: &str = "xxxxx";

/// Returns a text with the logins taken out of the URLs in it: `https://xxxxx@host/path`. What stands before the `@` of an
/// HTTP URL may be a token; elsewhere a name alone is none. What stands before the `@` of a digest is an image's name.
///
/// Source: BuildKit, util/urlutil, `RedactCredentials`.
pub fn without_logins(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let is_web = ["http://", "https://"]
            .iter()
            .any(|scheme| before.ends_with(scheme));
        let is_image =
            (["docker-image://", "oci-layout://"].iter()).any(|scheme| before.ends_with(scheme));
        // What no login can have unescaped: RFC 3986, 3.2.1.
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"');
        let end = after.find(ends).unwrap_or(after.len());
        shown.push_str(before);
        rest = after;
        if let Some(login) = after[..end].rfind('@')
            && login > 0
            && !is_image
            && (is_web || after[..login].contains(':'))
        {
            shown.push_str(HIDDEN);
            rest = &after[login..];
        }
    }
    match shown.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(shown + rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_taken_out_of_urls() {
        for (text, shown) in [
            ("https://a:b@h/x", "https://xxxxx@h/x"),
            ("https://token@h:1/x", "https://xxxxx@h:1/x"),
            ("https://a:b@c@h", "https://xxxxx@h"),
            ("https://a:b,c'd@h/x", "https://xxxxx@h/x"),
            ("https://h/x,https://a:b@i/", "https://h/x,https://xxxxx@i/"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("ssh://git:word@h/x", "ssh://xxxxx@h/x"),
            ("https://h/x@y:z", "https://h/x@y:z"),
            ("https://h?u=a:b@c", "https://h?u=a:b@c"),
            (
                "ADD \"http://a@h/1\" https://b:c@h/2 /d/",
                "ADD \"http://xxxxx@h/1\" https://xxxxx@h/2 /d/",
            ),
            ("git@h:x a://", "git@h:x a://"),
            ("docker-image://a:1@sha256:0", "docker-image://a:1@sha256:0"),
            ("oci-layout://a:1@sha256:0", "oci-layout://a:1@sha256:0"),
        ] {
            assert_eq!(without_logins(text), shown, "{text}");
        }
    }
}
