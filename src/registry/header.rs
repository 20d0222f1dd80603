//! `Authorization` headers. All are marked so that reqwest and hyper keep them out of their debug output.
//!
//! Spec: RFC 9110, "Authorization"; RFC 7617 (Basic); RFC 6750 (Bearer).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::{Credentials, Secret};

/// Returns the header with the value `text`; `None` where that has bytes that no header can have.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns the header of Basic authentication, for logins that have a password.
pub(super) fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials::Password { user, password } = credentials else {
        return None;
    };
    let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
    sensitive(&format!("Basic {pair}"))
}

/// Returns the header that shows a token.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.reveal()))
}
