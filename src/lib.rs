//! `ctr`: a container engine in one static binary.
//!
//! This page is the map. Arrows point down only: a module may use the ones below it, never the ones above.
//!
//! ```text
//! cli          one file per command: a clap struct and a short call; errors → words, hints, exit codes; tables,
//!              Go templates, progress. The only part that prints, exits, or reads the environment
//! build        Dockerfile → image: the language and its linter, stages side by side, instruction after instruction, their
//!              cache, what becomes of the result
//! container    the container record and its life: create, start, exec, attach, logs, stop, rm, …
//! monitor      the process beside each running container: log, terminal, attach, exit status
//! runtime      an OCI runtime: runtime-spec in, process out; parent half and child half of the boundary
//! volume       named and anonymous volumes; every kind of mount argument → a runtime-spec mount
//! network      none, host, container:NAME, user-mode; published ports
//! image        image-spec: platform, manifest, config; pull and import; layer tar ↔ directory
//! registry     distribution-spec client: credentials, authentication, manifests, blobs. All async code lives here
//! rootfs       one root directory from a stack of layers: overlay, copy – behind one trait, as data
//! store        content-addressed store: blobs, references, layers, leases, prune, check
//! content      how content is named: digest, reference, media type, whiteout; bounds of what comes from outside
//! userns       the user's id map: found, written, entered
//! settings     what the command line and the environment decided, as data
//! secret       passwords and tokens, which are in no message
//! units        sizes as people write them
//! percent      text in URLs
//! errno        errnos as people read them
//! patience     waiting for what nobody announces
//! unfinished   files that get their name when they are whole
//! bounded      reading what others wrote, up to a bound
//! sys          system calls that `nix` and `rustix` lack; the only home of `unsafe`
//! ```
//!
//! A test (`arrows`) holds every `crate::…` of the sources against this map.
//!
//! Nothing below [`cli`] prints, exits, or reads the environment: what it needs arrives as arguments.

// The fuzz targets, which the unit tests run as well, know the library by its name.
#[cfg(test)]
extern crate self as ctr;

#[cfg(test)]
mod arrows;
pub mod bounded;
pub mod build;
pub mod cli;
pub mod container;
pub mod content;
pub mod errno;
pub mod image;
pub mod monitor;
pub mod network;
pub mod patience;
pub mod percent;
pub mod registry;
pub mod rootfs;
pub mod runtime;
pub mod secret;
pub mod settings;
pub mod store;
pub mod sys;
pub mod unfinished;
pub mod units;
pub mod userns;
pub mod volume;
