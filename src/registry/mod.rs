//! The distribution-spec client.
