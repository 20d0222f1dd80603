//! Exit codes of our own, as Docker's; all others are the container's or 1.

/// Exit code of `run`, `create` and `exec` when it was us who failed, and of wrong flags everywhere.
pub(crate) const ENGINE_ERROR: i32 = 125;
/// See [`ENGINE_ERROR`].
pub(crate) const USAGE_ERROR: i32 = ENGINE_ERROR;
