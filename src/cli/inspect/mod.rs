//! The JSON of `inspect`: Docker's Engine API shapes, fields in Docker's order.
//!
//! Source: moby `api/types/container`, version 28, and what its command line printed for a daemon's containers.

mod container;
mod schema;

pub(crate) use container::container;
pub(crate) use schema::Inspected;
