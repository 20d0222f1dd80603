//! The distribution-spec client: credentials, authentication, manifests, blobs.
//!
//! ```text
//! Session            one conversation with one repository; owns the async runtime, so that callers are plain code
//!   ├ link           one request: scheme, 401, refusal
//!   ├ transport      scheme, TLS roots, proxies, redirects: the reqwest client
//!   ├ answer         what came back: bounded bodies, refusals in Docker's words
//!   ├ authorizer     401 → challenge → token or password → the same request again
//!   ├ retry          what is tried again, after how long
//!   ├ feed           a blob on its way to the thread that wants it, resumed where it was cut
//!   └ upload         a blob or manifest on its way there; mounts from other repositories
//! WebFile          a file of any web server, for builds
//! login            whether a registry takes a user name and a password
//! auth_files       finding credentials: ~/.docker/config.json, podman's auth.json
//! logins           keeping and forgetting them
//!   └ helper         both, in the user's key ring: docker-credential-NAME
//! ```
//!
//! Everything a registry sends is bounded (see [`limits`]) and made printable before it stands in a message. Credentials
//! and tokens are in no message and in no `Debug` output, and go to no other host than the registry and its token service.
//! No thread and no runtime is left when a [`Session`] is dropped.
//!
//! Spec: distribution-spec; distribution, `docs/spec/auth`.

mod access;
mod answer;
mod auth_files;
mod authorizer;
mod challenge;
mod credentials;
mod error;
mod feed;
mod header;
mod helper;
pub mod limits;
mod link;
mod login;
mod logins;
mod retry;
mod session;
mod token;
mod transport;
mod upload;
mod web;

pub use crate::secret::Secret;
pub use access::Access;
pub use credentials::{CredentialError, Credentials};
pub use error::{Error, RegistryWords};
pub use feed::{Feed, Piece, Wanted};
pub use login::login;
pub use logins::{Kept, Server, erase, erase_all, store};
pub use retry::Timing;
pub use session::{FetchedManifest, Session};
pub use upload::{Content, Mounted, Place, Upload, UploadEvent};
pub use web::{FileFacts, WebFile};
