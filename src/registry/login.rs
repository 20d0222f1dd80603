//! Whether a registry takes a user name and a password.
//!
//! Spec: distribution-spec, "Determining Support"; what `docker login` asks before it stores anything.

use http::Method;

use super::access::Access;
use super::authorizer::Authorizer;
use super::error::Error;
use super::link::{Ask, Link, To};
use super::retry::Patience;
use super::session::runtime;
use super::{Credentials, Timing};
use crate::settings::Settings;

/// Shows `credentials` to the registry at `endpoint` (`host[:port]`).
///
/// # Errors
///
/// [`Error::Unauthorized`] where it does not take them, and all of the way there.
pub fn login(
    endpoint: &str,
    credentials: &Credentials,
    settings: &Settings,
    timing: Timing,
) -> Result<(), Error> {
    let runtime = runtime()?;
    let authorizer = Authorizer::new(credentials.clone(), Access::Pull, Vec::new());
    let link = Link::to_registry(endpoint, Access::Pull, authorizer, settings, timing)?;
    runtime.block_on(async {
        let mut patience = Patience::new(&link.timing);
        loop {
            match link.exchange(&Ask::new(Method::GET, To::Path(""))).await {
                Ok(_) => return Ok(()),
                Err(failure) => patience.wait(failure).await?,
            }
        }
    })
}
