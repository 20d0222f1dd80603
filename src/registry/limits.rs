//! How much a registry may send, beside the bounds of manifests and configs in [`content::limits`](crate::content::limits).

/// Largest answer of a token service, in bytes.
pub const TOKEN_BYTES: u64 = 1 << 20;
/// Largest error body that is looked at, in bytes.
pub const ERROR_BYTES: u64 = 64 << 10;
/// Characters of a registry's text that a message quotes.
pub const QUOTED_CHARS: usize = 300;
/// Redirects of one request, as Go's and curl's defaults.
pub const REDIRECTS: usize = 10;
/// Header lines of one answer.
pub const HEADERS: usize = 100;
/// Largest `WWW-Authenticate` value that is parsed, in bytes.
pub const CHALLENGE_BYTES: usize = 8 << 10;
/// Largest file of logins and largest answer of a credential helper, in bytes.
pub const CREDENTIAL_BYTES: u64 = 4 << 20;
/// Downloads at once. Docker's `max-concurrent-downloads` is 3; one more worker than cores keeps both busy.
pub const PARALLEL_DOWNLOADS: usize = 3;
/// Pieces of a blob on their way from the socket to its thread. A piece is at most some 400 KiB (hyper's read buffer).
pub const FEED_PIECES: usize = 16;
/// Uploads at once: Docker's `max-concurrent-uploads`.
pub const PARALLEL_UPLOADS: usize = 5;
/// Largest blob that is sent in one request with its digest, in bytes: it is not worth an upload that can be gone on with.
pub const SINGLE_REQUEST_BYTES: u64 = 1 << 20;
/// Largest answer to an upload that is looked at, in bytes.
pub const UPLOAD_ANSWER_BYTES: u64 = 64 << 10;
/// Longest `ETag`, `Last-Modified` or `Content-Disposition` that is believed, in bytes.
pub const VALIDATOR_BYTES: usize = 1 << 10;
