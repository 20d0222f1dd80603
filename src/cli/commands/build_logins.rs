//! The logins that a build needs. They belong to the user, and helpers that keep them run as the user: they are looked up
//! before the user's id map is entered.

use crate::build::cache::Place;
use crate::build::request::PullPolicy;
use crate::build::{Plan, Request};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::content::Reference;
use crate::image;
use crate::registry::Credentials;
use crate::sys;

/// Finds the logins for the images that have to be pulled, and for caches in registries.
pub(super) fn find(
    context: &Context,
    request: &Request,
    plan: &Plan,
) -> Result<Vec<(Reference, Credentials)>, Failure> {
    let store = context.store()?;
    let mut logins = Vec::new();
    for name in plan.images() {
        let here = image::resolve_base(&store, name, request.platform.as_ref()).is_ok();
        if here && matches!(request.pull, PullPolicy::Missing | PullPolicy::Never) {
            continue;
        }
        sys::names::use_files_and_dns();
        let reference = name.parse::<Reference>()?.with_default_tag();
        let credentials = Credentials::find(&context.settings, &reference)?;
        logins.push((reference, credentials));
    }
    let places = request.cache_from.iter();
    let targets = request.cache_to.iter();
    for place in places.chain(targets.filter_map(|target| target.place.as_ref())) {
        if let Place::Registry(reference) = place {
            sys::names::use_files_and_dns();
            let credentials = Credentials::find(&context.settings, reference)?;
            logins.push((reference.as_ref().clone(), credentials));
        }
    }
    Ok(logins)
}
