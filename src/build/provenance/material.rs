//! What a build is made from that is not in its context.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::build::remote::GitSource;
use crate::content::{Digest, Reference};
use crate::image::attestation::{PackageKind, digest_set, package_url};
use crate::image::{Image, Platform};
use crate::secret::without_logins;

/// Something from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Material {
    /// A base image, or one that files were copied from.
    Image {
        /// Its name in full, with a tag; or an image ID.
        name: String,
        /// Of the manifest or index that the name led to.
        digest: Digest,
        /// What it was taken for.
        platform: Platform,
        /// Whether it came from a directory, where the name is the build's own.
        is_layout: bool,
    },
    /// A commit of a repository.
    Git {
        /// Where, with the ref that was asked for behind a `#`; without passwords.
        url: String,
        /// The commit.
        commit: String,
    },
    /// A file.
    File {
        /// Where, without passwords.
        url: String,
        /// Of its bytes; `None` where nobody knows it: the cache had what an older build has made of it.
        digest: Option<Digest>,
    },
}

impl Material {
    /// Returns the image that `name` has led to.
    pub(in crate::build) fn image(name: &str, image: &Image, is_layout: bool) -> Material {
        let full = name.parse::<Reference>();
        let full = full.map(|name| name.with_default_tag().to_string());
        Material::Image {
            name: full.unwrap_or_else(|_| name.to_owned()),
            digest: image.target.clone(),
            platform: image.config.platform(),
            is_layout,
        }
    }

    /// Returns a commit of a repository.
    pub(in crate::build) fn commit(source: &GitSource, commit: &str) -> Material {
        let mut url = without_logins(&source.url).into_owned();
        if let Some(reference) = &source.reference {
            url += "#";
            url += reference;
        }
        Material::Git {
            url,
            commit: commit.to_owned(),
        }
    }

    /// Returns where it is: a URL, or a package URL. It is the same for everything that is the same.
    pub(super) fn uri(&self) -> String {
        match self {
            Material::Image {
                name,
                platform,
                is_layout,
                ..
            } => {
                let kind = match is_layout {
                    true => PackageKind::Oci,
                    false => PackageKind::Docker,
                };
                match name.parse() {
                    Ok(name) => package_url(kind, &name, platform),
                    // An image ID: nobody else knows it.
                    Err(_) => format!("pkg:oci/{name}"),
                }
            }
            Material::Git { url, .. } | Material::File { url, .. } => url.clone(),
        }
    }

    /// Returns the digest of what was there.
    pub(super) fn digest(&self) -> Option<Value> {
        match self {
            Material::Image { digest, .. } => Some(digest_set(digest)),
            Material::Git { commit, .. } => {
                let algorithm = if commit.len() == 64 { "sha256" } else { "sha1" };
                Some(json!({algorithm: commit}))
            }
            Material::File { digest, .. } => digest.as_ref().map(digest_set),
        }
    }

    /// Returns it as an entry of `materials`, or of `resolvedDependencies`.
    pub(super) fn entry(&self) -> Value {
        let mut entry = json!({"uri": self.uri()});
        if let Some(digest) = self.digest() {
            entry["digest"] = digest;
        }
        entry
    }

    /// Returns what a step that reads it calls it. Source: BuildKit, source/types.
    pub(super) fn identifier(&self) -> String {
        match self {
            Material::Image {
                name,
                digest,
                is_layout,
                ..
            } => {
                let scheme = if *is_layout {
                    "oci-layout"
                } else {
                    "docker-image"
                };
                let (name, _) = name.split_once('@').unwrap_or((name, ""));
                format!("{scheme}://{name}@{digest}")
            }
            Material::Git { url, .. } => match url.split_once("://") {
                Some((_, rest)) => format!("git://{rest}"),
                None => format!("git://{url}"),
            },
            Material::File { url, .. } => url.clone(),
        }
    }
}
