//! Times as records and logs write them: RFC 3339, UTC, nanoseconds without trailing zeroes, as Go's `RFC3339Nano`.

use jiff::Timestamp;

/// Returns the present.
pub(super) fn now() -> String {
    Timestamp::now().to_string()
}
